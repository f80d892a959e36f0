#!/usr/bin/env python3
"""What fails around the daemon, one thing at a time. In each case webhooks are acknowledged (but for a store that fails: then they
are refused, and nothing is lost), other channels go on, and all that was acknowledged is delivered or shown in the end.

Other faults have their tests in test_store.py, test_sending.py and test_pacing.py: see contrib/HACKING, "Faults"."""

import concurrent.futures
import contextlib
import errno
import signal
import sqlite3
import threading

from faultkit import *
from harness import *

SEND = "/api/v1/telegram/interactive"
RULES = """\
rules:
  - { name: track, tap: 'track:(?<id>.*)', send_within: 7d, reply: { text: 'order ${id}' } }
"""


def tap(number):
    """The same notification each time, so that what is posted twice is known."""
    return json.dumps(intercom_replied(f"track:{number}", user=str(number), notif=f"notif-{number}",
                                       parts=[intercom_part(f"track:{number}", part=number)])).encode()


def post(daemon, number, source="intercom"):
    body = tap(number)
    return daemon.post("/webhooks/" + source, body, {"X-Hub-Signature": intercom_signature(body, SECRETS["INTERCOM_SECRET"])})


def numbers_of(requests):
    return sorted(int(text_of(r).split()[1]) for r in requests)


def count_runs(daemon, state):
    return daemon.metric(f'callbackd_runs{{state="{state}"}}')


@contextlib.contextmanager
def two_channels(**channel):
    """The daemon with a channel that will have its troubles, and `car`, which has none."""
    with Sim() as sim, Sim() as car, Daemon(sim, RULES, channel=channel, start=False) as daemon:
        shop = {key: value for key, value in daemon.config["channels"]["shop"].items() if key != "timeout"}
        daemon.config["channels"]["car"] = {**shop, "url": car.url}
        daemon.config["sources"].append({**daemon.config["sources"][0], "name": "cars", "path": "/webhooks/cars", "channel": "car"})
        daemon.config["limits"] = {"sends": 8}
        daemon.write_config()
        yield sim, car, daemon


def pour(daemon, first, count=20):
    """Taps for both channels; each of them is acknowledged. The numbers."""
    numbers = list(range(first, first + count))
    for number in numbers:
        for source in ("intercom", "cars"):
            wait_for(lambda: post(daemon, number + (500000 if source == "cars" else 0), source) == 200, "the acknowledgement")
    return numbers


def expect_other_channel(car, numbers):
    car.wait_sends(len(numbers))
    assert numbers_of(car.requests(SEND)) == [n + 500000 for n in numbers]


def expect_end(sim, daemon, numbers):
    """All is over: each was delivered once, or the store says that nobody knows."""
    wait_for(lambda: count_runs(daemon, "ready") == 0 and daemon.metric('callbackd_waiting{kind="notifications"}') == 0,
             "the end of all runs", 2 * PATIENCE)
    unknown = [int(i["chat"]) for i in daemon.queue("--all", "--state", "unknown", "--limit", "1000") if i["kind"] == "run"]
    delivered = numbers_of(sim.sends())
    assert len(delivered) == len(set(delivered)), delivered
    lost = set(numbers) - set(delivered) - set(unknown)
    assert not lost, (lost, unknown)
    daemon.wait_metric('callbackd_runs{state="done"}', len(set(delivered) - set(unknown)) + len(numbers))
    daemon.wait_metric('callbackd_runs{state="unknown"}', len(unknown))
    return unknown


# --- the store -------------------------------------------------------------------------------------------------------------

def expect_refusal(daemon):
    wait_for(lambda: daemon.page("/readyz")[0] == 503, "not being ready")
    assert "store: " in daemon.page("/readyz")[1] and daemon.page("/healthz")[0] == 200
    assert "the store failed" in daemon.log_text()


@test
def test_io_errors():
    for fault in ({"write": errno.EIO}, {"write": errno.ENOSPC}, {"sync": errno.EIO}, {"write": errno.EIO, "sync": errno.EIO}):
        for crash in (False, True):
            with Sim() as sim, Daemon(sim, RULES, start=False) as daemon:
                trouble = Trouble(daemon)
                daemon.serve()
                sim.fault(hold=True)
                assert post(daemon, 1) == 200
                sim.wait_requests(1, SEND)
                trouble.set(**fault)
                sim.release()  # its answer comes while the disk fails
                for number in range(2, 12):
                    assert post(daemon, number) == 503, fault
                expect_refusal(daemon)
                assert trouble.get("failed") > 0
                if crash:
                    daemon.kill()
                trouble.set(write=0, sync=0)
                if crash:
                    daemon.serve()
                for number in range(1, 12):  # as senders do
                    wait_for(lambda: post(daemon, number) == 200, f"{number} being stored")
                wait_for(lambda: daemon.page("/readyz") == (200, "ready\n"), "being ready")
                wait_for(lambda: count_runs(daemon, "done") + count_runs(daemon, "unknown") == 11, "all runs")
                unknown = sorted(int(i["chat"]) for i in daemon.queue("--all", "--state", "unknown") if i["kind"] == "run")
                left = numbers_of(sim.requests(SEND))
                assert sorted({*left, *unknown}) == list(range(1, 12)) and len(left) == len(set(left)), (fault, left, unknown)
                # Without the crash the result was kept. With it nobody knows; but the last transaction whose sync failed may be
                # there after all, with the result in it, and with what was to leave after it.
                possible = [[]] if not crash else [[1]] if fault.get("write") else [[], [1], [11], [1, 11]]
                assert unknown in possible, (fault, unknown)


@test
def test_disk_that_takes_long():
    """The sender is told after store_time, and the loop serves others meanwhile; what is stored after all is stored once."""
    with Sim() as sim, Daemon(sim, RULES, start=False, config={"limits": {"store_time": "100ms"}}) as daemon:
        trouble = Trouble(daemon)
        daemon.serve()
        trouble.set(hold=1)
        assert post(daemon, 1) == 503
        assert daemon.page("/healthz")[0] == 200 and request(daemon.intake, "HEAD", "/webhooks/intercom")[0] == 200
        # A reload gives later ones more time. It waits for the engine, as they do.
        daemon.config["limits"] = {"store_time": "1m"}
        daemon.write_config()
        daemon.send_signal(signal.SIGHUP)
        trouble.set(hold=0)
        wait_for(lambda: daemon.metric("callbackd_reloads_total") == 1, "the reload")
        trouble.set(hold=1)
        answers = []
        sender = threading.Thread(target=lambda: answers.extend([post(daemon, 1), post(daemon, 2)]))
        sender.start()
        assert daemon.page("/healthz")[0] == 200
        trouble.set(hold=0)
        sender.join()
        assert answers == [200, 200], answers
        assert daemon.reasons() == [None, "duplicate message", None]
        assert numbers_of(sim.sends()) == [1, 2]


@test
def test_disk_that_cannot_be_read_at_the_start():
    with Sim() as sim, Daemon(sim, RULES, start=False) as daemon:
        trouble = Trouble(daemon)
        daemon.serve()
        assert post(daemon, 1) == 200
        sim.wait_sends(1)
        assert daemon.terminate() == 0
        before = store_files(daemon)
        trouble.set(read=errno.EIO)
        code, err = refused(daemon)
        assert code == 4 and "callbackd.db" in err and "error" in err.lower(), (code, err)
        assert store_files(daemon) == before
        trouble.set(read=0)
        daemon.serve()
        assert post(daemon, 2) == 200
        sim.wait_sends(2)


def refused(daemon):
    """Exit code and standard error of a daemon that does not start."""
    done = subprocess.run([CALLBACKD, "serve", "-c", daemon.path("callbackd.yaml")], env=daemon.env, capture_output=True,
                          text=True, timeout=PATIENCE)
    return done.returncode, done.stderr


def store_files(daemon):
    found = {}
    for name in ("callbackd.db", "callbackd.db-wal"):
        if os.path.exists(daemon.path(name)):
            with open(daemon.path(name), "rb") as file:
                found[name] = file.read()
    return {name: content for name, content in found.items() if content}


@test
def test_locked_at_the_start():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        assert post(daemon, 1) == 200
        sim.wait_sends(1)
        assert daemon.terminate() == 0
        before = store_files(daemon)  # not later: a file that is closed takes this process's locks on it along
        with contextlib.closing(sqlite3.connect(daemon.path("callbackd.db"), isolation_level=None)) as db:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("BEGIN EXCLUSIVE")
            code, err = refused(daemon)
            assert code == 4 and "callbackd.db" in err and "locked" in err, (code, err)
            db.execute("ROLLBACK")
        assert store_files(daemon) == before
        daemon.serve()
        assert post(daemon, 1) == 200 and post(daemon, 2) == 200
        assert numbers_of(sim.wait_sends(2)) == [1, 2]


@test
def test_damaged_at_the_start():
    """Refused, or served as far as it can be read; what is on the disk stays as it is for whoever repairs it."""
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        for number in range(1, 40):
            assert post(daemon, number) == 200
        sim.wait_sends(39)
        assert daemon.terminate() == 0
        with open(daemon.path("callbackd.db"), "rb") as file:
            good = file.read()
        damages = {"first page": good[:100] + b"\xa5" * 4000 + good[4100:], "half the file": good[:len(good) // 2 // 8192 * 8192],
                   "half a page": good[:5000], "zeros": b"\0" * len(good), "schema": good.replace(b"CREATE", b"CR\0ATE")}
        for name, bad in damages.items():
            with open(daemon.path("callbackd.db"), "wb") as file:
                file.write(bad)
            before = store_files(daemon)
            code, err = refused(daemon)
            assert code == 4 and "callbackd.db" in err, (name, code, err)
            assert store_files(daemon) == before, name
        with open(daemon.path("callbackd.db"), "wb") as file:
            file.write(good)
        daemon.serve()
        assert post(daemon, 40) == 200
        sim.wait_sends(40)


# --- memory ----------------------------------------------------------------------------------------------------------------

POURED, BOUND = 300, 150  # megabytes


def large_tap(number):
    payload = intercom_replied(f"track:{number}", user=str(number), notif=f"notif-{number}",
                               parts=[intercom_part(f"track:{number}", part=number)])
    return json.dumps({**payload, "padding": "x" * 1000000}).encode()


def pour_large(daemon):
    """300 MB of notifications, 16 at a time: what was answered, by status."""
    def one(number):
        body = large_tap(number)
        return daemon.post("/webhooks/intercom", body, {"X-Hub-Signature": intercom_signature(body, SECRETS["INTERCOM_SECRET"])})
    with concurrent.futures.ThreadPoolExecutor(16) as crew:
        return dict(zip(range(1, POURED + 1), crew.map(one, range(1, POURED + 1))))


def peak_memory(daemon):
    with open(f"/proc/{daemon.process.pid}/status") as file:
        return next(int(line.split()[1]) * 1024 / 1e6 for line in file if line.startswith("VmHWM"))


@contextlib.contextmanager
def locked(daemon):
    with contextlib.closing(sqlite3.connect(daemon.path("callbackd.db"), isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


@test
def test_memory_stays_bounded():
    """Twice the bound is poured in while something fails. What was acknowledged is there in the end."""
    for name in ("octopods hangs", "disk full", "sync fails", "locked"):
        with two_channels(timeout="1s") as (sim, car, daemon):
            daemon.config["limits"].update(queue_bytes="16MiB", store_time="400ms")
            daemon.write_config()
            trouble = Trouble(daemon)
            # Memory that was freed is kept for a while by AddressSanitizer.
            daemon.env["ASAN_OPTIONS"] += ":quarantine_size_mb=1"
            daemon.serve()
            if name == "octopods hangs":
                sim.fault(times=-1, hang=True)
            trouble.set(write=errno.ENOSPC if name == "disk full" else 0, sync=errno.EIO if name == "sync fails" else 0)
            with locked(daemon) if name == "locked" else contextlib.nullcontext():
                answers = pour_large(daemon)
            answered = set(answers.values())  # 503 also where the disk is too slow for 300 MB
            assert answered == {503} if name != "octopods hangs" else answered - {503} == {200}, (name, answered)
            assert peak_memory(daemon) < BOUND, (name, peak_memory(daemon))
            sim.control("DELETE", "faults")
            trouble.set(write=0, sync=0)
            numbers = [number for number, status in answers.items() if status == 200]
            for number in range(POURED + 1, POURED + 4):
                wait_for(lambda: post(daemon, number) == 200, "the acknowledgement")
                numbers.append(number)
            # Of what was refused in time a commit may be there all the same; of it, too, nothing is lost or doubled.
            wait_for(lambda: count_runs(daemon, "done") + count_runs(daemon, "unknown") >= len(numbers), "the end of all runs")
            daemon.settled()
            delivered = numbers_of(sim.sends())
            unknown = [int(i["chat"]) for i in daemon.queue("--all", "--state", "unknown", "--limit", "1000") if i["kind"] == "run"]
            assert len(delivered) == len(set(delivered)) and not set(numbers) - set(delivered) - set(unknown), (name, delivered, unknown)


# --- the clock -------------------------------------------------------------------------------------------------------------

@test
def test_clock_jumps():
    for days in (2, -2):
        with two_channels() as (sim, car, daemon):
            trouble = Trouble(daemon)
            daemon.serve()
            sim.fault(status=500, times=6)  # some wait for another try when it jumps
            numbers = pour(daemon, 1, 5)
            sim.wait_requests(3, SEND)
            trouble.set(clock_ms=days * 86400000)
            numbers += pour(daemon, 11, 5)
            daemon.wait_log("the wall clock jumped")
            assert expect_end(sim, daemon, numbers) == []
            expect_other_channel(car, numbers)
            daemon.kill()  # and starts with the other time
            trouble.set(clock_ms=-days * 86400000)
            daemon.serve()
            more = pour(daemon, 21, 5)
            sim.wait_sends(15)
            expect_other_channel(car, numbers + more)
            states = {i["state"] for i in daemon.settled() if i["kind"] == "run"}
            assert states == {"done"}, states


# --- Octopods --------------------------------------------------------------------------------------------------------------

@test
def test_octopods_in_trouble():
    """Each of them for as long as taps come in, then mended."""
    faults = {"hangs": {"hang": True}, "half an answer": {"close": "mid", "status": 500}, "no answer": {"close": "before"},
              "reset": {"close": "reset"}, "takes, and hangs": {"accept_then": "hang"}, "429": {"status": 429},
              "429, 1 s": {"status": 429, "headers": {"Retry-After": "1"}}, "500": {"status": 500, "html": True},
              "502": {"status": 502}, "503": {"status": 503}, "the key is revoked": {"status": 401}}
    for name, fault in faults.items():
        maybe = fault.get("status") == 502 or not fault.get("status")
        # What answers has all the time it needs.
        with two_channels(timeout="1m" if fault.get("status") else "300ms") as (sim, car, daemon):
            daemon.serve()
            sim.fault(times=-1, **fault)
            numbers = pour(daemon, 1, 30)
            expect_other_channel(car, numbers)
            sim.wait_requests(1, SEND)
            sim.control("DELETE", "faults")
            in_trouble = {int(r["body"]["destination_user_id"]) for r in sim.requests(SEND)}
            if fault.get("status") == 401:
                wait_for(lambda: daemon.metric('callbackd_paused{channel="shop"}') == 1, "the pause")
                assert daemon.run("queue", "release", "--channel", "shop")[0] == 0
            unknown = expect_end(sim, daemon, numbers)
            assert maybe or not unknown, (name, unknown)
            assert len(in_trouble.intersection(unknown)) < 15, (name, unknown)  # those that were under way, and probes
            wait_for(lambda: daemon.page("/readyz") == (200, "ready\n"), f"the end of: {name}")


@test
def test_an_hour_of_503():
    """Simulated: the daemon's clocks pass it in steps of two seconds, while taps come in."""
    with two_channels() as (sim, car, daemon):
        trouble, numbers = Trouble(daemon), []
        daemon.serve()
        sim.fault(times=-1, status=503)
        for second in range(0, 3601, 2):
            trouble.set(boot_ms=1000 * second, clock_ms=1000 * second)
            if second % 180 == 0:
                before = len(sim.requests(SEND))
                numbers += pour(daemon, second + 1, 2)
                expect_other_channel(car, numbers)
                sim.wait_requests(before + 1, SEND)  # a probe: its time has come
        tries = len(sim.requests(SEND))
        assert 20 < tries < 3600 + len(numbers), tries  # probes, one at a time, and seldom
        wait_for(lambda: count_runs(daemon, "ready") == len(numbers), "all runs waiting")
        wait_for(lambda: "breaker: channel shop" in daemon.page("/readyz")[1], "the breaker being open")
        sim.control("DELETE", "faults")
        assert expect_end(sim, daemon, numbers) == []


@test
def test_octopods_answers_200_with_rubbish():
    """Taken is taken: nothing is sent twice."""
    with two_channels() as (sim, car, daemon):
        daemon.serve()
        for body in ("<html>", "[" * 5000, '{"message_id": ', "\0" * 100, "x" * 1000000):
            sim.fault(status=200, body=body, times=4)
        numbers = pour(daemon, 1)
        expect_other_channel(car, numbers)
        sim.wait_requests(20, SEND)
        wait_for(lambda: count_runs(daemon, "done") == 40, "the end of all runs")
        assert numbers_of(sim.requests(SEND)) == numbers


@test
def test_name_that_is_not_found():
    with two_channels() as (sim, car, daemon):
        daemon.config["channels"]["shop"]["url"] = "http://octopods.invalid"
        daemon.write_config()
        daemon.serve()
        numbers = pour(daemon, 1)
        expect_other_channel(car, numbers)
        wait_for(lambda: daemon.metric('callbackd_sends_total{channel="shop",outcome="retry"}') >= 3, "tries")
        assert "resolve" in daemon.log_text() and daemon.metric('callbackd_sends_total{channel="shop",outcome="unknown"}') == 0
        daemon.config["channels"]["shop"]["url"] = sim.url
        daemon.write_config()
        daemon.send_signal(signal.SIGHUP)
        assert expect_end(sim, daemon, numbers) == []


@test
def test_name_server_that_does_not_answer():
    with two_channels() as (sim, car, daemon), no_names(daemon.folder) as prefix:
        if not prefix:
            raise Skip("only root can be a name server, and hang a file over another")
        daemon.prefix = prefix
        daemon.config["channels"]["shop"].update(url="http://octopods.example", connect_timeout="500ms")
        daemon.write_config()
        daemon.serve()
        numbers = pour(daemon, 1)
        expect_other_channel(car, numbers)
        wait_for(lambda: daemon.metric('callbackd_sends_total{channel="shop",outcome="retry"}') >= 3, "tries")
        assert "esolv" in daemon.log_text() and daemon.metric('callbackd_sends_total{channel="shop",outcome="unknown"}') == 0
        daemon.config["channels"]["shop"]["url"] = sim.url
        daemon.write_config()
        daemon.send_signal(signal.SIGHUP)
        assert expect_end(sim, daemon, numbers) == []


# --- certificates ----------------------------------------------------------------------------------------------------------

@test
def test_certificate_that_has_expired():
    with two_channels() as (sim, car, daemon):
        tls = Tls(sim)
        for days in (1, 300):
            make_certificate(daemon.path(f"{days}.pem"), days)
        with open(daemon.path("bundle"), "w") as bundle:
            for days in (1, 300):
                with open(daemon.path(f"{days}.pem")) as file:
                    bundle.write(file.read())
        trusted = trusting(daemon.path("bundle"))
        trouble = Trouble(daemon)
        trouble.set(clock_ms=2 * 86400000)  # so the first is a day too old
        daemon.config["channels"]["shop"]["url"] = tls.url
        daemon.write_config()
        daemon.prefix = trusted or []
        tls.use(daemon.path("1.pem"))
        tls.start()
        try:
            daemon.serve()
            numbers = pour(daemon, 1)
            expect_other_channel(car, numbers)
            wait_for(lambda: daemon.metric('callbackd_sends_total{channel="shop",outcome="retry"}') >= 3, "tries")
            assert ("certificate has expired" if trusted else "certificate") in daemon.log_text()
            assert sim.requests() == []
            wait_for(lambda: "breaker: channel shop" in daemon.page("/readyz")[1], "the open breaker")
            tls.use(daemon.path("300.pem"))  # it is renewed
            if not trusted:
                daemon.config["channels"]["shop"]["url"] = sim.url
                daemon.write_config()
                daemon.send_signal(signal.SIGHUP)
            assert expect_end(sim, daemon, numbers) == []
        finally:
            tls.stop()


@test
def test_without_authorities_it_says_so():
    with Sim() as sim, Daemon(sim, RULES, start=False) as daemon:
        os.mkdir(daemon.path("certs"))
        daemon.prefix = covering(daemon.path("certs"), os.path.dirname(BUNDLE))
        if not daemon.prefix:
            raise Skip("nobody may hang a folder over another")
        daemon.serve()
        assert daemon.terminate() == 0
        assert f'"NO CERTIFICATE CAN BE CHECKED: every https request will fail" cause="{BUNDLE}: ' in daemon.log_text()


@test
def test_authorities_are_read_once():
    """Not for each connection, which would stop the loop for as long: tens of milliseconds, by as many connections as begin."""
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    with Sim() as sim, Daemon(sim, RULES, start=False) as daemon:
        tls = Tls(sim)
        make_certificate(daemon.path("unknown.pem"), 300)
        tls.use(daemon.path("unknown.pem"))
        tls.start()
        try:
            daemon.config["channels"]["shop"]["url"] = tls.url
            daemon.write_config()
            daemon.env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # which works by ptrace, too
            daemon.prefix = ["strace", "-f", "-qq", "-e", "trace=openat", "-o", daemon.path("trace")]
            daemon.serve()
            for number in range(1, 6):
                wait_for(lambda: post(daemon, number) == 200, "the acknowledgement")
            wait_for(lambda: daemon.metric('callbackd_sends_total{channel="shop",outcome="retry"}') >= 5, "tries")
            assert "certificate" in daemon.log_text()
            with open(daemon.path("trace")) as file:
                lines = list(file)
            os.kill(int(lines[0].split()[0]), signal.SIGTERM)  # not strace, which would leave it alone
            daemon.process.wait(PATIENCE)
            opened = [line for line in lines if BUNDLE in line]
            assert len(opened) == 1, opened
        finally:
            tls.stop()


# --- the helpdesk ----------------------------------------------------------------------------------------------------------

@test
def test_hubspot_is_down_while_webhooks_pour_in():
    for fault in ({"close": "before"}, {"status": 503}, {"hang": True}, {"status": 200, "body": "<html>"}, {"hold": True}):
        with two_channels() as (sim, car, daemon):
            daemon.serve()
            for number in range(100):
                sim.control("PUT", f"hubspot/messages/{number}/m{number}", hubspot_message(f"track:{number}", user=str(number + 1)))
            sim.fault(path="/conversations/", times=-1, **fault)
            acknowledged = sum(daemon.post_hubspot([hubspot_event(n, f"m{n}"), hubspot_event(n + 1, f"m{n + 1}")]) == 200
                               for n in range(0, 100, 2))
            assert acknowledged == 50
            assert post(daemon, 500001, "cars") == 200 and post(daemon, 200) == 200  # others go on
            assert numbers_of(car.wait_sends(1)) == [500001] and numbers_of(sim.wait_sends(1)) == [200]
            daemon.wait_metric('callbackd_waiting{kind="fetches"}', 100)
            if fault.get("hang"):
                daemon.kill()  # what hangs is given up after a while only; a restart asks anew
            sim.control("DELETE", "faults")
            sim.control("POST", "release")
            if fault.get("hang"):
                daemon.serve()
            wait_for(lambda: len(sim.sends()) >= 101, "all follow-ups", 3 * PATIENCE)
            wait_for(lambda: daemon.metric('callbackd_waiting{kind="fetches"}') == 0, "the end of all fetches")
            assert numbers_of(sim.sends()) == [*range(100), 200]


if __name__ == "__main__":
    main()
