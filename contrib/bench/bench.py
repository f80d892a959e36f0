#!/usr/bin/env python3
"""make bench: what callbackd costs, beside the ceiling of its stack, beside the same work without durability, and beside what one
would take instead.

Everything runs on this machine, over loopback, in one run; subjects take turns, so that a slow minute hits all of them.
A ratio is taken within each round; printed are medians over the rounds. The exit status says nothing about the figures.
Without an option that names a part all of them are measured.
"""
import argparse, shutil, signal, subprocess, sys

sys.dont_write_bytecode = True
import backlog, compare, nodes, report, starts, troubles
from subjects import Bench, Failed, say


def matching(bench, got, _taps):
    done = subprocess.run([bench.program('contrib/bench/match')], stdout=subprocess.PIPE, encoding='utf-8', check=False)
    if done.returncode:
        raise Failed('contrib/bench/match fails')
    got.update(('match.' + name, float(ns)) for name, ns in (line.split() for line in done.stdout.splitlines()))


PARTS = {
    'compare': (None, 'rounds of acknowledgements, follow-ups and their times, of all subjects'),
    'troubles': (troubles.measure, 'acknowledgements while something fails'),
    'nodes': (nodes.measure, 'nodes on one PostgreSQL'),
    'backlog': (backlog.measure, 'memory while notifications wait, and how fast they go then'),
    'starts': (starts.measure, 'how long a start takes'),
    'matching': (matching, 'one match among few and many rules'),
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


def run(bench):
    parts = bench.options.parts
    if 'compare' in parts and not bench.options.no_peers:
        bench.install_peers()
    bench.probe()
    taps = bench.notes('taps', int(bench.speed * bench.seconds) + compare.SPARE, 100)
    rounds, once = [], {}
    if 'compare' in parts:
        chat = bench.notes('chat', int(bench.speed * bench.seconds * 1.5) + compare.SPARE, 0)
        for i in range(bench.options.rounds):
            say('round %d of %d' % (i + 1, bench.options.rounds))
            rounds.append(compare.one_round(bench, chat, taps))
        bench.drop(chat)
    for name in parts:
        measure = PARTS[name][0]
        try:
            if measure:
                measure(bench, once, taps)
        except Failed as why:
            say('%s: not measured: %s' % (name, why))
    print('\n'.join(report.lines(bench, rounds, once)))


def main():
    options = read_options()
    if not shutil.which('wrk'):
        say('bench: wrk is missing (Debian: apt-get install wrk)')
        return 0
    bench = Bench(options)
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
