"""The table: all figures of one run, medians of the rounds, and beside each ratio the goal that it has. A goal in brackets is the first
step on the way to the one in front of it."""

import os, platform, statistics, time

import nodes, troubles
from compare import RATE
from subjects import CONNECTIONS

SUBJECTS = (('bare', 'bare evhttp'), ('hmac', 'bare evhttp that checks the HMAC'), ('relay', 'relay without a store'),
            ('tmpfs', 'callbackd, SQLite on tmpfs'), ('disk', 'callbackd, SQLite on disk'),
            ('postgres', 'callbackd, PostgreSQL on disk'), ('fastify', 'fastify + undici, keeps nothing'),
            ('stored', 'fastify + better-sqlite3, one commit per request'), ('webhook', "Debian's webhook"))


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
    def __init__(self, rounds, once):
        self.rounds, self.once = rounds, once
        self.lines = []

    def median(self, name, per=None):
        """Of the figure, or of its ratio to another one of the same round; None if it was not measured."""
        values = [r[name] / (r[per] if per else 1) for r in self.rounds if name in r and (not per or r.get(per))]
        return statistics.median(values) if values else None

    def ratio(self, name, per):
        """Of two figures that are measured once in a run."""
        return self.once[name] / self.once[per] if self.once.get(per) and name in self.once else None

    def subjects(self, title, key):
        """A line for each subject: a second, and processor time for each; that of PostgreSQL's server by itself."""
        if not any(name.startswith(key) for r in self.rounds for name in r):
            return
        self.lines += ['', '%-50s %9s %9s %9s %12s' % (title, 'median', 'least', 'most', 'us each')]
        for name, text in SUBJECTS:
            rates = sorted(r[f'{key}.{name}.rate'] for r in self.rounds if f'{key}.{name}.rate' in r)
            if rates:
                server = self.median(f'{key}.{name}.beside_us')
                self.lines.append('%-50s %9.0f %9.0f %9.0f %12s' % (
                    text, statistics.median(rates), rates[0], rates[-1],
                    '%.0f' % self.median(f'{key}.{name}.cpu_us') + (' + %.0f' % server if server else '')))

    def times(self, title, key):
        if not any(name.startswith(key) for r in self.rounds for name in r):
            return
        self.lines += ['', '%-50s %9s %9s %9s %9s' % (title, 'p50', 'p99', 'least', 'most')]
        for name, text in SUBJECTS:
            slowest = [r[f'{key}.{name}.p99'] for r in self.rounds if f'{key}.{name}.p99' in r]
            if slowest:
                self.lines.append('%-50s %9.2f %9.2f %9.2f %9.2f' % (
                    text, self.median(f'{key}.{name}.p50'), statistics.median(slowest), min(slowest), max(slowest)))

    def value(self, text, value, form='%.1f', unit=''):
        if value is not None:
            self.lines.append(('%-50s %9s %s' % (text, form % value, unit)).rstrip())

    def goal(self, text, value, at_least=None, under=None, first=None, form='%.2f', unit=''):
        if value is None:
            self.lines.append('%-63s %9s' % (text, 'none'))
            return
        met = value >= at_least if under is None else value < under
        goal = ('at least %g' % at_least if under is None else 'under %g' % under) + (' (%g)' % first if first else '')
        self.lines.append('%-63s %9s %-2s   %s: %s' % (text, form % value, unit, goal,
                                                      'ok' if met else '<== BELOW GOAL' if under is None else '<== OVER GOAL'))


def compared(report):
    report.subjects('webhooks answered 200, a second', 'acks')
    report.value('fdatasync of 4 kB on this disk', report.median('fdatasync'), '%.3f', 'ms')
    report.value('p99 of the answers, callbackd on tmpfs', report.median('acks.tmpfs.p99'), unit='ms')
    report.value('p99 of the answers, callbackd on disk', report.median('acks.disk.p99'), unit='ms')
    report.subjects('taps to follow-ups delivered, a second', 'deliver')
    report.times('ms from webhook to follow-up, at %d a second' % RATE, 'paced')
    report.times('  the same as fast as %d connections are answered' % CONNECTIONS, 'full')
    rate = report.median('part.rate')
    if rate:
        report.times('  the same at %d a second' % rate, 'part')


def waited(report):
    once = report.once
    if 'backlog.rate' not in once:
        return
    report.lines += ['', 'notifications waiting for a host that is down, store on tmpfs']
    report.value('resident, %s waiting' % format(once['few.count'], ','), once['few.memory'], unit='MB')
    report.value('resident, %s waiting' % format(once['backlog.count'], ','), once['backlog.memory'], unit='MB')
    report.value('  highest until then', once['backlog.peak'], unit='MB')
    report.value('  highest when drained', once['backlog.most'], unit='MB')
    for name in 'few', 'backlog':
        report.value('the host is back: the first %s of %s' % (format(once[name + '.drained'], ','), format(once[name + '.count'], ',')),
                     once[name + '.rate'], '%.0f', '/s')


def once_lines(report):
    once = report.once
    if 'start.new' in once:
        report.lines += ['', 'start with 1,000 rules to the first webhook answered']
        report.value('new store on disk', once['start.new'], unit='ms')
        report.value('the same store again', once['start.again'], unit='ms')
    if 'match.few' in once:
        report.lines += ['', 'one match']
        for text, name in (('10 rules', 'few'), ('10,000 rules, taps for ten of them', 'many'), ('10,000 rules, taps for any of them', 'any')):
            report.value(text, once['match.' + name], '%.0f', 'ns')


def goals(report):
    once, median = report.once, report.median
    report.lines += ['', '%-63s %9s      %s' % ('goals', 'measured', 'goal (first step)')]
    if report.rounds:
        report.goal('acks, tmpfs / bare that checks the HMAC', median('acks.tmpfs.rate', 'acks.hmac.rate'), at_least=0.75)
        report.goal('acks, tmpfs / bare', median('acks.tmpfs.rate', 'acks.bare.rate'), at_least=0.4)
        report.goal('acks, disk / fastify, which keeps nothing', median('acks.disk.rate', 'acks.fastify.rate'), at_least=1.5)
        report.goal('acks, disk / fastify + better-sqlite3', median('acks.disk.rate', 'acks.stored.rate'), at_least=4)
        report.goal('follow-ups, tmpfs / relay', median('deliver.tmpfs.rate', 'deliver.relay.rate'), at_least=0.85, first=0.6)
        report.goal('follow-ups, disk / fastify + undici', median('deliver.disk.rate', 'deliver.fastify.rate'), at_least=1)
        report.goal('  their p99 from webhook to follow-up, as fast as answered', median('full.disk.p99', 'full.fastify.p99'), under=0.1)
        sync = ' (fdatasync %.2f ms)' % median('fdatasync') if median('fdatasync') else ''
        report.goal('tap to follow-up at 1,000/s, disk%s: p50' % sync, median('paced.disk.p50'), under=2, unit='ms')
        report.goal('tap to follow-up at 1,000/s, disk%s: p99' % sync, median('paced.disk.p99'), under=8, unit='ms')
    if 'match.few' in once:
        report.goal('match, 10,000 rules / 10 rules', report.ratio('match.many', 'match.few'), under=1.5)
    if 'backlog.rate' in once:
        rate = median('deliver.tmpfs.rate')
        if rate:
            report.goal('draining with %s waiting / follow-ups, tmpfs' % format(once['backlog.count'], ','), once['backlog.rate'] / rate,
                        at_least=0.8)
        report.goal('draining with %s waiting / with %s' % (format(once['backlog.count'], ','), format(once['few.count'], ',')),
                    report.ratio('backlog.rate', 'few.rate'), at_least=0.8)
        report.goal('resident memory, idle (%.1f its own, the rest libraries)' % once['backlog.idle_own'],
                    once['backlog.idle'], under=15, first=20, form='%.1f', unit='MB')
        report.goal('resident memory, %s waiting' % format(once['backlog.count'], ','), once['backlog.memory'], under=64, form='%.1f', unit='MB')
    if 'start.new' in once:
        report.goal('start with 1,000 rules to the first answer, new store', once['start.new'], under=100, form='%.0f', unit='ms')


def lines(bench, rounds, once):
    report = Report(rounds, once)
    compared(report)
    waited(report)
    once_lines(report)
    report.lines += troubles.lines(once) + nodes.lines(once)
    goals(report)
    if bench.before > 0.5:
        report.lines += ['', 'NOTE: the machine was busy with other work: a daemon of two threads beside a generator loses more by '
                         'that than a single thread, so the ratios come out too low']
    if bench.repeats:
        report.lines += ['', 'NOTE: %d notifications went out twice: the files were too short' % bench.repeats]
    return machine(bench) + report.lines
