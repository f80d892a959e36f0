"""A store in which notifications wait for a host that is down: the memory that this takes, and how fast they go when it comes back."""

import shutil, socket, time

from subjects import Failed, Pace, Simulator, say

LONGEST = 60  # seconds of draining that are looked at
EACH = 7000  # bytes of the folder that one takes, the generator's file with it
FEW = 100000  # so many waiting are next to none: some seconds


def settle(server):
    """Until the daemon has nothing more to do by itself."""
    quiet, end = 0, time.monotonic() + 300
    while quiet < 2 and time.monotonic() < end:
        before = server.cpu()
        time.sleep(1)
        quiet = quiet + 1 if server.cpu() - before < 0.1 else 0


def drain(sim, waiting):
    """Follow-ups a second from the first one on, and how many were looked at."""
    end = time.monotonic() + 30
    while not sim.accepted():
        if time.monotonic() > end:
            raise Failed('no follow-up came within 30 s')
        time.sleep(0.005)
    first, begin = sim.accepted(), time.monotonic()
    now, at = first, begin
    while now < waiting and at - begin < LONGEST:
        time.sleep(0.02)
        now, at = sim.accepted(), time.monotonic()
    return (now - first) / (at - begin), now


def fill_and_drain(bench, got, count, name):
    """Adds to `got` what is measured with so many."""
    dead = socket.socket()
    dead.bind(('127.0.0.1', 0))
    port = dead.getsockname()[1]
    notes = bench.notes('backlog', count, 100)
    with dead, bench.open('tmpfs', 'http://127.0.0.1:%d' % port) as server:
        time.sleep(1)
        got[name + '.idle'], got[name + '.idle_own'] = server.memory(), server.memory('RssAnon')
        with Pace(bench, notes, count=count, patience=0) as generator:
            got[name + '.count'] = generator.go(server)['good']
        bench.drop(notes)
        settle(server)
        got[name + '.memory'], got[name + '.peak'] = server.memory(), server.memory('VmHWM')
        dead.close()
        with Simulator(bench, port) as sim:
            got[name + '.rate'], got[name + '.drained'] = drain(sim, got[name + '.count'])
        got[name + '.most'] = server.memory('VmHWM')


def measure(bench, got, _taps):
    many = bench.options.waiting
    free = shutil.disk_usage(bench.folder).free
    if free < many * EACH:
        raise Failed('%s has %.1f GB, %.1f are needed; --waiting N takes fewer' % (bench.folder, free / 1e9, many * EACH / 1e9))
    say('backlog: %d notifications' % many)
    fill_and_drain(bench, got, min(FEW, many), 'few')
    fill_and_drain(bench, got, many, 'backlog')
