#!/usr/bin/env python3
"""make bench: what callbackd costs, beside the ceiling of its stack and beside the same work without durability.

Everything runs on this machine, over loopback, in one run; subjects take turns, so that a slow minute hits all of them.
A ratio is taken within each round; printed are medians over the rounds. The exit status says nothing about the figures.
"""
import argparse, collections, http.client, json, os, platform, shutil, signal, socket, statistics
import subprocess, sys, tempfile, time

sys.dont_write_bytecode = True
import nodes, troubles

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
CONFIG = '''listen: 127.0.0.1:0
bound_file: {folder}/addresses
store: sqlite:{store}/bench.db
rules: [ {folder}/rules.yaml ]
log_level: warn
sources:
  - {{ name: intercom, kind: intercom, path: {path}, secrets: [ env:INTERCOM_SECRET ], channel: shop }}
channels:
  shop: {{ url: '{url}', key: env:SHOP_KEY, rate: off, chat_rate: off, loop_guard: 0 }}
'''
ENVIRONMENT = dict(os.environ, INTERCOM_SECRET=SECRET, SHOP_KEY=KEY)
HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf('SC_CLK_TCK')

Notes = collections.namedtuple('Notes', 'file length count')


def say(text):
    print(text, file=sys.stderr, flush=True)


class Failed(Exception):
    """A subject could not be measured; the others can."""


# ---- servers

class Server:
    """A program that writes its address to a file once it listens."""

    def __init__(self, bench, name, command, bound, word=None):
        self.name, self.bound, self.word = name, bound, word
        self.log = os.path.join(bench.folder, name + '.log')
        if os.path.exists(bound):
            os.unlink(bound)
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(command, env=ENVIRONMENT, stdout=log, stderr=log)
        try:
            self.address = self.wait_address()
        except Failed:
            self.stop()
            raise

    def wait_address(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            if os.path.exists(self.bound):
                with open(self.bound) as file:
                    lines = [line.split() for line in file.read().splitlines()]
                for line in lines:
                    if line and (self.word is None or line[0] == self.word):
                        return line[-1]
            time.sleep(0.02)
        with open(self.log, errors='replace') as log:
            raise Failed('%s does not start:\n%s' % (self.name, log.read()[-2000:]))

    def cpu(self):
        """Processor seconds so far, all threads."""
        with open('/proc/%d/stat' % self.process.pid) as file:
            fields = file.read().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory(self, name='VmRSS'):
        """Megabytes."""
        with open('/proc/%d/status' % self.process.pid) as file:
            for line in file:
                if line.startswith(name + ':'):
                    return int(line.split()[1]) * 1024 / 1e6
        raise Failed('%s is gone' % self.name)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                say('%s does not stop; killed' % self.name)
                self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Simulator(Server):
    def __init__(self, bench, quiet=True):
        bound = os.path.join(bench.folder, 'sim.addr')
        super().__init__(bench, 'simulator', [bench.program('tests/sim/callbackd-sim'), '--bound-file', bound] +
                         ['--quiet'] * quiet, bound)
        self.http = http.client.HTTPConnection(self.address, timeout=60)

    def get(self, path):
        self.http.request('GET', path)
        return json.loads(self.http.getresponse().read())

    def accepted(self):
        answer = self.get('/-/count?path=/api/v1/telegram&accepted=1')
        return answer if isinstance(answer, int) else answer['count']

    def url(self, path=''):
        return 'http://%s%s' % (self.address, path)

    def fault(self, **fault):
        """Of every message from now on."""
        self.http.request('POST', '/-/faults', json.dumps({'path': TELEGRAM, 'times': -1, **fault}))
        self.http.getresponse().read()


# ---- the bench

class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix='callbackd-bench-', dir='/dev/shm')
        self.disk = tempfile.mkdtemp(prefix='bench-', dir=os.path.abspath(options.disk))
        self.seconds = options.seconds
        self.stores = 0
        self.repeats = 0
        with open(os.path.join(self.folder, 'rules.yaml'), 'w') as file:
            file.write(RULES)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.disk, ignore_errors=True)

    def program(self, path):
        return os.path.join(self.options.build, path)

    def notes(self, name, count, taps):
        file = os.path.join(self.folder, name)
        out = subprocess.run([self.program('contrib/bench/notes'), '--count', str(count), '--taps', str(taps),
                              '--path', PATH, file], env=ENVIRONMENT, stdout=subprocess.PIPE, check=True).stdout
        return Notes(file, int(out.split()[0]), count)

    def bare(self, *options):
        bound = os.path.join(self.folder, 'bare.addr')
        return Server(self, 'bare', [self.program('contrib/bench/bare'), *options, bound], bound)

    def relay(self, sim):
        bound = os.path.join(self.folder, 'relay.addr')
        return Server(self, 'relay', [self.program('contrib/bench/relay'), bound, sim.url(TELEGRAM)], bound)

    def callbackd(self, base, url):
        """The daemon with a new store in the folder `base`."""
        self.stores += 1
        store = os.path.join(base, 'store-%d' % self.stores)
        os.mkdir(store)
        config = os.path.join(self.folder, 'callbackd.yaml')
        with open(config, 'w') as file:
            file.write(CONFIG.format(folder=self.folder, store=store, path=PATH, url=url))
        server = Server(self, 'callbackd', [self.program('callbackd'), 'serve', '-c', config],
                        os.path.join(self.folder, 'addresses'), 'intake')
        server.store = store
        return server

    def load(self, server, notes, seconds=None, first=0):
        """Drives the server with 64 connections; a dictionary of what wrk counted, with `rate` and `cpu_us` per answer."""
        before = server.cpu()
        out = subprocess.run(['wrk', '-t1', '-c%d' % CONNECTIONS, '-d%ds' % (seconds or self.seconds), '-s',
                              os.path.join(HERE, 'feed.lua'), 'http://%s%s' % (server.address, PATH), '--',
                              notes.file, str(notes.length), str(first)],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
        line = next((line for line in out.splitlines() if line.startswith('RESULT ')), None)
        if line is None:
            raise Failed('wrk: ' + out[-500:])
        result = json.loads(line[7:])
        good = result['answers'] - result['refused']
        result.update(good=good, rate=good / (result['us'] / 1e6), cpu_us=(server.cpu() - before) * 1e6 / max(good, 1))
        if result['refused'] or result['broken'] or result['timeouts']:
            say('  %s: %d not answered 200, %d broken connections, %d late'
                % (server.name, result['refused'], result['broken'], result['timeouts']))
        if result['repeats']:
            self.repeats += result['repeats']
            say('  NOTE: the file was used up, %d notifications went out twice' % result['repeats'])
        return result

    def delivery(self, server, sim, notes):
        """Taps at full speed, then waits for the last follow-up; per second from the first webhook to it."""
        before, begin, cpu = sim.accepted(), time.monotonic(), server.cpu()
        result = self.load(server, notes)
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
        result.update(delivered=count, delivery_rate=count / (changed - begin),
                      delivery_cpu_us=(server.cpu() - cpu) * 1e6 / max(count, 1))
        return result


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


# ---- what is measured in a round: each adds figures to `got`

def round_acks(bench, got, chat, base, name):
    with Simulator(bench) as sim, bench.callbackd(base, sim.url()) as server:
        result = bench.load(server, chat)
        got[name], got[name + '.cpu'], got[name + '.p99'] = result['rate'], result['cpu_us'], result['p99']
    shutil.rmtree(server.store)


def round_delivery(bench, got, taps, base, name):
    with Simulator(bench) as sim, bench.callbackd(base, sim.url()) as server:
        result = bench.delivery(server, sim, taps)
        got[name], got[name + '.cpu'] = result['delivery_rate'], result['delivery_cpu_us']
        got[name + '.acks'] = result['rate']
    shutil.rmtree(server.store)


def one_round(bench, chat, taps):
    """What is compared follows at once: the machine changes its speed from minute to minute."""
    got, own = {}, not bench.options.yardsticks
    with bench.bare('--hmac') as server:
        got['hmac'] = bench.load(server, chat)['rate']
    with bench.bare() as server:
        got['bare'] = bench.load(server, chat)['rate']
    try:
        if own:
            round_acks(bench, got, chat, bench.folder, 'acks')
        with Simulator(bench) as sim, bench.relay(sim) as server:
            result = bench.delivery(server, sim, taps)
            got['relay'], got['relay.cpu'] = result['delivery_rate'], result['delivery_cpu_us']
        if own:
            round_delivery(bench, got, taps, bench.folder, 'deliver')
            before = fdatasync_ms(bench.disk)
            round_acks(bench, got, chat, bench.disk, 'acks.disk')
            got['fdatasync'] = (before + fdatasync_ms(bench.disk)) / 2
            round_delivery(bench, got, taps, bench.disk, 'deliver.disk')
    except Failed as why:
        say('  not measured: %s' % why)
    return got


def memory(bench, got, taps):
    """Idle, and while follow-ups for so many notifications wait for a host that is down."""
    dead = socket.socket()
    dead.bind(('127.0.0.1', 0))
    with dead, bench.callbackd(bench.folder, 'http://127.0.0.1:%d' % dead.getsockname()[1]) as server:
        time.sleep(1)
        got['idle'] = server.memory()
        sent = stored = 0
        while stored < bench.options.waiting and sent < taps.count:
            result = bench.load(server, taps, 2, sent)
            stored += result['good']
            sent += result['answers'] + 2 * CONNECTIONS
            if not result['good']:
                raise Failed('nothing was taken')
        time.sleep(5)
        got['waiting'], got['waiting.peak'] = server.memory(), server.memory('VmHWM')
        got['waiting.count'] = stored
    shutil.rmtree(server.store)


def latency(bench, server, sim, notes, rate, seconds):
    """Milliseconds from webhook to arrival at the simulator, at a fixed rate: sorted."""
    pool = [http.client.HTTPConnection(server.address, timeout=10) for _ in range(8)]
    sent, seen = {}, sim.get('/-/requests?path=/api/v1/telegram')
    since = seen[-1]['seq'] if seen else 0
    begin = time.monotonic()
    with open(notes.file, 'rb') as file:
        for i in range(rate * seconds):
            head, body = file.read(notes.length).split(b'\r\n\r\n', 1)
            fields = dict(line.decode().split(': ', 1) for line in head.split(b'\r\n')[1:])
            user = body.split(b'"external_id":"', 1)[1].split(b'"', 1)[0].decode()
            time.sleep(max(0, begin + i / rate - time.monotonic()))
            sent[user] = time.time() * 1000
            connection = pool[i % len(pool)]
            connection.request('POST', PATH, body, fields)
            connection.getresponse().read()
    time.sleep(1)
    times = []
    for request in sim.get('/-/requests?path=/api/v1/telegram&since=%d' % since):
        user = (request.get('body') or {}).get('destination_user_id')
        if user in sent:
            times.append(max(0, request['time'] - sent[user]))
    if len(times) < len(sent):
        say('  %s: %d of %d follow-ups within a second' % (server.name, len(times), len(sent)))
    return sorted(times)


def latencies(bench, got, taps):
    seconds = 2 if bench.options.quick else 10
    for name, open_server in (('relay', lambda sim: bench.relay(sim)),
                              ('callbackd', lambda sim: bench.callbackd(bench.folder, sim.url())),
                              ('callbackd.disk', lambda sim: bench.callbackd(bench.disk, sim.url()))):
        if bench.options.yardsticks and name != 'relay':
            continue
        with Simulator(bench, quiet=False) as sim, open_server(sim) as server:
            times = latency(bench, server, sim, taps, 500, seconds)
        if times:
            got['latency.' + name] = times[len(times) // 2], times[len(times) * 99 // 100]


def matching(bench, got, _taps):
    done = subprocess.run([bench.program('contrib/bench/match')], stdout=subprocess.PIPE, encoding='utf-8', check=False)
    if done.returncode:
        raise Failed('contrib/bench/match fails')
    got.update(('match.' + name, float(ns)) for name, ns in (line.split() for line in done.stdout.splitlines()))


# ---- the report

def machine(bench):
    model = 'unknown processor'
    with open('/proc/cpuinfo') as file:
        for line in file:
            if line.startswith('model name'):
                model = line.split(':', 1)[1].strip()
                break
    cores = len(os.sched_getaffinity(0))
    return ['%s, %d cores, Linux %s, %s; load before the run %.2f'
            % (model, cores, platform.release(), time.strftime('%Y-%m-%d', time.gmtime()), bench.before),
            'generator, simulator and server on the same cores; wrk, 1 thread, %d connections, %d s each, %d round%s, medians'
            % (CONNECTIONS, bench.seconds, bench.options.rounds, 's' * (bench.options.rounds != 1)),
            'notifications of 2.2 kB, signed, each with ids of its own']


class Report:
    def __init__(self, rounds):
        self.rounds = rounds
        self.lines = []

    def median(self, name, per=None, scale=1.0):
        """Of the figure, or of its ratio to another one of the same round; None if it was not measured."""
        values = [r[name] / (scale * r[per] if per else scale) for r in self.rounds if name in r and (not per or r.get(per))]
        return statistics.median(values) if values else None

    def head(self, text):
        self.lines += ['', '%-52s %10s %9s %9s' % (text, 'median', 'least', 'most')]

    def figure(self, text, name, form='%.0f', unit='/s'):
        values = sorted(r[name] for r in self.rounds if name in r)
        if values:
            self.lines.append(('%-52s %10s %9s %9s %s' % (text, form % statistics.median(values), form % values[0],
                                                           form % values[-1], unit)).rstrip())
        else:
            self.lines.append('%-52s %10s' % (text, 'none'))

    def goal(self, text, value, at_least=None, under=None, form='%.2f', unit=''):
        if value is None:
            self.lines.append('%-52s %10s' % (text, 'none'))
            return
        line = ('%-52s %10s %s' % (text, form % value, unit)).rstrip()
        if at_least is not None:
            line += '   at least %g: %s' % (at_least, 'ok' if value >= at_least else '<== BELOW GOAL')
        elif under is not None:
            line += '   under %g: %s' % (under, 'ok' if value < under else '<== OVER GOAL')
        self.lines.append(line)


def print_report(bench, rounds, once):
    report = Report(rounds)
    report.head('webhooks answered 200')
    report.figure('bare evhttp', 'bare')
    report.figure('bare evhttp, verifies the signature', 'hmac')
    report.figure('callbackd, stored, on tmpfs', 'acks')
    report.figure('callbackd, stored, on disk', 'acks.disk')
    report.figure('  fdatasync of 4 kB there', 'fdatasync', '%.3f', 'ms')
    report.figure('  slowest of a hundred answers (p99), tmpfs', 'acks.p99', '%.1f', 'ms')
    report.figure('  slowest of a hundred answers (p99), disk', 'acks.disk.p99', '%.1f', 'ms')
    report.figure('processor time per ack, all threads, tmpfs', 'acks.cpu', '%.0f', 'us')
    report.goal('durable acks on tmpfs / bare', report.median('acks', 'bare'), at_least=0.4)
    report.goal('durable acks on disk / bare', report.median('acks.disk', 'bare'))
    report.head('taps to follow-ups delivered')
    report.figure('relay without a store', 'relay')
    report.figure('callbackd, on tmpfs', 'deliver')
    report.figure('callbackd, on disk', 'deliver.disk')
    report.figure('processor time per follow-up, relay', 'relay.cpu', '%.0f', 'us')
    report.figure('processor time per follow-up, callbackd, tmpfs', 'deliver.cpu', '%.0f', 'us')
    report.goal('delivered on tmpfs / relay', report.median('deliver', 'relay'), at_least=0.6)
    report.goal('delivered on disk / relay', report.median('deliver.disk', 'relay'))
    report.lines += ['', 'from webhook to arrival at 500 taps a second (clock of 1 ms)      p50       p99']
    for name in ('relay', 'callbackd', 'callbackd.disk'):
        if 'latency.' + name in once:
            report.lines.append('%-52s %10.1f %9.1f ms' % (name.replace('.', ', on '), *once['latency.' + name]))
    report.lines += troubles.lines(once) + nodes.lines(once)
    report.lines += ['', 'resident memory']
    report.goal('idle', once.get('idle'), under=20, form='%.1f', unit='MB')
    report.goal('with %s notifications waiting for a host that is down' % format(once.get('waiting.count', 0), ','),
                once.get('waiting'), under=64, form='%.1f', unit='MB')
    report.goal('  highest on the way there', once.get('waiting.peak'), under=64, form='%.1f', unit='MB')
    if 'match.few' in once:
        report.lines += ['', 'one match (nanoseconds)']
        for text, name in (('10 rules', 'few'), ('10,000 rules, taps for ten of them', 'many'), ('10,000 rules, taps for any of them', 'any')):
            report.goal(text, once['match.' + name], form='%.0f', unit='ns')
        report.goal('10,000 rules / 10 rules, the same taps', once['match.many'] / once['match.few'], under=1.5)
    if bench.before > 0.5:
        report.lines += ['', 'NOTE: the machine was busy with other work: a daemon of two threads beside a generator loses more by '
                         'that than a single thread, so the ratios come out too low']
    if bench.repeats:
        report.lines += ['', 'NOTE: %d notifications went out twice: the files were too short' % bench.repeats]
    print('\n'.join(machine(bench) + report.lines))


# ---- main

def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default='.', help='the build folder')
    parser.add_argument('--disk', default='.', help='a folder on the disk that is measured')
    parser.add_argument('--quick', action='store_true', help='1 round of 2 s, 20000 waiting: does it still work?')
    parser.add_argument('--rounds', type=int)
    parser.add_argument('--seconds', type=int, help='of each load')
    parser.add_argument('--waiting', type=int, help='notifications that wait while memory is measured')
    parser.add_argument('--troubles', action='store_true', help='only acknowledgements while something fails')
    parser.add_argument('--nodes', action='store_true', help='only nodes on one PostgreSQL')
    parser.add_argument('--yardsticks', action='store_true', help='without callbackd')
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick or options.troubles or options.nodes else 5)
    options.seconds = options.seconds or (2 if options.quick else 5)
    options.waiting = options.waiting or (20000 if options.quick else 100000)
    return options


def run(bench):
    bench.before = os.getloadavg()[0]
    probe = bench.notes('probe', 30000, 0)
    with bench.bare() as server:
        speed = bench.load(server, probe, 1)['rate']
    os.unlink(probe.file)
    bench.repeats = 0
    taps = bench.notes('taps', max(int(speed * bench.seconds), bench.options.waiting * 2), 100)
    rounds, once = [], {}
    for part, wanted in ((troubles, bench.options.troubles), (nodes, bench.options.nodes)):
        if wanted:
            part.measure(bench, once, taps)
            print('\n'.join(machine(bench) + part.lines(once)))
            return
    chat = bench.notes('chat', int(speed * bench.seconds * 1.5) + 20000, 0)
    for i in range(bench.options.rounds):
        say('round %d of %d' % (i + 1, bench.options.rounds))
        rounds.append(one_round(bench, chat, taps))
    for what in (latencies,) if bench.options.yardsticks else (latencies, troubles.measure, nodes.measure, memory, matching):
        try:
            what(bench, once, taps)
        except Failed as why:
            say('%s: not measured: %s' % (what.__name__, why))
    print_report(bench, rounds, once)


def main():
    if not shutil.which('wrk'):
        say('bench: wrk is missing (Debian: apt-get install wrk)')
        return 0
    bench = Bench(read_options())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        run(bench)
    except Failed as why:
        say('bench: %s' % why)
    except KeyboardInterrupt:
        pass
    finally:
        bench.close()
    return 0


if __name__ == '__main__':
    sys.exit(main())
