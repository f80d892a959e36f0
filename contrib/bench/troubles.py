"""Acknowledgements while something around the daemon fails: webhooks at full speed in each scene, from its start on.

That nothing is lost meanwhile, and that others go on, is tested in tests/functional/test_faults.py, with the same means."""

import contextlib, errno, json, os, socket, sqlite3, tempfile, threading, time

from subjects import harness, Driven, Notes, SECRET
import faultkit

RULES = "rules:\n  - { name: track, tap: 'track:(?<id>ORD-[0-9]{4,12})', reply: { text: 'Order ${id} is on its way.' } }\n"
DAY_MS = 86400000


class Place(Driven):
    """Where a scene plays: the daemon on a new store, the simulator, and what is to be closed at the end."""

    def __init__(self, bench, scene):
        self.bench, self.scene, self.name = bench, scene, 'callbackd'

    def __enter__(self):
        self.open = contextlib.ExitStack()
        self.sim = self.open.enter_context(harness.Sim('--quiet'))
        self.daemon = harness.Daemon(self.sim, RULES, {'log_level': 'warn', 'limits': {'store_time': '400ms'}}, {'INTERCOM_SECRET': SECRET}, start=False)
        self.open.push(self.daemon)
        self.scene.before(self)
        self.daemon.write_config()
        self.daemon.serve()
        self.address = '%s:%d' % self.daemon.intake
        return self

    def __exit__(self, *_):
        self.open.__exit__(None, None, None)

    def trouble(self, **values):
        """The daemon's own, see tests/faults/trouble.c. First before it starts."""
        if not hasattr(self, 'page'):
            self.page = faultkit.Trouble(self.daemon)
        self.page.set(**values)

    def use(self, url):
        self.daemon.config['channels']['shop']['url'] = url

    def peak(self):
        """Megabytes."""
        with open('/proc/%d/status' % self.daemon.process.pid) as file:
            return next(int(line.split()[1]) * 1024 / 1e6 for line in file if line.startswith('VmHWM'))


class Scene:
    """What fails: prepared before the daemon starts, begun when it runs, or going on beside the load until `over` is set."""
    hubspot = False

    def __init__(self, text):
        self.text = text

    def before(self, place):
        pass

    def begin(self, place):
        pass

    def meanwhile(self, place, over):
        pass


class Octopods(Scene):
    def __init__(self, text, **fault):
        super().__init__(text)
        self.fault = fault

    def begin(self, place):
        place.sim.fault(times=-1, **self.fault)


class Elsewhere(Scene):
    def __init__(self, text, url):
        super().__init__(text)
        self.url = url

    def before(self, place):
        place.use(self.url)


class NoNames(Scene):
    def before(self, place):
        place.daemon.prefix = place.open.enter_context(faultkit.no_names(place.daemon.folder)) or []
        place.use('http://octopods.example')


class Expired(Scene):
    """A certificate that was good for a day, two days ago."""

    def before(self, place):
        path = place.daemon.path('expired.pem')
        faultkit.make_certificate(path, 1)
        place.trouble(clock_ms=2 * DAY_MS)
        place.daemon.prefix = faultkit.trusting(path) or []
        tls = faultkit.Tls(place.sim)
        tls.use(path)
        tls.start()
        place.open.callback(tls.stop)
        place.use(tls.url)


class Hour(Octopods):
    """What waits after an hour of it: the daemon's clocks pass it in steps of two seconds, some taps in each minute."""

    def before(self, place):
        place.trouble()

    def begin(self, place):
        super().begin(place)
        for second in range(0, 3601, 2):
            place.trouble(boot_ms=1000 * second, clock_ms=1000 * second)
            if second % 60 == 0:
                for user in range(10):
                    place.daemon.post_intercom(harness.intercom_replied('track:ORD-0001', str(second * 10 + user)), SECRET)


class Restored(Octopods):
    def meanwhile(self, place, over):
        over.wait(place.bench.seconds / 2)
        place.sim.control('DELETE', 'faults')
        place.daemon.run('queue', 'release', '--channel', 'shop')


class Disk(Scene):
    def __init__(self, text, **values):
        super().__init__(text)
        self.values = values

    def before(self, place):
        place.trouble()

    def begin(self, place):
        place.trouble(**self.values)


class Locked(Scene):
    """By another process's transaction: all the time, or every other so many seconds."""

    def __init__(self, text, seconds=None):
        super().__init__(text)
        self.seconds = seconds

    def meanwhile(self, place, over):
        with contextlib.closing(sqlite3.connect(place.daemon.path('callbackd.db'), 10, isolation_level=None)) as db:
            while not over.is_set():
                db.execute('BEGIN IMMEDIATE')
                over.wait(self.seconds)
                db.execute('ROLLBACK')
                over.wait(self.seconds)


class Clock(Scene):
    def before(self, place):
        place.trouble()

    def meanwhile(self, place, over):
        ahead = 2 * DAY_MS
        while not over.wait(0.1):
            place.trouble(clock_ms=ahead)
            ahead = -ahead


class HubSpot(Scene):
    hubspot = True

    def __init__(self, text, **fault):
        super().__init__(text)
        self.fault = fault

    def before(self, place):
        if not self.fault:
            place.daemon.config['sources'][1]['api'] = dead(place)

    def begin(self, place):
        if self.fault:
            place.sim.fault(path='/conversations/', times=-1, **self.fault)


class Dead(Scene):
    def before(self, place):
        place.use(dead(place))


def dead(place):
    """A port that is taken, and does not listen."""
    taken = place.open.enter_context(socket.socket())
    taken.bind(('127.0.0.1', 0))
    return 'http://127.0.0.1:%d' % taken.getsockname()[1]


SCENES = (
    Octopods('Octopods never answers', hang=True),
    Octopods('  breaks off half-way', close='mid'),
    Octopods('  resets the connection', close='reset'),
    Dead('  refuses connections'),
    Elsewhere('  has a name that is not found', 'http://octopods.invalid'),
    NoNames('  has a name, and the name server never answers'),
    Expired('  has a certificate that has expired'),
    Octopods('  answers 500', status=500),
    Hour('  answers 503, since an hour', status=503),
    Octopods('  answers 429', status=429),
    Octopods('  answers 429, Retry-After: 1', status=429, headers={'Retry-After': '1'}),
    Octopods('  answers 200 and rubbish', status=200, body='<html>'),
    Octopods('  has revoked the key', status=401),
    Restored('  has restored it half-way', status=401),
    HubSpot('HubSpot\'s API refuses connections'),
    HubSpot('  answers 503', status=503),
    HubSpot('  never answers', hang=True),
    HubSpot('  takes two seconds', delay_ms=2000),
    Disk('the disk is full', write=errno.ENOSPC),
    Disk('  cannot be written', write=errno.EIO),
    Disk('  cannot sync', sync=errno.EIO),
    Locked('the store is locked by another'),
    Locked('  every other 0.2 s', 0.2),
    Clock('the clock jumps by two days, ten times a second'),
)


def hubspot_notes(bench):
    """Signed requests of one length, each with a message of its own: their file is good for five minutes. As many as the generator can
    bring: what goes out twice would measure the recognizing of repeats."""
    count = int(bench.speed * bench.seconds)
    path, begun = '/webhooks/hubspot', int(time.time() * 1000)
    file = os.path.join(bench.folder, 'hubspot')
    with open(file, 'wb') as out:
        for number in range(count):
            event = harness.hubspot_event(10**9 + number, 'message-%d' % (10**9 + number), occurredAt=begun)
            body = json.dumps([event]).encode()
            headers = harness.hubspot_headers(body, path, harness.SECRETS['HUBSPOT_SECRET'], begun)
            head = ''.join('%s: %s\r\n' % pair for pair in {'Host': 'localhost', 'Content-Length': len(body), **headers}.items())
            record = ('POST %s HTTP/1.1\r\n%s\r\n' % (path, head)).encode() + body
            out.write(record)
    return Notes(file, len(record), count)


def measure(bench, got, taps):
    tempfile.tempdir = bench.disk
    harness.CALLBACKD, harness.SIM = bench.program('callbackd'), bench.program('tests/sim/callbackd-sim')
    faultkit.TROUBLE = bench.program('tests/faults/trouble.so')
    hubspot = None
    try:
        for scene in SCENES:
            if scene.hubspot and not hubspot:
                hubspot = hubspot_notes(bench)
            with Place(bench, scene) as place:
                got['trouble.' + scene.text] = play(bench, place, hubspot if scene.hubspot else taps)
    finally:
        tempfile.tempdir = None


def play(bench, place, notes):
    over = threading.Event()
    place.scene.begin(place)
    beside = threading.Thread(target=place.scene.meanwhile, args=(place, over))
    beside.start()
    try:
        result = bench.load(place, notes)
    finally:
        over.set()
        beside.join()
    return result['rate'], result['refused'] / (result['us'] / 1e6), result['p99'], place.peak()


def lines(got):
    """Of the report."""
    out = ['', '%-47s %9s %9s %12s %10s' % ('answers to webhooks while ..., on disk', '200 /s', '503 /s', 'p99 (<500)', 'memory')]
    for scene in SCENES:
        if 'trouble.' + scene.text in got:
            good, refused, p99, peak = got['trouble.' + scene.text]
            out.append('%-47s %9.0f %9.0f %9.1f ms %7.1f MB%s' % (scene.text, good, refused, p99, peak, ' <== OVER' * (p99 >= 500)))
    return out if len(out) > 2 else []
