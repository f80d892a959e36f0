"""Nodes on one PostgreSQL: how many follow-ups are delivered with one, two and three of them, and what one costs a node and the server.

Generator, simulator, server and nodes share the processors: more nodes cannot be faster where there are too few. What a reader can
calculate with is the processor time of each side."""

import os, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'tests', 'functional'))
import harness

SECRET = 'bench-secret'
RULES = "rules:\n  - { name: track, tap: 'track:(?<id>ORD-[0-9]{4,12})', reply: { text: 'Order ${id} is on its way.' } }\n"
MOST = 3
SECONDS = 2  # of load: longer, and the file of notifications would be used up; what is waiting then is delivered
TICK = os.sysconf('SC_CLK_TCK')


def stat(pid):
    """Parent, processor seconds of its own, of its children that have ended."""
    with open('/proc/%d/stat' % pid) as file:
        fields = file.read().rpartition(')')[2].split()
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / TICK, (int(fields[13]) + int(fields[14])) / TICK


class Node:
    """What bench.load drives."""

    def __init__(self, sim, url, number):
        self.name = 'node %d' % number
        self.daemon = harness.Daemon(sim, RULES, {'log_level': 'warn', 'limits': {'store_time': '5s'}},
                                     {'INTERCOM_SECRET': SECRET, 'STORE_URL': url})
        self.address = '%s:%d' % self.daemon.intake

    def cpu(self):
        return stat(self.daemon.process.pid)[1]


def server_cpu(database):
    """Of the server with all its processes."""
    backend = int(harness.STORE_SERVER.sql("SELECT min(pid) FROM pg_stat_activity WHERE application_name = 'callbackd'", database)[0])
    parent = stat(backend)[0]
    seconds = sum(stat(parent)[1:])
    for pid in os.listdir('/proc'):
        try:
            above, own, _ = stat(int(pid))
        except (ValueError, OSError):
            continue
        seconds += own if above == parent else 0
    return seconds


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
    url = harness.STORE_SERVER.fresh()
    database = url.rsplit('/', 1)[1]
    with harness.Sim('--quiet') as sim:
        nodes = [Node(sim, url, number + 1) for number in range(count)]
        try:
            before, server, begin = sum(n.cpu() for n in nodes), server_cpu(database), time.monotonic()
            good = drive(bench, nodes, notes)
            came, end = delivered(sim, good, 10)
            got['nodes.%d' % count] = came / (end - begin)
            got['nodes.%d.cpu' % count] = (sum(n.cpu() for n in nodes) - before) * 1e6 / max(came, 1)
            got['nodes.%d.server' % count] = (server_cpu(database) - server) * 1e6 / max(came, 1)
        finally:
            for node in nodes:
                node.daemon.__exit__(None)


def measure(bench, got, notes):
    harness.CALLBACKD, harness.SIM = (os.path.abspath(bench.program(name)) for name in ('callbackd', 'tests/sim/callbackd-sim'))
    try:
        harness.STORE_SERVER = harness.Postgres()
    except harness.Skip as why:
        print('  not measured: %s' % why, file=sys.stderr)
        return
    try:
        for count in range(1, MOST + 1):
            measure_with(bench, got, notes, count)
    finally:
        harness.STORE_SERVER.end()
        harness.STORE_SERVER = None


def lines(got):
    if 'nodes.1' not in got:
        return []
    out = ['', '%-44s %12s %12s %14s' % ('taps to follow-ups, one PostgreSQL, on disk', 'delivered', 'a node', 'the server')]
    for count in range(1, MOST + 1):
        name = 'nodes.%d' % count
        out.append('%-44s %10.0f/s %9.0f us %11.0f us' % ('%d node%s' % (count, 's' * (count > 1)), got[name],
                                                         got[name + '.cpu'], got[name + '.server']))
    return out + ['  (processor time a follow-up)']
