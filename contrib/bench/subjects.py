"""What is measured, and what drives it: servers, the simulator, the generators. Everything listens on the loopback only."""

import collections, contextlib, http.client, json, os, shutil, signal, socket, statistics, subprocess, sys, tempfile, time, traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'tests', 'functional'))
import faultkit, harness

SECRET, KEY = 'bench-secret', 'sim-key'
PATH = '/webhooks/intercom'
TELEGRAM = '/api/v1/telegram/interactive'
CONNECTIONS = 64
RULES = '''rules:
  - name: track
    tap: 'track:(?<id>ORD-[0-9]{4,12})'
    text: 'track:(?<id>ORD-[0-9]{4,12})'
    reply:
      text: 'Order ${id} is on its way.'
      buttons:
        - [ { text: Refresh, callback_data: 'track:${id}' } ]
'''
ONE_RULE = "rules:\n  - { name: track, tap: 'track:(?<id>ORD-[0-9]{4,12})', reply: { text: 'Order ${id} is on its way.' } }\n"
CONFIG = '''listen: 127.0.0.1:{port}
bound_file: {folder}/addresses
store: {store}
rules: [ {folder}/{rules} ]
log_level: warn
sources:
  - {{ name: intercom, kind: intercom, path: {path}, secrets: [ env:INTERCOM_SECRET ], channel: shop }}
channels:
  shop: {{ url: '{url}', key: env:SHOP_KEY, rate: off, chat_rate: off, loop_guard: 0 }}
'''
ENVIRONMENT = dict(os.environ, INTERCOM_SECRET=SECRET, SHOP_KEY=KEY, NODE_ENV='production')
TICK = os.sysconf('SC_CLK_TCK')
PEERS = ('fastify', 'stored', 'webhook')


class Notes(collections.namedtuple('Notes', 'file length first count')):
    """Notifications in a file, of one length: `count` of them from number `first` on."""

    def part(self, first, count):
        return self._replace(first=self.first + first, count=count)

    def parts(self, count):
        """So many of one size."""
        size = self.count // count
        return [self.part(i * size, size) for i in range(count)]



def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- what a measurement comes to: figures by their names, `remarks` below the table, and a `fault` that spoils it or is all there is

class Failed(Exception):
    """A subject could not be measured; the others can."""


def attempt(got, name, measure, *arguments):
    """Puts what measure() gives under this name. Whatever goes wrong is this one's: the others go on, the table and the exit status
    tell."""
    try:
        got[name] = measure(*arguments)
    except Exception as why:
        if not isinstance(why, Failed):
            traceback.print_exc()
        got[name] = {'fault': cause(why)}
    for text in [*got[name].get('remarks', []), *filter(None, [got[name].get('fault')])]:
        say('  %s: %s' % (name, text))


def cause(why):
    """In one line."""
    text = ' '.join(str(why).split())
    return text if isinstance(why, Failed) and text else ('%s: %s' % (type(why).__name__, text)).removesuffix(': ')


def faults(rounds, once):
    return [result['fault'] for figures in (*rounds, once) for result in figures.values() if 'fault' in result]


def missing(expected, came):
    """The fault of a result whose follow-ups did not all come."""
    return {'fault': '%d of %d follow-ups are missing' % (expected - came, expected)} if came < expected else {}


# ---- the machine

def cpu_of(pid):
    """Parent, processor seconds of its own (all threads), of its children that have ended."""
    with open('/proc/%d/stat' % pid) as file:
        fields = file.read().rpartition(')')[2].split()
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / TICK, (int(fields[13]) + int(fields[14])) / TICK


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def fdatasync_ms(folder):
    """Median of 200 appends of 4 kB, each with fdatasync."""
    times = []
    path = os.path.join(folder, 'probe')
    with open(path, 'wb', buffering=0) as file:
        for _ in range(200):
            begin = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begin) * 1e3)
    os.unlink(path)
    return statistics.median(times)


# ---- servers

class Driven:
    """What is driven: it has a name, an address and a process, and what it says is in a file."""

    def cpu(self):
        """Processor seconds so far."""
        return cpu_of(self.process.pid)[1]

    def beside(self):
        """Those of another server that works for this one."""
        return 0

    def memory(self, name='VmRSS'):
        """Megabytes."""
        with open('/proc/%d/status' % self.process.pid) as file:
            for line in file:
                if line.startswith(name + ':'):
                    return int(line.split()[1]) * 1024 / 1e6
        raise self.failure('is gone')

    def check(self):
        """What is counted of a program that ends meanwhile is no figure."""
        if self.process.poll() is not None:
            raise self.failure('ended by itself (%d)' % self.process.returncode)

    def failure(self, what):
        """With its last words; more of them go to standard error."""
        with open(self.log, errors='replace') as file:
            words = file.read()[-2000:].strip()
        say(words)
        return Failed('%s %s%s' % (self.name, what, words and ': ' + words.splitlines()[-1]))


class Server(Driven):
    """A program that writes its address to the file `bound` once it listens, or that listens at `address`."""

    def __init__(self, bench, name, command, bound=None, word=None, address=None, env=None, **more):
        self.name, self.bound, self.word, self.address = name, bound, word, address
        self.log = os.path.join(bench.folder, name + '.log')
        self.left = contextlib.ExitStack()  # what goes with it
        if bound and os.path.exists(bound):
            os.unlink(bound)
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(command, env={**ENVIRONMENT, **(env or {})}, preexec_fn=harness.end_with_parent,
                                            **{'stdout': log, 'stderr': log, **more})
        try:
            self.wait_address()
        except BaseException:
            self.stop()
            raise

    def wait_address(self):
        end = time.monotonic() + 10
        while not self.listens():
            self.check()
            if time.monotonic() > end:
                raise self.failure('does not listen')
            time.sleep(0.02)

    def listens(self):
        if not self.bound:
            with socket.socket() as one:
                return one.connect_ex(harness.split_address(self.address)) == 0
        if os.path.exists(self.bound):
            with open(self.bound) as file:
                lines = [line.split() for line in file.read().splitlines()]
            self.address = next((line[-1] for line in lines if line and self.word in (None, line[0])), None)
        return self.address

    def cpu(self):
        """With children that have ended."""
        return sum(cpu_of(self.process.pid)[1:])

    def url(self, path=''):
        return 'http://%s%s' % (self.address, path)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                say('%s does not stop; killed' % self.name)
                self.process.kill()
        self.process.wait()
        self.left.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Tested(Driven):
    """callbackd as the tests run it, which ends with the stack `left`."""

    def __init__(self, left, name, sim, config, **env):
        self.name = name
        self.daemon = harness.Daemon(sim, ONE_RULE, {'log_level': 'warn', **config}, {'INTERCOM_SECRET': SECRET, **env}, start=False)
        self.log = self.daemon.log_path
        left.callback(self.daemon.__exit__, None)

    def serve(self):
        self.daemon.write_config()
        try:
            self.daemon.serve()
        except AssertionError as why:
            raise self.failure('does not start (%s)' % why) from why
        self.process, self.address = self.daemon.process, '%s:%d' % self.daemon.intake


class Simulator(Server):
    def __init__(self, bench, port=0):
        bound = os.path.join(bench.folder, 'sim.addr')
        super().__init__(bench, 'simulator', [bench.program('tests/sim/callbackd-sim'), '--bound-file', bound, '--quiet',
                                              '--listen', '127.0.0.1:%d' % port], bound)
        self.http = http.client.HTTPConnection(self.address, timeout=60)

    def accepted(self):
        self.http.request('GET', '/-/count?path=/api/v1/telegram&accepted=1')
        return json.loads(self.http.getresponse().read())


def arrivals(accepted, expected, patience=5, longest=120):
    """Waits for so many follow-ups, and a moment for those whose webhooks nobody counted any more: how many came, and when the last
    of them did. Gives up when none has come for `patience` seconds."""
    begin = changed = time.monotonic()
    came = accepted()
    while time.monotonic() - changed < (0.5 if came >= expected else patience) and changed - begin < longest:
        time.sleep(0.01)
        now = accepted()
        if now != came:
            came, changed = now, time.monotonic()
    return came, changed


class Pace(Server):
    """Octopods and the generator in one, see pace.c: what it is given are its options."""

    def __init__(self, bench, notes, **options):
        bound = os.path.join(bench.folder, 'pace.addr')
        super().__init__(bench, 'pace', [bench.program('contrib/bench/pace'),
                                         *[word for name, value in options.items() for word in ('--' + name, str(value))],
                                         bound, notes.file, str(notes.length)],
                         bound, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def go(self, server, may_refuse=False):
        """Drives the server; what came of it. A webhook whose fate is not among the figures is a fault."""
        out = self.process.communicate(server.address + '\n')[0]
        server.check()
        if not out.startswith('RESULT '):
            raise self.failure('gives no result')
        result = json.loads(out[7:])
        others = [('refused', 'were answered 503')] * (not may_refuse) + [
            ('strange', 'were answered neither 200 nor 503'), ('broken', 'lost their connection'), ('unanswered', 'were not answered'),
            ('twice', 'got their follow-up twice')]
        wrong = ['%d %s' % (result[name], text) for name, text in others if result[name]]
        if wrong:
            result['fault'] = 'of %d webhooks %s' % (result['sent'], ', '.join(wrong))
        return result


# ---- the bench

class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix='callbackd-bench-', dir='/dev/shm')
        self.disk = tempfile.tempdir = tempfile.mkdtemp(prefix='bench-', dir=os.path.abspath(options.disk))
        self.seconds = options.seconds
        self.before = os.getloadavg()[0]
        self.stores = self.speed = 0
        self.peers = self.server = None
        self.remarks = []
        harness.CALLBACKD, harness.SIM = self.program('callbackd'), self.program('tests/sim/callbackd-sim')
        faultkit.TROUBLE = self.program('tests/faults/trouble.so')
        self.write('rules.yaml', RULES)
        self.expect_disk('SQLite', os.path.abspath(options.disk))

    def close(self):
        tempfile.tempdir = None
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.disk, ignore_errors=True)
        if self.server:
            self.server.end()

    def expect_disk(self, whose, folder):
        kind = subprocess.run(['stat', '--file-system', '--format=%T', folder], stdout=subprocess.PIPE, text=True, check=True).stdout
        if kind.strip() in ('tmpfs', 'ramfs'):
            self.remarks.append('no disk: the files of %s were in memory, in %s' % (whose, folder))

    def program(self, path):
        return os.path.abspath(os.path.join(self.options.build, path))

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w') as file:
            file.write(text)
        return path

    @contextlib.contextmanager
    def notes(self, name, count, taps):
        """A file of so many notifications."""
        file = os.path.join(self.folder, name)
        try:
            done = subprocess.run([self.program('contrib/bench/notes'), '--count', str(count), '--taps', str(taps), '--path', PATH, file],
                                  env=ENVIRONMENT, stdout=subprocess.PIPE, check=False)
            if done.returncode:
                raise Failed('%d notifications cannot be written to %s' % (count, self.folder))
            yield Notes(file, int(done.stdout.split()[0]), 0, count)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file)

    def probe(self):
        """How many webhooks a second the generator can bring at most; the files have to last for that."""
        with self.notes('probe', 150000, 0) as notes, self.bare() as server:
            self.speed = self.load(server, notes, 1)['rate']

    def install_peers(self):
        folder = self.program('bench-peers')
        if subprocess.run([os.path.join(HERE, 'peers', 'install'), folder], stdout=sys.stderr, check=False).returncode == 0:
            self.peers = folder

    def need_peers(self):
        if not self.peers:
            raise Failed('contrib/bench/peers/install fails')

    def postgres(self):
        """The private server, started when it is first needed."""
        if not self.server:
            try:
                self.server = harness.Postgres()
            except harness.Skip as why:
                raise Failed(why) from why
            self.expect_disk('PostgreSQL', '/tmp')  # see tests/postgres.py
        return self.server

    # ---- subjects

    def new_store(self, base):
        self.stores += 1
        store = os.path.join(base, 'store-%d' % self.stores)
        os.mkdir(store)
        return store

    def bare(self, *options):
        bound = os.path.join(self.folder, 'bare.addr')
        return Server(self, 'bare', [self.program('contrib/bench/bare'), *options, bound], bound)

    def relay(self, url):
        bound = os.path.join(self.folder, 'relay.addr')
        return Server(self, 'relay', [self.program('contrib/bench/relay'), bound, url + TELEGRAM], bound)

    def config(self, url, store, rules='rules.yaml', port=0):
        return self.write('callbackd.yaml', CONFIG.format(folder=self.folder, store=store, path=PATH, url=url, rules=rules, port=port))

    def serve(self, config):
        return [self.program('callbackd'), 'serve', '-c', config]

    def callbackd(self, url, base):
        """The daemon with a new store in the folder `base`."""
        store = self.new_store(base)
        server = Server(self, 'callbackd', self.serve(self.config(url, 'sqlite:%s/bench.db' % store)),
                        os.path.join(self.folder, 'addresses'), 'intake')
        server.left.callback(shutil.rmtree, store)
        return server

    @contextlib.contextmanager
    def database(self):
        """The URL of an empty one, and its name."""
        url = self.postgres().fresh()
        name = url.rsplit('/', 1)[1]
        try:
            yield url, name
        finally:
            self.server.sql('DROP DATABASE %s WITH (FORCE)' % name, 'postgres')

    def callbackd_on_postgres(self, url):
        with contextlib.ExitStack() as left:
            where, database = left.enter_context(self.database())
            server = Server(self, 'callbackd', self.serve(self.config(url, 'env:STORE_URL')), os.path.join(self.folder, 'addresses'),
                            'intake', env={'STORE_URL': where})
            server.left = left.pop_all()
        server.beside = lambda: postgres_cpu(self.server, database)
        return server

    def node(self, url, script, *arguments):
        self.need_peers()
        bound = os.path.join(self.folder, 'node.addr')
        return Server(self, script, ['node', os.path.join(self.peers, script), bound, *arguments], bound,
                      env={'OCTOPODS_URL': url + TELEGRAM})

    def stored(self, url):
        store = self.new_store(self.disk)
        server = self.node(url, 'stored.js', os.path.join(store, 'stored.db'))
        server.left.callback(shutil.rmtree, store)
        return server

    def webhook(self, url):
        self.need_peers()
        port, folder = free_port(), os.path.join(HERE, 'peers')
        return Server(self, 'webhook', ['webhook', '-ip', '127.0.0.1', '-port', str(port), '-urlprefix', 'webhooks', '-template',
                                        '-hooks', os.path.join(folder, 'hooks.json.tmpl')], address='127.0.0.1:%d' % port,
                      env={'OCTOPODS_URL': url + TELEGRAM, 'ANSWER': os.path.join(folder, 'answer')})

    def open(self, name, url):
        """The subject, whose follow-ups go to the Octopods at `url`."""
        return {'bare': lambda: self.bare(), 'hmac': lambda: self.bare('--hmac'), 'relay': lambda: self.relay(url),
                'tmpfs': lambda: self.callbackd(url, self.folder), 'disk': lambda: self.callbackd(url, self.disk),
                'postgres': lambda: self.callbackd_on_postgres(url), 'fastify': lambda: self.node(url, 'relay.js'),
                'stored': lambda: self.stored(url), 'webhook': lambda: self.webhook(url)}[name]()

    # ---- load

    def load(self, server, notes, seconds=None):
        """Drives the server with 64 connections: what wrk counted, with `rate`, those answered 200 a second, and microseconds of processor
        for each: `cpu_us`, and `beside_us` of another server that works for it. wrk's times are of all answers."""
        before, beside = server.cpu(), server.beside()
        out = subprocess.run(['wrk', '-t1', '-c%d' % CONNECTIONS, '-d%ds' % (seconds or self.seconds), '-s',
                              os.path.join(HERE, 'feed.lua'), 'http://%s%s' % (server.address, PATH), '--',
                              notes.file, *map(str, notes[1:])],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
        server.check()
        line = next((line for line in out.splitlines() if line.startswith('RESULT ')), None)
        if line is None:
            raise Failed('wrk: ' + out[-500:])
        result = json.loads(line[7:])
        good = result['answers'] - result['refused']
        if not good:
            raise Failed('none of %d webhooks was answered 200' % result['answers'])
        others = (('refused', 'not answered 200'), ('broken', 'lost their connection'), ('timeouts', 'took more than two seconds'),
                  ('repeats', 'went out twice, as the file was used up'))
        result.update(good=good, rate=good / (result['us'] / 1e6), cpu_us=(server.cpu() - before) * 1e6 / good,
                      beside_us=(server.beside() - beside) * 1e6 / good,
                      remarks=['%d webhooks %s' % (result[name], text) for name, text in others if result[name]])
        return result

    def delivery(self, server, sim, notes, seconds=None):
        """Taps at full speed, then waits for the last follow-up: how many came (`count`), and a second from the first webhook to the last
        of them (`rate`), with microseconds of processor for each."""
        before, begin, cpu, beside = sim.accepted(), time.monotonic(), server.cpu(), server.beside()
        load = self.load(server, notes, seconds)
        count, end = arrivals(lambda: sim.accepted() - before, load['good'])
        server.check()
        return {'count': count, 'rate': count / (end - begin), 'cpu_us': (server.cpu() - cpu) * 1e6 / max(count, 1),
                'beside_us': (server.beside() - beside) * 1e6 / max(count, 1), 'remarks': load['remarks'],
                **missing(load['good'], count)}


def postgres_cpu(postgres, database):
    """Processor seconds of the server with all its processes."""
    backend = int(postgres.sql("SELECT min(pid) FROM pg_stat_activity WHERE application_name = 'callbackd'", database)[0])
    parent = cpu_of(backend)[0]
    seconds = sum(cpu_of(parent)[1:])
    for pid in os.listdir('/proc'):
        try:
            above, own, _ = cpu_of(int(pid))
        except (ValueError, OSError):
            continue
        seconds += own if above == parent else 0
    return seconds
