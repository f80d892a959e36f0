"""One round of what is compared with one another: subjects take turns, and those of one ratio follow at once, because the machine
changes its speed from minute to minute."""

from subjects import CONNECTIONS, Failed, PEERS, Pace, Simulator, fdatasync_ms, say

OWN = ('tmpfs', 'disk', 'postgres')
ACKS = ('bare', 'hmac', 'tmpfs', 'disk', 'fastify', 'stored', 'postgres', 'webhook')
DELIVERIES = ('relay', 'tmpfs', 'disk', 'fastify', 'stored', 'postgres', 'webhook')
PACED = ('relay', 'fastify', 'tmpfs', 'disk', 'postgres')
NODE = ('fastify', 'stored')
SPARE = 30000  # notifications at the end of a file, for that second
RIVALS = ('fastify', 'disk')  # whose slowest follow-ups are compared
RATE, SHORT = 1000, 3  # a second; so many seconds at most, to keep a round short
WARM = 1  # second that Node gets before it is measured: it compiles what it runs often
PART = 0.9  # of what the rival carries: the rate that both are given


def acks(bench, got, name, chat, _taps):
    with Simulator(bench) as sim, bench.open(name, sim.url()) as server:
        if name in NODE:
            bench.load(server, chat, WARM, chat.count - SPARE)
        result = bench.load(server, chat)
    for figure in ('rate', 'cpu_us', 'beside_us', 'p99'):
        got['acks.%s.%s' % (name, figure)] = result[figure]


def delivery(bench, got, name, _chat, taps):
    with Simulator(bench) as sim, bench.open(name, sim.url()) as server:
        if name in NODE:
            bench.delivery(server, sim, taps, WARM, taps.count - SPARE)
        result = bench.delivery(server, sim, taps)
    for figure in ('rate', 'cpu_us', 'beside_us'):
        got['deliver.%s.%s' % (name, figure)] = result[figure]


def pace(bench, got, name, taps, key, rate, seconds):
    """From webhook to follow-up, in ms, at so many a second; 0: as fast as they are answered."""
    with Pace(bench, taps, rate=rate, count=taps.count, seconds=WARM + seconds, warm=WARM, patience=10) as octopods, \
            bench.open(name, octopods.url()) as server:
        result = octopods.go(server)
    if result['arrived'] < result['good'] or not result['good']:
        raise Failed('%d of %d follow-ups arrived' % (result['arrived'], result['good']))
    if result['late_p99'] > 1:
        say('  %s: the generator had not enough of the processor: one webhook in a hundred went %.1f ms late' % (name, result['late_p99']))
    if result['held']:
        say('  %s: %d of %d webhooks had to wait for one of %d connections' % (name, result['held'], result['sent'], CONNECTIONS))
    for figure in ('p50', 'p99'):
        got['%s.%s.%s' % (key, name, figure)] = result[figure]


def paced(bench, got, name, _chat, taps):
    pace(bench, got, name, taps, 'paced', RATE, min(SHORT, bench.seconds))


def full(bench, got, name, _chat, taps):
    pace(bench, got, name, taps, 'full', 0, bench.seconds)


def part(bench, got, name, _chat, taps):
    if 'deliver.fastify.rate' not in got:
        raise Failed('nothing is known of the rival')
    got['part.rate'] = int(got['deliver.fastify.rate'] * PART)
    pace(bench, got, name, taps, 'part', got['part.rate'], min(SHORT, bench.seconds))


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
