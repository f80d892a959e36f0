#!/usr/bin/env python3
"""make bench: what callbackd costs, beside the ceiling of its stack, beside the same work without durability, and beside what one
would take instead.

Everything runs on this machine, over loopback, in one run; subjects take turns, so that a slow minute hits all of them.
A ratio is taken within each round; printed are medians over the rounds. The exit status says nothing about the figures; it is 1 if
one of them could not be measured or is spoiled ("<==" says by what), or if the run was interrupted.
Without an option that names a part all of them are measured.
"""
import argparse, shutil, signal, subprocess, sys

sys.dont_write_bytecode = True
import backlog, compare, nodes, report, starts, troubles
from subjects import Bench, Failed, attempt, cause, faults, say


def match(bench):
    done = subprocess.run([bench.program('contrib/bench/match')], stdout=subprocess.PIPE, encoding='utf-8', check=False)
    if done.returncode:
        raise Failed('contrib/bench/match fails')
    return {name: float(ns) for name, ns in (line.split() for line in done.stdout.splitlines())}


PARTS = {
    'compare': (None, 'rounds of acknowledgements, follow-ups and their times, of all subjects'),
    'troubles': (troubles.measurements, 'acknowledgements while something fails'),
    'nodes': (nodes.measurements, 'nodes on one PostgreSQL'),
    'backlog': (backlog.measurements, 'memory while notifications wait, and how fast they go then'),
    'starts': (starts.measurements, 'how long a start takes'),
    'matching': (lambda bench, _taps: [('match', match, bench)], 'one match among few and many rules'),
}


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default='.', help='the build folder')
    parser.add_argument('--disk', default='.', help='a folder on the disk that is measured')
    parser.add_argument('--quick', action='store_true', help='1 round of 2 s, 20000 waiting: does it still work?')
    parser.add_argument('--rounds', type=int, help='5')
    parser.add_argument('--seconds', type=int, help='of each load, 5')
    parser.add_argument('--waiting', type=int, help='notifications in the backlog, 1000000; each takes 7 kB of /dev/shm')
    parser.add_argument('--yardsticks', action='store_true', help='only the rounds, without callbackd')
    parser.add_argument('--no-peers', action='store_true', help='without what has to be installed from Debian and npm')
    for name, (_, text) in PARTS.items():
        parser.add_argument('--' + name, action='append_const', dest='parts', const=name, help='only: ' + text)
    options = parser.parse_args()
    options.parts = ['compare'] if options.yardsticks else options.parts or list(PARTS)
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (2 if options.quick else 5)
    options.waiting = options.waiting or (20000 if options.quick else 1000000)
    return options


def compare_all(bench, rounds, taps):
    with bench.notes('chat', int(bench.speed * bench.seconds * 1.5) + compare.SPARE, 0) as chat:
        for i in range(bench.options.rounds):
            say('round %d of %d' % (i + 1, bench.options.rounds))
            rounds.append({})
            compare.one_round(bench, rounds[-1], chat, taps)


def run(bench, rounds, once):
    """Figures of each round, and those that are measured once: what is there when it is interrupted counts."""
    parts = bench.options.parts
    if 'compare' in parts and not bench.options.no_peers:
        bench.install_peers()
    bench.probe()
    with bench.notes('taps', int(bench.speed * bench.seconds) + compare.SPARE, 100) as taps:
        if 'compare' in parts:
            compare_all(bench, rounds, taps)
        for measurements in filter(None, (PARTS[name][0] for name in parts)):
            for name, *measurement in measurements(bench, taps):
                attempt(once, name, *measurement)


def main():
    options = read_options()
    if not shutil.which('wrk'):
        say('bench: wrk is missing (Debian: apt-get install wrk)')
        return 1
    bench, rounds, once, stopped = Bench(options), [], {}, None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        run(bench, rounds, once)
    except Exception as why:  # what all of them need
        stopped = cause(why)
    except KeyboardInterrupt:
        stopped = 'interrupted'
    finally:
        bench.close()
    if stopped:
        say('bench: ' + stopped)
        bench.remarks.append('this is not all: ' + stopped)
    print('\n'.join(report.lines(bench, rounds, once)))
    return 1 if stopped or faults(rounds, once) else 0


if __name__ == '__main__':
    sys.exit(main())
