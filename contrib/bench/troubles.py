"""Acknowledgements while something around the daemon fails: webhooks at full speed in each scene, from its start on.

That nothing is lost meanwhile, and that others go on, is tested in tests/functional/test_faults.py, with the same means."""

from concurrent.futures import ThreadPoolExecutor
import contextlib, errno, functools, json, os, socket, sqlite3, threading, time

from subjects import Failed, Notes, Pace, SECRET, Tested, faultkit, harness

LIMIT = 500  # ms: senders count slower answers as bad
DAY_MS = 86400000


class Place(Tested):
    """Where a scene plays: the daemon on a new store, the simulator, and what is to be closed at the end."""

    def __init__(self, left, bench, scene):
        self.open, self.bench = left, bench
        self.sim = left.enter_context(harness.Sim('--quiet'))
        super().__init__(left, 'callbackd', self.sim, {'limits': {'store_time': '400ms'}})
        scene.before(self)
        self.serve()

    def trouble(self, **values):
        """The daemon's own, see tests/faults/trouble.c. First before it starts."""
        if not hasattr(self, 'page'):
            self.page = faultkit.Trouble(self.daemon)
        self.page.set(**values)

    def use(self, url):
        self.daemon.config['channels']['shop']['url'] = url

    def run_by(self, prefix):
        """What faultkit gives; where it gives nothing, the scene would be another one."""
        if not prefix:
            raise Failed('nobody may hang one file over another here (unshare -m, mount --bind)')
        self.daemon.prefix = prefix


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
        place.run_by(place.open.enter_context(faultkit.no_names(place.daemon.folder)))
        place.use('http://octopods.example')


class Expired(Scene):
    """A certificate that was good for a day, two days ago."""

    def before(self, place):
        path = place.daemon.path('expired.pem')
        faultkit.make_certificate(path, 1)
        place.trouble(clock_ms=2 * DAY_MS)
        place.run_by(faultkit.trusting(path))
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
        code, _, why = place.daemon.run('queue', 'release', '--channel', 'shop')
        if code:
            raise Failed('queue release: ' + why)


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
        begin, held = time.monotonic(), 0
        with contextlib.closing(sqlite3.connect(place.daemon.path('callbackd.db'), 0, isolation_level=None)) as db:
            while not over.is_set():
                if not self.take(db):
                    over.wait(0.0005)  # between two transactions of the daemon there is no more time than that
                    continue
                since = time.monotonic()
                over.wait(self.seconds)
                db.execute('ROLLBACK')
                held += time.monotonic() - since
                over.wait(self.seconds)
        all_of_it = time.monotonic() - begin
        if held < all_of_it / 4:
            raise Failed('the lock was got for %.1f of %.1f s only' % (held, all_of_it))

    @staticmethod
    def take(db):
        try:
            db.execute('BEGIN IMMEDIATE')
            return True
        except sqlite3.OperationalError:
            return False


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
    """Signed requests of one length, each with a message of its own: their file is good for five minutes, after which they are answered
    401. As many as the generator can bring: what goes out twice would measure the recognizing of repeats."""
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
    return Notes(file, len(record), 0, count)


def measure(bench, scene, notes):
    notes = notes()
    with contextlib.ExitStack() as left:
        place = Place(left, bench, scene)
        generator = left.enter_context(Pace(bench, notes, count=notes.count, seconds=bench.seconds, patience=0))
        scene.begin(place)
        over = threading.Event()
        with ThreadPoolExecutor(1) as beside:
            meanwhile = beside.submit(scene.meanwhile, place, over)
            try:
                got = generator.go(place, may_refuse=True)
            finally:
                over.set()
        meanwhile.result()
        seconds = max(got['us'], 1) / 1e6
        return {**got, 'good_rate': got['good'] / seconds, 'refused_rate': got['refused'] / seconds, 'memory': place.memory('VmHWM')}


def measurements(bench, taps):
    hubspot = functools.cache(lambda: hubspot_notes(bench))
    return [('trouble.' + scene.text.strip(), measure, bench, scene, hubspot if scene.hubspot else lambda: taps) for scene in SCENES]


def answers(got, kind):
    """How many a second, and 99 of 100 within so many ms."""
    return '%9.0f %9s' % (got[kind + '_rate'], '%.1f' % got[kind + '_p99'] if got[kind] else '-')


def add_lines(report):
    names = [(scene.text, 'trouble.' + scene.text.strip()) for scene in SCENES]
    if not any(report.results(name) for _, name in names):
        return
    title = 'answers to webhooks while ..., on disk; p99 in ms'
    report.lines += ['', '%-49s %7s %9s %9s %9s %10s' % (title, '200 /s', 'p99', '503 /s', 'p99', 'memory')]
    for text, name in names:
        got = report.one(name)
        slow = got and max(got['good_p99'], got['refused_p99']) >= LIMIT
        report.row('%-47s' % text, name, got and '%s %s %7.1f MB%s' % (answers(got, 'good'), answers(got, 'refused'), got['memory'],
                                                                      ' <== OVER %d ms' % LIMIT * slow))
