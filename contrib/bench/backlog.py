"""A store in which notifications wait for a host that is down: the memory that this takes, and how fast they go when it comes back."""

import shutil, socket, time

from subjects import Failed, Pace, Simulator, arrivals, missing, say

LONGEST = 60  # seconds of draining that are looked at
EACH = 7000  # bytes of the folder that one takes, the generator's file with it
FEW = 100000  # so many waiting are next to none: some seconds


def settle(server):
    """Until the daemon has nothing more to do by itself."""
    quiet, end = 0, time.monotonic() + 300
    while quiet < 2:
        if time.monotonic() > end:
            raise Failed('the daemon is still at work after five minutes')
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
    came, end = arrivals(sim.accepted, waiting, longest=LONGEST)
    return {'rate': (came - first) / (end - begin), 'drained': came, **(missing(waiting, came) if end - begin < LONGEST else {})}


def measure(bench, count):
    free = shutil.disk_usage(bench.folder).free
    if free < count * EACH:
        raise Failed('%s has %.1f GB, %.1f are needed; --waiting N takes fewer' % (bench.folder, free / 1e9, count * EACH / 1e9))
    say('backlog: %d notifications' % count)
    got = {}
    dead = socket.socket()
    dead.bind(('127.0.0.1', 0))
    port = dead.getsockname()[1]
    with dead, bench.open('tmpfs', 'http://127.0.0.1:%d' % port) as server:
        time.sleep(1)
        got['idle'], got['idle_own'] = server.memory(), server.memory('RssAnon')
        with bench.notes('backlog', count, 100) as notes, Pace(bench, notes, count=count, patience=0) as generator:
            load = generator.go(server)
        settle(server)
        got['memory'], got['peak'] = server.memory(), server.memory('VmHWM')
        dead.close()
        with Simulator(bench, port) as sim:
            got.update(drain(sim, load['good']), count=load['good'])
        got['most'] = server.memory('VmHWM')
    return {**got, 'fault': load['fault']} if 'fault' in load else got


def measurements(bench, _taps):
    many = bench.options.waiting
    return [('few', measure, bench, min(FEW, many)), ('many', measure, bench, many)]
