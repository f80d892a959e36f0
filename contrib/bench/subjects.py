"""What is measured, and what drives it: servers, the simulator, the generators. Everything listens on the loopback only."""

import collections, contextlib, http.client, json, os, shutil, signal, socket, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'tests', 'functional'))
import harness

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

Notes = collections.namedtuple('Notes', 'file length count')


def say(text):
    print(text, file=sys.stderr, flush=True)


class Failed(Exception):
    """A subject could not be measured; the others can."""


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
    """What load() drives: it has a name and an address."""

    def cpu(self):
        """Processor seconds so far."""
        return 0

    def beside(self):
        """Those of another server that works for this one."""
        return 0


class Server(Driven):
    """A program that writes its address to the file `bound` once it listens, or that listens at `address`."""

    def __init__(self, bench, name, command, bound=None, word=None, address=None, env=None, **more):
        self.name, self.bound, self.word, self.address = name, bound, word, address
        self.log = os.path.join(bench.folder, name + '.log')
        self.left = contextlib.ExitStack()  # what goes with it
        if bound and os.path.exists(bound):
            os.unlink(bound)
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(command, env={**ENVIRONMENT, **(env or {})}, **{'stdout': log, 'stderr': log, **more})
        try:
            self.wait_address()
        except Failed:
            self.stop()
            raise

    def wait_address(self):
        end = time.monotonic() + 10
        while time.monotonic() < end and self.process.poll() is None:
            if self.listens():
                return
            time.sleep(0.02)
        with open(self.log, errors='replace') as log:
            raise Failed('%s does not start:\n%s' % (self.name, log.read()[-2000:]))

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

    def memory(self, name='VmRSS'):
        """Megabytes."""
        with open('/proc/%d/status' % self.process.pid) as file:
            for line in file:
                if line.startswith(name + ':'):
                    return int(line.split()[1]) * 1024 / 1e6
        raise Failed('%s is gone' % self.name)

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


class Simulator(Server):
    def __init__(self, bench, port=0):
        bound = os.path.join(bench.folder, 'sim.addr')
        super().__init__(bench, 'simulator', [bench.program('tests/sim/callbackd-sim'), '--bound-file', bound, '--quiet',
                                              '--listen', '127.0.0.1:%d' % port], bound)
        self.http = http.client.HTTPConnection(self.address, timeout=60)

    def accepted(self):
        self.http.request('GET', '/-/count?path=/api/v1/telegram&accepted=1')
        answer = json.loads(self.http.getresponse().read())
        return answer if isinstance(answer, int) else answer['count']


class Pace(Server):
    """Octopods and the generator in one, see pace.c: what it is given are its options."""

    def __init__(self, bench, notes, **options):
        bound = os.path.join(bench.folder, 'pace.addr')
        super().__init__(bench, 'pace', [bench.program('contrib/bench/pace'),
                                         *[word for name, value in options.items() for word in ('--' + name, str(value))],
                                         bound, notes.file, str(notes.length)],
                         bound, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def go(self, server):
        """Drives the server; a dictionary of what came of it."""
        out = self.process.communicate(server.address + '\n')[0]
        if not out.startswith('RESULT '):
            with open(self.log, errors='replace') as log:
                raise Failed(log.read()[-500:])
        result = json.loads(out[7:])
        if result['refused'] or result['broken']:
            say('  %s: %d not answered 200, %d broken connections' % (server.name, result['refused'], result['broken']))
        return result


# ---- the bench

class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix='callbackd-bench-', dir='/dev/shm')
        self.disk = tempfile.mkdtemp(prefix='bench-', dir=os.path.abspath(options.disk))
        self.seconds = options.seconds
        self.before = os.getloadavg()[0]
        self.stores = self.repeats = self.speed = 0
        self.peers = self.server = None
        self.write('rules.yaml', RULES)

    def close(self):
        if self.server:
            self.server.end()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.disk, ignore_errors=True)

    def program(self, path):
        return os.path.abspath(os.path.join(self.options.build, path))

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w') as file:
            file.write(text)
        return path

    def notes(self, name, count, taps):
        file = os.path.join(self.folder, name)
        done = subprocess.run([self.program('contrib/bench/notes'), '--count', str(count), '--taps', str(taps), '--path', PATH, file],
                              env=ENVIRONMENT, stdout=subprocess.PIPE, check=False)
        if done.returncode:
            raise Failed('%d notifications cannot be written to %s' % (count, self.folder))
        return Notes(file, int(done.stdout.split()[0]), count)

    def drop(self, notes):
        os.unlink(notes.file)

    def probe(self):
        """How many webhooks a second the generator can bring at most; the files have to last for that."""
        notes = self.notes('probe', 150000, 0)
        with self.bare() as server:
            self.speed = self.load(server, notes, 1)['rate']
        self.drop(notes)
        self.repeats = 0

    def install_peers(self):
        self.peers = self.program('bench-peers')
        if subprocess.run([os.path.join(HERE, 'peers', 'install'), self.peers], stdout=sys.stderr, check=False).returncode:
            say('bench: going on without the peers')
            self.peers = None

    def postgres(self):
        """The private server, started when it is first needed."""
        if not self.server:
            try:
                self.server = harness.Postgres()
            except harness.Skip as why:
                raise Failed(why)
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

    def callbackd_on_postgres(self, url):
        postgres = self.postgres()
        where = postgres.fresh()
        database = where.rsplit('/', 1)[1]
        server = Server(self, 'callbackd', self.serve(self.config(url, 'env:STORE_URL')), os.path.join(self.folder, 'addresses'),
                        'intake', env={'STORE_URL': where})
        server.left.callback(postgres.sql, 'DROP DATABASE %s WITH (FORCE)' % database, 'postgres')
        server.beside = lambda: postgres_cpu(postgres, database)
        return server

    def node(self, url, script, *arguments):
        bound = os.path.join(self.folder, 'node.addr')
        return Server(self, script, ['node', os.path.join(self.peers, script), bound, *arguments], bound,
                      env={'OCTOPODS_URL': url + TELEGRAM})

    def stored(self, url):
        store = self.new_store(self.disk)
        server = self.node(url, 'stored.js', os.path.join(store, 'stored.db'))
        server.left.callback(shutil.rmtree, store)
        return server

    def webhook(self, url):
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

    def load(self, server, notes, seconds=None, first=0):
        """Drives the server with 64 connections; a dictionary of what wrk counted, with `rate`, and microseconds of processor per
        answer: `cpu_us`, and `beside_us` of another server that works for it."""
        before, beside = server.cpu(), server.beside()
        out = subprocess.run(['wrk', '-t1', '-c%d' % CONNECTIONS, '-d%ds' % (seconds or self.seconds), '-s',
                              os.path.join(HERE, 'feed.lua'), 'http://%s%s' % (server.address, PATH), '--',
                              notes.file, str(notes.length), str(first)],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
        line = next((line for line in out.splitlines() if line.startswith('RESULT ')), None)
        if line is None:
            raise Failed('wrk: ' + out[-500:])
        result = json.loads(line[7:])
        good = result['answers'] - result['refused']
        result.update(good=good, rate=good / (result['us'] / 1e6), cpu_us=(server.cpu() - before) * 1e6 / max(good, 1),
                      beside_us=(server.beside() - beside) * 1e6 / max(good, 1))
        if result['refused'] or result['broken'] or result['timeouts']:
            say('  %s: %d not answered 200, %d broken connections, %d late'
                % (server.name, result['refused'], result['broken'], result['timeouts']))
        if result['repeats']:
            self.repeats += result['repeats']
            say('  NOTE: the file was used up, %d notifications went out twice' % result['repeats'])
        return result

    def delivery(self, server, sim, notes, seconds=None, first=0):
        """Taps at full speed, then waits for the last follow-up: a dictionary of how many came (`count`), and a second from the first
        webhook to the last of them (`rate`), with microseconds of processor for each."""
        before, begin, cpu, beside = sim.accepted(), time.monotonic(), server.cpu(), server.beside()
        result = self.load(server, notes, seconds, first)
        count, changed = sim.accepted() - before, time.monotonic()
        while time.monotonic() - changed < (0.5 if count >= result['good'] else 5):
            time.sleep(0.01)
            now = sim.accepted() - before
            if now != count:
                count, changed = now, time.monotonic()
            if changed - begin > self.seconds + 120:
                break
        if count < result['good']:
            say('  %s: %d of %d follow-ups arrived' % (server.name, count, result['good']))
        return {'count': count, 'rate': count / (changed - begin), 'cpu_us': (server.cpu() - cpu) * 1e6 / max(count, 1),
                'beside_us': (server.beside() - beside) * 1e6 / max(count, 1)}


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
