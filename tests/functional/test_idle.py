#!/usr/bin/env python3
"""What waits and cannot go on costs nothing: the engine sleeps until it can.

Measured in commits: an idle engine looks at its store four times a second."""

import os
import re
import subprocess
import time

from harness import *

COUNT = "callbackd_store_commit_seconds_count"
MANY = 300


def sleeps(daemon):
    """At most a few commits a second, once it has come to rest."""
    def few():
        before, begun = daemon.metric(COUNT), time.monotonic()
        time.sleep(0.5)
        commits, took = daemon.metric(COUNT) - before, time.monotonic() - begun
        return 0 < commits <= 12 * took
    wait_for(few, "rest")


def waiting(daemon):
    return daemon.metric('callbackd_runs{state="ready"}')


def wait_many(daemon, count=MANY):
    wait_for(lambda: waiting(daemon) >= count, f"{count} runs that wait")


@test
def test_nothing_to_do():
    with Daemon() as daemon:
        sleeps(daemon)


@test
def test_all_places_taken():
    with Sim() as sim, Daemon(sim, config={"limits": {"sends": 1}}) as daemon:
        sim.fault(hang=True, times=-1)
        for i in range(5):
            daemon.tap("track:ORD-9876", user=str(700000001 + i))
        sim.wait_requests(1)
        sleeps(daemon)


@test
def test_paused_channel():
    with Sim() as sim, Daemon(sim) as daemon:
        sim.fault(status=401, times=-1)
        for i in range(MANY):
            daemon.tap("track:ORD-9876", user=str(700000001 + i))
        wait_many(daemon)
        sleeps(daemon)


@test
def test_channel_that_was_asked_to_wait():
    with Sim() as sim, Daemon(sim) as daemon:
        sim.fault(status=429, headers={"Retry-After": "300"}, times=-1)
        for i in range(MANY):
            daemon.tap("track:ORD-9876", user=str(700000001 + i))
        wait_many(daemon)
        sleeps(daemon)


@test
def test_channel_that_is_gone():
    with Sim() as sim, Daemon(sim) as daemon:
        sim.fault(status=503, times=-1)
        for i in range(5):
            daemon.tap("track:ORD-9876", user=str(700000001 + i))
        sim.wait_requests(1)
        daemon.terminate()
        daemon.config["channels"]["other"] = daemon.config["channels"].pop("shop")
        for source in daemon.config["sources"]:
            source["channel"] = "other"
        daemon.write_config()
        daemon.serve()
        wait_many(daemon, 5)
        sleeps(daemon)


@test
def test_held_runs():
    with Sim() as sim, Daemon(sim) as daemon:
        sim.fault(status=401, times=-1)
        for i in range(MANY):
            daemon.tap("track:ORD-9876", user=str(700000001 + i))
        wait_many(daemon)
        waits = [str(i["id"]) for i in daemon.queue("--limit", "1000") if i["kind"] == "run"]
        wait_for(lambda: daemon.run("queue", "hold", *waits)[0] == 0, "none being under way")
        assert daemon.run("queue", "release", "--channel", "shop")[0] == 0
        wait_for(lambda: daemon.metric('callbackd_runs{state="held"}') == MANY, "held runs")
        sleeps(daemon)


@test
def test_source_that_was_asked_to_wait():
    with Sim() as sim, Daemon(sim) as daemon:
        sim.fault(path="/conversations", status=429, headers={"Retry-After": "300"}, times=-1)
        for i in range(20):
            assert daemon.post_hubspot([hubspot_event(9598272091, f"m{i}")]) == 200
        sim.wait_requests(1, "/conversations")
        sleeps(daemon)


def bindings():
    """Of the libraries, by the dynamic linker itself: who asks, who gives, which name."""
    done = subprocess.run([CALLBACKD, "--version"], env={**os.environ, "LD_DEBUG": "bindings"}, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 0, done.stderr[-1000:]
    return re.findall(r"binding file (\S+) \[0\] to (\S+) \[0\]: normal symbol `(\w+)'", done.stderr)


@test
def test_gnutls_is_told_not_to_prepare_itself():
    asked = [giver for _, giver, name in bindings() if name == "_gnutls_global_init_skip"]
    if not asked:
        raise Skip("libcurl comes without GnuTLS")
    assert [os.path.basename(giver) for giver in asked] == ["callbackd"], asked


@test
def test_memory_goes_back_to_whom_it_is_from():
    """jemalloc's archive gives the program all of these names, its shared library gives all but the first three."""
    found = bindings()
    for names in ("malloc", "calloc", "realloc"), ("free", "memalign", "posix_memalign", "aligned_alloc", "malloc_usable_size"):
        givers = {giver for _, giver, name in found if name in names}
        assert len(givers) == 1, (names, givers)


if __name__ == "__main__":
    main()
