#!/usr/bin/env python3
"""The command line works on the store beside the daemon, and never holds it up."""

import fcntl
import sqlite3
import subprocess
import sys
import termios

from harness import *

F_GETPIPE_SZ = 1032


def unread(daemon, *arguments):
    """Another callbackd whose output nobody reads, as with a pager that waits."""
    return subprocess.Popen([CALLBACKD, arguments[0], "-c", daemon.path("callbackd.yaml"), *arguments[1:]], env=daemon.env,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def still_serves(daemon, sim, process):
    """Once the other's pipe is full: it has printed more than fits."""
    def full():
        waiting = int.from_bytes(fcntl.ioctl(process.stdout, termios.FIONREAD, bytes(4)), sys.byteorder)
        return waiting > fcntl.fcntl(process.stdout, F_GETPIPE_SZ) - 4096
    try:
        wait_for(full, "a full pipe")
        assert process.poll() is None
        sends = len(sim.sends())
        for i in range(3):
            daemon.tap("track:ORD-1111", user=str(900000001 + i))
        sim.wait_sends(sends + 3)
        assert "the store failed" not in daemon.log_text()
    finally:
        process.kill()
        process.communicate()


@test
def test_a_list_in_a_pager_holds_up_nobody():
    with Sim() as sim, Daemon(sim) as daemon:
        for i in range(400):
            daemon.tap("track:ORD-9876", user=str(700000001 + i))
        sim.wait_sends(400)
        still_serves(daemon, sim, unread(daemon, "queue", "list", "--all", "--limit", "5000", "--format", "json"))


@test
def test_a_notification_in_a_pager_holds_up_nobody():
    with Sim() as sim, Daemon(sim) as daemon:
        parts = [intercom_part("<p>track:ORD-%04d</p>" % i) for i in range(150)]
        assert daemon.post_intercom(intercom_replied(parts=parts)) == 200
        sim.wait_sends(150)
        notification = [i for i in daemon.queue("--all", "--limit", "5000") if i["kind"] == "notification"][0]
        still_serves(daemon, sim, unread(daemon, "explain", str(notification["id"])))


@test
def test_a_lock_is_complained_of_once():
    with Sim() as sim, Daemon(sim) as daemon:
        with sqlite3.connect(daemon.path("callbackd.db"), isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            wait_for(lambda: daemon.metric("callbackd_store_failures_total") >= 3, "failures")
            assert daemon.post_intercom(intercom_replied("track:ORD-9876")) == 503
            other.execute("ROLLBACK")
        wait_for(lambda: daemon.page("/readyz")[0] == 200, "the store")
        daemon.tap("track:ORD-9876")
        sim.wait_sends(1)
        assert daemon.log_text().count("the store failed") == 1


if __name__ == "__main__":
    main()
