#!/usr/bin/env python3
"""What fails around the daemon, one thing at a time. In each case webhooks are acknowledged (but for a store that fails: then they
are refused, and nothing is lost), other channels go on, and all that was acknowledged is delivered or shown in the end.

Other faults have their tests in test_store.py, test_sending.py and test_pacing.py: see contrib/HACKING, "Faults"."""

import contextlib
import errno
import mmap
import signal
import socket
import sqlite3
import ssl
import struct
import threading

from harness import *

SEND = "/api/v1/telegram/interactive"
TROUBLE = os.path.abspath(os.environ.get("TROUBLE_SO", "tests/faults/trouble.so"))
RULES = """\
rules:
  - { name: track, tap: 'track:(?<id>.*)', send_within: 7d, reply: { text: 'order ${id}' } }
"""


class Trouble:
    """What tests/faults/trouble.c reads: a shared page of numbers."""
    FIELDS = ("clock_ms", "write", "sync", "read", "failed", "hold")

    def __init__(self, daemon):
        daemon.write("trouble", "\0" * 8 * len(self.FIELDS))
        with open(daemon.path("trouble"), "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 8 * len(self.FIELDS))
        daemon.env.update({"LD_PRELOAD": TROUBLE, "TROUBLE": daemon.path("trouble"),  # the second: for a build with sanitizers
                           "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"})
        assert os.path.exists(TROUBLE), f"{TROUBLE} is not there: make check builds it"

    def set(self, **values):
        for name, value in values.items():
            struct.pack_into("q", self.page, 8 * self.FIELDS.index(name), value)

    def get(self, name):
        return struct.unpack_from("q", self.page, 8 * self.FIELDS.index(name))[0]


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
        daemon.config["channels"]["car"] = {**daemon.config["channels"]["shop"], "url": car.url}
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
    assert count_runs(daemon, "done") == len(set(delivered) - set(unknown)) + len(numbers)
    assert count_runs(daemon, "unknown") == len(unknown)
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
                sim.fault(delay_ms=200)
                assert post(daemon, 1) == 200
                sim.wait_requests(1, SEND)  # its answer comes while the disk fails
                trouble.set(**fault)
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
                # Without the crash the result was kept. With it nobody knows, and a transaction whose sync failed may be there
                # after all: what was to leave after it is unknown, too.
                assert unknown in ([[1], [1, 11]] if crash else [[]]), (fault, unknown)


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
        with two_channels(timeout="300ms") as (sim, car, daemon):
            daemon.serve()
            sim.fault(times=-1, **fault)
            numbers = pour(daemon, 1, 30)
            expect_other_channel(car, numbers)
            sim.wait_requests(1, SEND)
            sim.control("DELETE", "faults")
            if fault.get("status") == 401:
                wait_for(lambda: daemon.metric('callbackd_paused{channel="shop"}') == 1, "the pause")
                assert daemon.run("queue", "release", "--channel", "shop")[0] == 0
            unknown = expect_end(sim, daemon, numbers)
            maybe = fault.get("status") == 502 or not fault.get("status")
            assert maybe or not unknown, (name, unknown)
            assert len(unknown) < 15, (name, unknown)  # those that were under way, and probes
            wait_for(lambda: daemon.page("/readyz") == (200, "ready\n"), f"the end of: {name}")


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


# --- certificates ----------------------------------------------------------------------------------------------------------

class Tls(threading.Thread):
    """Speaks TLS on a port of its own, and passes on what comes to the simulator."""

    def __init__(self, sim):
        super().__init__(daemon=True)
        self.sim, self.socket, self.open = sim, socket.create_server(("127.0.0.1", 0)), True
        self.url = "https://localhost:%d" % self.socket.getsockname()[1]

    def use(self, certificate):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)

    def run(self):
        while self.open:
            with contextlib.suppress(OSError):
                plain = self.socket.accept()[0]
                threading.Thread(target=self.serve, args=(plain,), daemon=True).start()

    def serve(self, plain):
        with contextlib.suppress(OSError), self.context.wrap_socket(plain, server_side=True) as client, \
                socket.create_connection(self.sim.address) as server:
            back = threading.Thread(target=self.copy, args=(server, client), daemon=True)
            back.start()
            self.copy(client, server)
            back.join()

    @staticmethod
    def copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def stop(self):
        self.open = False
        self.socket.close()


def make_certificate(path, days):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                    str(days), "-subj", f"/CN={days} days", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", path + ".key", "-out", path], check=True, capture_output=True)
    with open(path, "a") as out, open(path + ".key") as key:
        out.write(key.read())


BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def trusting(bundle):
    """What runs a program with these authorities alone; None where nobody may hang a file over another."""
    command = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", f'mount --bind "$0" {BUNDLE} && exec "$@"', bundle]
    return command if subprocess.run([*command, "true"], capture_output=True).returncode == 0 else None


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
            assert sim.requests() == [] and "breaker: channel shop" in daemon.page("/readyz")[1]
            tls.use(daemon.path("300.pem"))  # it is renewed
            if not trusted:
                daemon.config["channels"]["shop"]["url"] = sim.url
                daemon.write_config()
                daemon.send_signal(signal.SIGHUP)
            assert expect_end(sim, daemon, numbers) == []
        finally:
            tls.stop()


# --- the helpdesk ----------------------------------------------------------------------------------------------------------

@test
def test_hubspot_is_down_while_webhooks_pour_in():
    for fault in ({"close": "before"}, {"status": 503}, {"hang": True}, {"status": 200, "body": "<html>"}):
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
            assert daemon.metric('callbackd_waiting{kind="fetches"}') == 100
            if fault.get("hang"):
                daemon.kill()  # what hangs is given up after a while only; a restart asks anew
            sim.control("DELETE", "faults")
            if fault.get("hang"):
                daemon.serve()
            wait_for(lambda: len(sim.sends()) >= 101, "all follow-ups", 3 * PATIENCE)
            wait_for(lambda: daemon.metric('callbackd_waiting{kind="fetches"}') == 0, "the end of all fetches")
            assert numbers_of(sim.sends()) == [*range(100), 200]


if __name__ == "__main__":
    main()
