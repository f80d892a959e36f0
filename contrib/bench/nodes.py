"""Nodes on one PostgreSQL: how many follow-ups are delivered with one, two and three of them, and what one costs a node and the server.

Generator, simulator, server and nodes share the processors: more nodes cannot be faster where there are too few. What a reader can
calculate with is the processor time of each side."""

from concurrent.futures import ThreadPoolExecutor
import contextlib, time

from subjects import Tested, arrivals, harness, missing, postgres_cpu

MOST = 3
SECONDS = 2  # of load: longer, and the file of notifications would be used up; what is waiting then is delivered
PATIENCE = 10  # seconds since the last follow-up: what has not come by then is missing


def drive(bench, nodes, notes):
    """Each node from a generator of its own, all at once: how many were answered 200, and what is to be said of them."""
    with ThreadPoolExecutor(len(nodes)) as together:
        results = list(together.map(lambda node, part: bench.load(node, part, SECONDS), nodes, notes.parts(len(nodes))))
    return (sum(result['good'] for result in results),
            ['%s: %s' % (node.name, text) for node, result in zip(nodes, results) for text in result['remarks']])


def measure(bench, notes, count):
    with contextlib.ExitStack() as left:
        url, database = left.enter_context(bench.database())
        sim = left.enter_context(harness.Sim('--quiet'))
        nodes = [Tested(left, 'node %d' % (i + 1), sim, {'store': 'env:STORE_URL', 'limits': {'store_time': '5s'}}, STORE_URL=url)
                 for i in range(count)]
        for node in nodes:
            node.serve()
        before, server, begin = sum(node.cpu() for node in nodes), postgres_cpu(bench.server, database), time.monotonic()
        good, remarks = drive(bench, nodes, notes)
        came, end = arrivals(lambda: sim.control('GET', 'count?path=/api/v1/telegram&accepted=1'), good, PATIENCE)
        for node in nodes:
            node.check()
        stored = int(bench.server.sql('SELECT count(*) FROM notification', database)[0])  # with what wrk did not wait for
        due = max(good, stored)
        return {'rate': came / (end - begin), 'missing': max(0, due - came), 'remarks': remarks, **missing(due, came),
                'cpu_us': (sum(node.cpu() for node in nodes) - before) * 1e6 / max(came, 1),
                'server_us': (postgres_cpu(bench.server, database) - server) * 1e6 / max(came, 1)}


def measurements(bench, notes):
    return [('nodes.%d' % count, measure, bench, notes, count) for count in range(1, MOST + 1)]


def add_lines(report):
    names = [(count, 'nodes.%d' % count) for count in range(1, MOST + 1)]
    if not any(report.results(name) for _, name in names):
        return
    report.lines += ['', '%-44s %12s %12s %12s %14s' % ('taps to follow-ups, one PostgreSQL, on disk', 'delivered', 'missing', 'a node',
                                                        'the server')]
    for count, name in names:
        got = report.one(name)
        report.row('%-44s' % ('%d node%s' % (count, 's' * (count > 1))), name, got and '%10.0f/s %12d %9.0f us %11.0f us' % (
            got['rate'], got['missing'], got['cpu_us'], got['server_us']))
    report.lines.append('  (processor time a follow-up; missing: stored, and not delivered within %d s after the last one)' % PATIENCE)
