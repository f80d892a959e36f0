"""One round of what is compared with one another: subjects take turns, and those of one ratio follow at once, because the machine
changes its speed from minute to minute."""

from subjects import CONNECTIONS, Failed, PEERS, Pace, Simulator, attempt, fdatasync_ms

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


def acks(bench, name, chat, _taps, _got):
    got = {'fdatasync': fdatasync_ms(bench.disk)} if name == 'disk' else {}
    with Simulator(bench) as sim, bench.open(name, sim.url()) as server:
        if name in NODE:
            bench.load(server, chat.part(chat.count - SPARE, SPARE), WARM)
        got.update(bench.load(server, chat.part(0, chat.count - SPARE)))
    if got['refused']:
        got['remarks'].append('their p99 is left out: it would be that of refusals, too')
        del got['p99']
    return got


def delivery(bench, name, _chat, taps, _got):
    with Simulator(bench) as sim, bench.open(name, sim.url()) as server:
        if name in NODE:
            bench.delivery(server, sim, taps.part(taps.count - SPARE, SPARE), WARM)
        return bench.delivery(server, sim, taps.part(0, taps.count - SPARE))


def pace(bench, name, taps, rate, seconds):
    """From webhook to follow-up, in ms, at so many a second; 0: as fast as they are answered."""
    with Pace(bench, taps, rate=rate, count=taps.count, seconds=WARM + seconds, warm=WARM, patience=10) as octopods, \
            bench.open(name, octopods.url()) as server:
        got = octopods.go(server)
    if got['arrived'] < got['good'] or not got['good']:
        raise Failed('%d of %d follow-ups arrived' % (got['arrived'], got['good']))
    got.update(rate=got['good'] / (got['us'] / 1e6), remarks=[])
    if got['late_p99'] > 1:
        got['remarks'].append('the generator had not enough of the processor: one webhook in a hundred went %.1f ms late' % got['late_p99'])
    if got['held']:
        got['remarks'].append('%d of %d webhooks had to wait for one of %d connections' % (got['held'], got['sent'], CONNECTIONS))
    return got


def paced(bench, name, _chat, taps, _got):
    return pace(bench, name, taps, RATE, min(SHORT, bench.seconds))


def full(bench, name, _chat, taps, _got):
    return pace(bench, name, taps, 0, bench.seconds)


def part(bench, name, _chat, taps, got):
    rival = got['delivery.fastify'].get('rate')
    if not rival:
        raise Failed('it is not known what the rival carries')
    return pace(bench, name, taps, int(rival * PART), min(SHORT, bench.seconds))


def one_round(bench, got, chat, taps):
    for measure, names in ((acks, ACKS), (delivery, DELIVERIES), (paced, PACED), (full, RIVALS), (part, RIVALS)):
        for name in names:
            if (name in OWN and bench.options.yardsticks) or ((name in PEERS or measure is part) and bench.options.no_peers):
                continue
            attempt(got, '%s.%s' % (measure.__name__, name), measure, bench, name, chat, taps, got)
