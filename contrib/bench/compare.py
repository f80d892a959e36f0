"""One round of what is compared with one another: subjects take turns, and those of one ratio follow at once, because the machine
changes its speed from minute to minute."""

from subjects import CONNECTIONS, Failed, PEERS, Pace, Simulator, fdatasync_ms, say

OWN = ('tmpfs', 'disk', 'postgres')
ACKS = ('bare', 'hmac', 'tmpfs', 'disk', 'fastify', 'stored', 'postgres', 'webhook')
DELIVERIES = ('relay', 'tmpfs', 'disk', 'fastify', 'stored', 'postgres', 'webhook')
PACED = ('relay', 'fastify', 'tmpfs', 'disk', 'postgres')
RIVALS = ('fastify', 'disk')  # whose slowest follow-ups are compared
RATE = 1000
PART = 0.9  # of what the rival carries: the rate that both are given


def acks(bench, got, name, chat, _taps):
    with Simulator(bench) as sim, bench.open(name, sim.url()) as server:
        result = bench.load(server, chat)
    for figure in ('rate', 'cpu_us', 'beside_us', 'p99'):
        got['acks.%s.%s' % (name, figure)] = result[figure]


def delivery(bench, got, name, _chat, taps):
    with Simulator(bench) as sim, bench.open(name, sim.url()) as server:
        result = bench.delivery(server, sim, taps)
    for figure in ('rate', 'cpu_us', 'beside_us'):
        got['deliver.%s.%s' % (name, figure)] = result[figure]


def pace(bench, got, name, taps, rate, key):
    """From webhook to follow-up, in ms, at so many a second; 0: as fast as answers come."""
    count = rate * bench.seconds if rate else taps.count
    with Pace(bench, taps, rate=rate, count=min(count, taps.count), seconds=bench.seconds, patience=10) as octopods, \
            bench.open(name, octopods.url()) as server:
        result = octopods.go(server)
    if result['arrived'] < result['good']:
        say('  %s: %d of %d follow-ups arrived' % (name, result['arrived'], result['good']))
    if result['late_p99'] > 1:
        say('  %s: the generator had not enough of the processor: one webhook in a hundred went %.1f ms late' % (name, result['late_p99']))
    if result['held']:
        say('  %s: %d of %d webhooks had to wait for one of %d connections' % (name, result['held'], result['sent'], CONNECTIONS))
    for figure in ('p50', 'p99'):
        got['%s.%s.%s' % (key, name, figure)] = result[figure]


def paced(bench, got, name, _chat, taps):
    pace(bench, got, name, taps, RATE, 'paced')


def full(bench, got, name, _chat, taps):
    pace(bench, got, name, taps, 0, 'full')


def part(bench, got, name, _chat, taps):
    if 'deliver.fastify.rate' not in got:
        raise Failed('nothing is known of the rival')
    got['part.rate'] = int(got['deliver.fastify.rate'] * PART)
    pace(bench, got, name, taps, got['part.rate'], 'part')


def one_round(bench, chat, taps):
    got = {}
    for measure, names in ((acks, ACKS), (delivery, DELIVERIES), (paced, PACED), (full, RIVALS), (part, RIVALS)):
        for name in names:
            if (name in OWN and bench.options.yardsticks) or (name in PEERS and not bench.peers):
                continue
            if measure is acks and name in ('disk', 'postgres'):
                got['fdatasync.' + name] = fdatasync_ms(bench.disk)
            try:
                measure(bench, got, name, chat, taps)
            except Failed as why:
                say('  %s, %s: not measured: %s' % (measure.__name__, name, why))
    syncs = [got.pop(name) for name in list(got) if name.startswith('fdatasync.')]
    if syncs:
        got['fdatasync'] = sum(syncs) / len(syncs)
    return got
