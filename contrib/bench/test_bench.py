#!/usr/bin/env python3
"""What `make bench` makes of what it measured, above all of what it could not measure. No figure here is of this machine."""

import argparse
import contextlib
import copy
import http.server
import io
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
import bench
import report
import subjects
import troubles
from compare import ACKS, DELIVERIES, PACED, RIVALS
from subjects import Failed, attempt, faults, harness
from harness import test

OPTIONS = argparse.Namespace(build=".", disk=".", seconds=5, rounds=3, no_peers=False, parts=["troubles", "matching"])
RATES = {"rate": 1000.0, "cpu_us": 50.0, "beside_us": 0.0, "p99": 5.0}
ANSWERS = {"good": 10, "refused": 0, "good_rate": 2.0, "refused_rate": 0.0, "good_p99": 12.0, "refused_p99": 0.0, "memory": 30.0}
WAITING = {"count": 1000, "drained": 1000, "rate": 900.0, "idle": 10.0, "idle_own": 3.0, "memory": 30.0, "peak": 31.0, "most": 40.0}


class Stub:
    """As much of a Bench as needs no server."""
    before, seconds, speed, options = 0.1, 5, 1000, OPTIONS

    def __init__(self):
        self.remarks = []

    def install_peers(self):
        pass

    def probe(self):
        pass

    @contextlib.contextmanager
    def notes(self, _name, _count, _taps):
        yield None


def one_round(fastify_p99):
    got = {"acks." + name: dict(RATES) for name in ACKS}
    got["acks.disk"]["fdatasync"] = 0.2
    got.update(("delivery." + name, dict(RATES)) for name in DELIVERIES)
    for key, names, p99 in (("paced", PACED, 5.0), ("full", RIVALS, 5.0), ("part", RIVALS, fastify_p99)):
        got.update((f"{key}.{name}", {"rate": 1000.0, "p50": 1.0, "p99": p99}) for name in names)
    got["part.disk"]["p99"] = 5.0
    return got


def figures():
    """Rounds, and what is measured once: nothing is missing."""
    once = {"trouble." + scene.text.strip(): dict(ANSWERS) for scene in troubles.SCENES}
    once.update((f"nodes.{n}", {"rate": 900.0, "missing": 0, "cpu_us": 100.0, "server_us": 200.0}) for n in (1, 2, 3))
    once.update(few=dict(WAITING), many=dict(WAITING), start={"new": 30.0, "again": 20.0}, match={"few": 1.0, "many": 1.2, "any": 2.0})
    return [one_round(100.0), one_round(250.0), one_round(500.0)], once


def table(rounds, once):
    return report.lines(Stub(), rounds, once)


def line_of(lines, beginning):
    found = [line for line in lines if line.startswith(beginning)]
    assert len(found) == 1, (beginning, found)
    return found[0]


@test
def test_complete_figures_name_no_fault():
    rounds, once = figures()
    lines = table(rounds, once)
    assert not [line for line in lines if "none" in line or "not measured" in line or "NOTE" in line], lines
    assert not [line for line in lines if "<==" in line and "GOAL" not in line], lines
    assert not faults(rounds, once)


@test
def test_the_rival_is_compared_under_the_same_load():
    """The ratio of each round, and the median of these: 5 / 250."""
    goal = line_of(table(*figures()), "  p99 to follow-up, both at 0.9 of what fastify delivers")
    assert goal.split()[-4:] == ["0.02", "under", "0.1:", "ok"], goal


@test
def test_what_is_missing_is_named_and_so_are_its_goals():
    rounds, once = figures()
    for got in rounds:
        got["acks.disk"] = {"fault": "the daemon is gone"}
    lines = table(rounds, once)
    row = next(line for line in lines if line.startswith("callbackd, SQLite on disk"))
    assert row.endswith("not measured <== acks.disk: 3 of 3 rounds: the daemon is gone"), row
    for goal in ("acks, disk / fastify, which", "acks, disk / fastify + better"):
        assert "none <== acks.disk: 3 of 3 rounds: the daemon is gone" in line_of(lines, goal)
    assert "ok" in line_of(lines, "acks, tmpfs / bare  ")
    assert len(faults(rounds, once)) == 3


@test
def test_one_round_that_failed_is_named_beside_the_median_of_the_others():
    rounds, once = figures()
    rounds[0]["delivery.tmpfs"]["rate"] = 100.0
    rounds[1]["delivery.tmpfs"] = {"fault": "no follow-up"}
    rounds[2]["delivery.tmpfs"]["rate"] = 300.0
    row = next(line for line in table(rounds, once) if " 200 " in line and line.startswith("callbackd, SQLite on tmpfs"))
    assert row.endswith("<== delivery.tmpfs: 1 of 3 rounds: no follow-up"), row


@test
def test_any_figure_may_be_missing():
    rounds, once = figures()
    for name in [*rounds[0], *once]:
        broken = copy.deepcopy((rounds, once))
        for got in (*broken[0], broken[1]):
            if name in got:
                got[name] = {"fault": "the cause"}
        assert [line for line in table(*broken) if f"<== {name}: " in line and line.endswith("the cause")], name
        for got in (*broken[0], broken[1]):
            got.pop(name, None)
        table(*broken)
    table([], {})
    table([{}], {})


@test
def test_follow_ups_that_are_missing_spoil_a_row():
    rounds, once = figures()
    once["nodes.2"].update(subjects.missing(900, 888), missing=12)
    row = line_of(table(rounds, once), "2 nodes")
    assert " 12 " in row and row.endswith("<== nodes.2: 12 of 900 follow-ups are missing"), row
    assert faults(rounds, once) == ["12 of 900 follow-ups are missing"]
    assert not subjects.missing(900, 901)


@test
def test_refusals_have_times_of_their_own():
    rounds, once = figures()
    once["trouble.the disk is full"].update(good=0, refused=5, refused_rate=7.0, refused_p99=501.0)
    row = line_of(table(rounds, once), "the disk is full")
    assert row.split()[4:8] == ["2", "-", "7", "501.0"] and "OVER" in row, row


@test
def test_remarks_are_told_once_for_all_rounds():
    rounds, once = figures()
    for got in rounds[1:]:
        got["paced.disk"]["remarks"] = ["one", "two"]
    assert table(rounds, once)[-1] == "NOTE: paced.disk, 2 of 3 rounds, in the first: one; two"


def raising(why):
    raise why


@test
def test_whatever_goes_wrong_is_one_measurement_s():
    got = {}
    with contextlib.redirect_stderr(io.StringIO()):
        attempt(got, "failed", raising, Failed("it is\n  gone"))
        attempt(got, "missing tool", subprocess.run, ["/nowhere/tool"])
        attempt(got, "key", lambda: {}["name"])
        attempt(got, "assertion", raising, AssertionError())
        attempt(got, "good", lambda: {"rate": 1})
    assert got["failed"] == {"fault": "it is gone"}, got
    assert got["missing tool"]["fault"].startswith("FileNotFoundError: ") and "/nowhere/tool" in got["missing tool"]["fault"], got
    assert got["key"] == {"fault": "KeyError: 'name'"} and got["assertion"] == {"fault": "AssertionError"}, got
    assert got["good"] == {"rate": 1}, got
    try:
        attempt(got, "interrupted", raising, KeyboardInterrupt())
    except KeyboardInterrupt:
        return
    raise AssertionError("who interrupts the bench is not heard")


@test
def test_the_rest_goes_on():
    rounds, once, parts = [], {}, bench.PARTS
    bench.PARTS = {"troubles": (lambda *_: [("start", raising, OSError("no room"))], ""),
                   "matching": (lambda *_: [("match", lambda: {"few": 1.0, "many": 1.2, "any": 2.0})], "")}
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            bench.run(Stub(), rounds, once)
    finally:
        bench.PARTS = parts
    lines = table(rounds, once)
    assert "none <== start: OSError: no room" in line_of(lines, "start with 1,000 rules to the first answer")
    assert line_of(lines, "match, 10,000").endswith("ok") and faults(rounds, once)


# ---- with servers

@contextlib.contextmanager
def real_bench():
    """In a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        one = bench.Bench(argparse.Namespace(**{**vars(OPTIONS), "disk": folder}))
        try:
            yield one
        finally:
            one.close()


@test
def test_a_server_that_ends_says_why():
    with real_bench() as one, contextlib.redirect_stderr(io.StringIO()):
        got = {}
        attempt(got, "start", subjects.Server, one, "thing", ["sh", "-c", "echo first; echo no port; exit 3"], one.folder + "/bound")
        assert got["start"]["fault"] == "thing ended by itself (3): no port", got
        script = ["sh", "-c", "echo 127.0.0.1:9 >\"$0\"; exec sleep 60", one.folder + "/bound"]
        with subjects.Server(one, "thing", script, one.folder + "/bound") as server:
            server.check()
            server.process.kill()
            server.process.wait(harness.PATIENCE)
            attempt(got, "later", server.check)
        assert got["later"]["fault"] == "thing ended by itself (-9)", got


class Door(http.server.BaseHTTPRequestHandler):
    """Answers by what the body says, 503 after a while."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        status = int(self.rfile.read(int(self.headers["Content-Length"])))
        if status == 503:
            time.sleep(0.02)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Target(subjects.Driven):
    name = "door"

    def __init__(self, address):
        self.address = "%s:%d" % address

    def check(self):
        pass


def drive(one, statuses, **options):
    """What pace counts of a server that answers so."""
    record = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n"
    path = one.write("records", "".join(f"{record}{status}" for status in statuses))
    notes = subjects.Notes(path, len(record) + 3, 0, len(statuses))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door) as server, \
            subjects.Pace(one, notes, count=notes.count, patience=0) as pace:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            return pace.go(Target(server.server_address), **options)
        finally:
            server.shutdown()


@test
def test_answers_are_counted_by_their_kind():
    with real_bench() as one:
        got = drive(one, [200, 503, 200] * 10, may_refuse=True)
        assert (got["sent"], got["good"], got["refused"], got["strange"], got["unanswered"]) == (30, 20, 10, 0, 0), got
        assert got["refused_p99"] >= 20 and got["good_p99"] > 0 and "fault" not in got, got
        assert drive(one, [200, 503])["fault"] == "of 2 webhooks 1 were answered 503"
        assert drive(one, [200, 401, 401], may_refuse=True)["fault"] == "of 3 webhooks 2 were answered neither 200 nor 503"


harness.main()
