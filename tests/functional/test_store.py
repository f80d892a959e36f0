#!/usr/bin/env python3
"""What is acknowledged is kept: through crashes, a full disk, a locked or damaged store."""

import contextlib
import glob
import os
import random
import resource
import signal
import sqlite3
import subprocess
import tempfile
import threading

from harness import *

SEND = "/api/v1/telegram/interactive"
RULES = """\
rules:
  - { name: track, tap: 'track:(?<id>.*)', reply: { text: 'order ${id}' } }
  - { name: slow, tap: 'slow:(?<id>.*)', send_within: 7d, reply: { text: 'slow ${id}' } }
"""


def everything(daemon, *filters):
    return daemon.queue("--all", "--limit", "100000", *filters)


def count_runs(daemon, state):
    return daemon.metric(f'callbackd_runs{{state="{state}"}}')


def die(daemon):
    daemon.send_signal(signal.SIGKILL)
    daemon.process.wait()


def serve_refused(daemon):
    """Exit code and standard error of a daemon that does not start."""
    done = subprocess.run([CALLBACKD, "serve", "-c", daemon.path("callbackd.yaml")], env=daemon.env, capture_output=True,
                          text=True, timeout=PATIENCE)
    return done.returncode, done.stderr


@contextlib.contextmanager
def database(daemon):
    connection = sqlite3.connect(daemon.path("callbackd.db"), isolation_level=None, timeout=PATIENCE)
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def small_disk(size):
    """A folder on a disk of its own, or None where that may not be made."""
    folder = tempfile.mkdtemp(prefix="callbackd-disk-")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True).returncode == 0
    try:
        yield folder if made else None
    finally:
        if made:
            subprocess.run(["umount", "-l", folder], check=True)
        os.rmdir(folder)


# --- crashes ---------------------------------------------------------------------------------------------------------------

class Load:
    """Threads that post taps, each of a chat of its own, and remember which were acknowledged."""

    def __init__(self, address, first, threads=4):
        self.address, self.next, self.acknowledged = address, first, []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.post_on) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def take(self):
        with self.lock:
            self.next += 1
            return self.next

    def post_on(self):
        connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
        while not self.stopping.is_set():
            number = self.take()
            body = json.dumps(intercom_replied(f"track:{number}", user=str(number), notif=f"notif-{number}",
                                               parts=[intercom_part(f"track:{number}", part=number)])).encode()
            headers = {"X-Hub-Signature": intercom_signature(body, SECRETS["INTERCOM_SECRET"])}
            try:
                connection.request("POST", "/webhooks/intercom", body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                continue
            if answer.status == 200:
                self.acknowledged.append(number)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


@test
def test_nothing_acknowledged_is_lost_and_nothing_sent_twice():
    chance = random.Random(42)
    acknowledged, last = [], 1000
    with Sim() as sim, Daemon(sim, RULES, start=False) as daemon:
        for _ in range(30):
            daemon.serve()
            load = Load(daemon.intake, last)
            wanted = chance.randint(0, 14)  # the moment of the crash, any will do
            wait_for(lambda: len(load.acknowledged) >= wanted, "load")
            load.stopping.wait(chance.uniform(0.0, 0.02))
            die(daemon)
            load.stop()
            acknowledged += load.acknowledged
            last = load.next
        assert len(acknowledged) > 100, len(acknowledged)
        daemon.serve()
        wait_for(lambda: daemon.page("/readyz")[0] == 200 and count_runs(daemon, "ready") == 0
                 and daemon.metric('callbackd_waiting{kind="notifications"}') == 0, "everything being worked off")
        answered = {}
        for send in sim.requests(SEND):
            answered[int(text_of(send).split()[1])] = answered.get(int(text_of(send).split()[1]), 0) + 1
        unknown = {int(i["chat"]) for i in everything(daemon, "--state", "unknown")}
        lost = [n for n in acknowledged if n not in answered and n not in unknown]
        twice = [n for n, times in answered.items() if times > 1]
        assert not lost and not twice, (lost, twice)
        others = [i for i in everything(daemon) if i["state"] not in ("done", "unknown")]
        assert not others, others[:5]
        # What crashed while a request was under way is unknown, and only that.
        assert len(unknown) <= 30 * 64 and unknown <= set(range(1000, last + 1))
        assert daemon.terminate() == 0


@test
def test_request_under_way_at_a_crash_is_unknown():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(accept_then="hang")
        daemon.tap("track:1")
        sim.wait_requests(1, SEND)
        daemon.tap("track:2")
        die(daemon)
        daemon.serve()
        assert [text_of(s) for s in sim.wait_sends(2)] == ["order 1", "order 2"]
        wait_for(lambda: count_runs(daemon, "unknown") == 1 and count_runs(daemon, "done") == 1)
        assert len(sim.requests(SEND)) == 2
        daemon.wait_log("send left over")


@test
def test_notification_that_ended_the_program_three_times_is_set_aside():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        daemon.tap("nothing takes this")
        wait_for(lambda: daemon.metric('callbackd_unmatched_total{source="intercom"}') == 1)
        assert daemon.terminate() == 0
        with database(daemon) as db:  # as three crashes would have left it
            db.execute("DELETE FROM entry")
            db.execute("DELETE FROM seen")
            db.execute("UPDATE notification SET state = 0, reason = NULL, tries = 3")
        daemon.serve()
        daemon.wait_log("a notification is stuck")
        stuck = wait_for(lambda: daemon.queue("--state", "stuck"), "that being stored")
        assert [i["kind"] for i in stuck] == ["notification"] and len(daemon.queue()) == 1, stuck
        daemon.tap("track:1")  # the others go on
        sim.wait_sends(1)
        assert daemon.run("queue", "retry", str(stuck[0]["id"]))[0] == 0
        wait_for(lambda: daemon.metric('callbackd_unmatched_total{source="intercom"}') == 1)
        wait_for(lambda: daemon.queue() == [], "nothing being stuck")


# --- who may open it -------------------------------------------------------------------------------------------------------

@test
def test_second_daemon_on_the_store_is_refused():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        code, err = serve_refused(daemon)
        assert code == 4 and "another callbackd runs on" in err and "callbackd.db" in err, (code, err)
        daemon.tap("track:1")
        sim.wait_sends(1)
        die(daemon)
        daemon.serve()  # the lock goes with the process
        daemon.tap("track:2")
        sim.wait_sends(2)


@test
def test_file_that_is_no_store_is_left_alone():
    with Sim() as sim, Daemon(sim, RULES, start=False) as daemon:
        garbage = [b"this is no database " * 500, b"SQLite format 3\0" + b"\xff" * 5000, b"x"]
        for content in garbage:
            with open(daemon.path("callbackd.db"), "wb") as file:
                file.write(content)
            code, err = serve_refused(daemon)
            assert code == 4 and "callbackd.db" in err, (code, err)
            with open(daemon.path("callbackd.db"), "rb") as file:
                assert file.read() == content
            os.unlink(daemon.path("callbackd.db"))
        with database(daemon) as db:
            db.execute("CREATE TABLE customer(name TEXT)")
            db.execute("INSERT INTO customer VALUES('Dana')")
        with open(daemon.path("callbackd.db"), "rb") as file:
            before = file.read()
        for arguments in (["serve"], ["queue", "list"]):
            code, _, err = daemon.run(*arguments)
            assert code == 4 and "not a database of callbackd" in err, (arguments, code, err)
        with open(daemon.path("callbackd.db"), "rb") as file:
            assert file.read() == before


@test
def test_store_of_a_newer_version_is_left_alone():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        assert daemon.terminate() == 0
        with database(daemon) as db:
            db.execute("UPDATE meta SET v = '99' WHERE k = 'version'")
        code, err = serve_refused(daemon)
        assert code == 4 and "newer callbackd" in err and "99" in err, (code, err)
        with database(daemon) as db:
            assert db.execute("SELECT v FROM meta WHERE k = 'version'").fetchone() == ("99",)


@test
def test_folder_that_is_missing_or_cannot_be_written():
    with Sim() as sim, Daemon(sim, RULES, config={"store": "sqlite:var/callbackd.db"}, start=False) as daemon:
        code, err = serve_refused(daemon)
        assert code == 4 and "var/" in err and "No such file" in err, (code, err)
        with small_disk("1m") as folder:
            if os.geteuid() != 0:
                os.mkdir(daemon.path("var"), 0o555)
            elif folder:
                subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
                os.symlink(folder, daemon.path("var"))
            else:
                return  # root writes everywhere, and no read-only disk can be made
            code, err = serve_refused(daemon)
            assert code == 4 and "callbackd.db" in err and ("Read-only" in err or "Permission" in err), (code, err)


@test
def test_files_are_for_the_owner_only():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        daemon.tap("track:1")
        sim.wait_sends(1)
        files = glob.glob(daemon.path("callbackd.db*"))
        assert len(files) >= 3, files
        assert {oct(os.stat(f).st_mode & 0o777) for f in files} == {"0o600"}, files


# --- a store that fails under way ------------------------------------------------------------------------------------------

def post(daemon, number):
    return daemon.post_intercom(intercom_replied(f"track:{number}", user=str(number), notif=f"notif-{number}",
                                                 parts=[intercom_part(f"track:{number}", part=number)]))


def expect_down(daemon):
    wait_for(lambda: daemon.page("/readyz")[0] == 503, "not being ready")
    assert "store: " in daemon.page("/readyz")[1] and daemon.page("/healthz")[0] == 200
    assert daemon.metric("callbackd_store_failures_total") >= 1
    assert "the store failed" in daemon.log_text()


def expect_recovery(sim, daemon, numbers):
    """Posts what was refused until it is taken; everything must have been answered once."""
    for number in numbers:
        wait_for(lambda: post(daemon, number) == 200, f"{number} being stored")
    wait_for(lambda: daemon.page("/readyz") == (200, "ready\n"), "being ready")
    daemon.wait_log("the store works again")
    sim.wait_sends(len(numbers))
    wait_for(lambda: count_runs(daemon, "done") == len(numbers))
    assert sorted(text_of(r) for r in sim.requests(SEND)) == sorted(f"order {n}" for n in numbers)


def fill(daemon, first):
    """Posts until the store refuses; the numbers posted."""
    number = first
    while post(daemon, number) == 200:
        number += 1
        assert number < 20000, "the disk is never full"
    return list(range(first, number + 1))


@test
def test_full_disk():
    with Sim() as sim, small_disk("4m") as folder:
        if not folder:
            return  # the limit of file sizes below shows the same
        with Daemon(sim, RULES, config={"store": f"sqlite:{folder}/callbackd.db"}) as daemon:
            assert post(daemon, 1) == 200
            sim.wait_sends(1)
            with open(f"{folder}/filler", "wb") as filler, contextlib.suppress(OSError):
                filler.write(b"x" * (64 << 20))
            numbers = fill(daemon, 2)
            expect_down(daemon)
            assert post(daemon, numbers[-1]) == 503
            os.unlink(f"{folder}/filler")
            expect_recovery(sim, daemon, [1, *numbers])
            assert daemon.terminate() == 0


@test
def test_limit_of_file_sizes():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        assert post(daemon, 1) == 200
        sim.wait_sends(1)
        wait_for(lambda: count_runs(daemon, "done") == 1)
        size = os.path.getsize(daemon.path("callbackd.db-wal"))
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (size + 65536, resource.RLIM_INFINITY))
        numbers = fill(daemon, 2)
        expect_down(daemon)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        expect_recovery(sim, daemon, [1, *numbers])
        assert daemon.terminate() == 0


@test
def test_locked_database():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(hold=True)
        assert post(daemon, 1) == 200
        sim.wait_requests(1, SEND)
        with database(daemon) as db:
            db.execute("BEGIN EXCLUSIVE")
            status, headers, _ = request(daemon.intake, "POST", "/webhooks/intercom", b"{}", {
                "X-Hub-Signature": intercom_signature(b"{}", SECRETS["INTERCOM_SECRET"])})
            assert status == 503 and int(headers["Retry-After"]) > 0, (status, headers)
            assert post(daemon, 2) == 503
            expect_down(daemon)
            failures = daemon.metric("callbackd_store_failures_total")
            sim.release()
            wait_for(lambda: daemon.metric("callbackd_store_failures_total") >= failures + 3)  # the answer came, and is kept
            assert daemon.metric('callbackd_sends_total{channel="shop",outcome="ok"}') == 0
            db.execute("ROLLBACK")
        expect_recovery(sim, daemon, [1, 2])
        assert count_runs(daemon, "unknown") == 0


@test
def test_stop_with_a_locked_database_says_so():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(hold=True)
        daemon.tap("track:1")
        sim.wait_requests(1, SEND)
        with database(daemon) as db:
            db.execute("BEGIN EXCLUSIVE")
            sim.release()
            assert daemon.terminate() == 4  # the answer could not be stored
            db.execute("ROLLBACK")
        daemon.serve()
        wait_for(lambda: count_runs(daemon, "unknown") == 1)
        assert len(sim.requests(SEND)) == 1


# --- retention -------------------------------------------------------------------------------------------------------------

@test
def test_done_things_go_after_their_time():
    with Sim() as sim, Daemon(sim, RULES, config={"retention": "60m"}) as daemon:
        old = intercom_replied("track:1", user="1")
        assert daemon.post_intercom(old) == 200
        sim.wait_sends(1)
        wait_for(lambda: count_runs(daemon, "done") == 1)
        sim.fault(status=503, times=-1)
        daemon.tap("slow:2", user="2")  # does not end
        sim.wait_requests(2, SEND)
        assert daemon.terminate() == 0
        with database(daemon) as db:
            for table, columns in (("notification", ["stored_at"]), ("entry", ["stored_at", "said_at"]),
                                   ("run", ["stored_at", "said_at", "ended_at"]), ("tap", ["stored_at"]), ("seen", ["at"])):
                db.execute(f"UPDATE {table} SET " + ", ".join(f"{c} = {c} - 7200000" for c in columns))
            rulesets = db.execute("SELECT count(*) FROM ruleset").fetchone()[0]
            db.execute("INSERT INTO ruleset VALUES(x'00', x'00', 1)")  # of a year long gone
        daemon.serve()
        daemon.tap("track:3", user="3")  # young
        wait_for(lambda: "1" not in {i.get("chat") for i in everything(daemon)}, "the old run being gone")
        runs(daemon, "ready", 2)
        kept = {(i["kind"], i.get("chat")) for i in everything(daemon) if i["kind"] == "run"}
        assert kept == {("run", "2"), ("run", "3")}, kept
        daemon.wait_log("no run needs any more")
        with database(daemon) as db:
            assert db.execute("SELECT count(*) FROM ruleset").fetchone()[0] == rulesets
        sim.control("DELETE", "faults")
        assert {text_of(s) for s in sim.wait_sends(3)} == {"order 1", "slow 2", "order 3"}
        assert daemon.post_intercom(old) == 200  # forgotten, and still known as delivered
        daemon.wait_log("duplicate message")
        assert len(sim.sends()) == 3


@test
def test_retry_after_the_clock_was_set_back():
    """What the store has is of a later time than the clock shows: so is what is sent anew."""
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(status=422)
        daemon.tap("track:1")
        wait_for(lambda: [i for i in everything(daemon) if i["state"] == "failed"], "the run that failed")
        assert daemon.terminate() == 0
        with database(daemon) as db:
            db.execute("UPDATE run SET stored_at = stored_at + 7200000, expires_at = expires_at + 7200000")
            run, stored_at = db.execute("SELECT id, stored_at FROM run").fetchone()
        code, _, err = daemon.run("queue", "retry", str(run))
        assert code == 0, err
        with database(daemon) as db:
            assert db.execute("SELECT expires_at > ? FROM run", (stored_at,)).fetchone() == (1,)
        daemon.serve()
        assert text_of(sim.wait_sends(1)[0]) == "order 1"


if __name__ == "__main__":
    main()
