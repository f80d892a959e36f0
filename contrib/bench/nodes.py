"""Nodes on one PostgreSQL: how many follow-ups are delivered with one, two and three of them, and what one costs a node and the server.

Generator, simulator, server and nodes share the processors: more nodes cannot be faster where there are too few. What a reader can
calculate with is the processor time of each side."""

import threading, time

from subjects import harness, Driven, SECRET, cpu_of, postgres_cpu

RULES = "rules:\n  - { name: track, tap: 'track:(?<id>ORD-[0-9]{4,12})', reply: { text: 'Order ${id} is on its way.' } }\n"
MOST = 3
SECONDS = 2  # of load: longer, and the file of notifications would be used up; what is waiting then is delivered


class Node(Driven):
    def __init__(self, sim, url, number):
        self.name = 'node %d' % number
        self.daemon = harness.Daemon(sim, RULES, {'log_level': 'warn', 'store': 'env:STORE_URL', 'limits': {'store_time': '5s'}},
                                     {'INTERCOM_SECRET': SECRET, 'STORE_URL': url})
        self.address = '%s:%d' % self.daemon.intake

    def cpu(self):
        return cpu_of(self.daemon.process.pid)[1]


def drive(bench, nodes, notes):
    """Each node from a generator of its own, all at once: how many were answered 200."""
    results = [None] * len(nodes)

    def one(i):
        results[i] = bench.load(nodes[i], notes, SECONDS, i * notes.count // len(nodes))

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(nodes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(result['good'] for result in results if result)


def delivered(sim, count, seconds):
    """Waits for so many; how many came, and when the last one did."""
    accepted, changed = 0, time.monotonic()
    while accepted < count and time.monotonic() - changed < seconds:
        now = sim.control('GET', 'count?path=/api/v1/telegram&accepted=1')
        now = now if isinstance(now, int) else now['count']
        if now != accepted:
            accepted, changed = now, time.monotonic()
        time.sleep(0.01)
    return accepted, changed


def measure_with(bench, got, notes, count):
    postgres = bench.postgres()
    url = postgres.fresh()
    database = url.rsplit('/', 1)[1]
    with harness.Sim('--quiet') as sim:
        nodes = [Node(sim, url, number + 1) for number in range(count)]
        try:
            before, server, begin = sum(n.cpu() for n in nodes), postgres_cpu(postgres, database), time.monotonic()
            good = drive(bench, nodes, notes)
            came, end = delivered(sim, good, 10)
            got['nodes.%d' % count] = came / (end - begin)
            got['nodes.%d.cpu' % count] = (sum(n.cpu() for n in nodes) - before) * 1e6 / max(came, 1)
            got['nodes.%d.server' % count] = (postgres_cpu(postgres, database) - server) * 1e6 / max(came, 1)
        finally:
            for node in nodes:
                node.daemon.__exit__(None)


def measure(bench, got, notes):
    harness.CALLBACKD, harness.SIM = bench.program('callbackd'), bench.program('tests/sim/callbackd-sim')
    for count in range(1, MOST + 1):
        measure_with(bench, got, notes, count)


def lines(got):
    if 'nodes.1' not in got:
        return []
    out = ['', '%-44s %12s %12s %14s' % ('taps to follow-ups, one PostgreSQL, on disk', 'delivered', 'a node', 'the server')]
    for count in range(1, MOST + 1):
        name = 'nodes.%d' % count
        out.append('%-44s %10.0f/s %9.0f us %11.0f us' % ('%d node%s' % (count, 's' * (count > 1)), got[name],
                                                         got[name + '.cpu'], got[name + '.server']))
    return out + ['  (processor time a follow-up)']
