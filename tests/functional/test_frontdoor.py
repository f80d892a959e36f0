#!/usr/bin/env python3
"""The front door: what HTTP it refuses, whom it does not let hurt others, the order of answers, TLS."""

import select
import signal
import socket
import sqlite3
import ssl
import threading
import warnings

from harness import *

PATH = "/webhooks/intercom"
HOST = b"Host: hooks.example.com\r\n"


def notification(data="track:ORD-1001", **more):
    return json.dumps(intercom_replied(data, **more)).encode()


def post(body, *headers, path=PATH, secret=SECRETS["INTERCOM_SECRET"], length=None):
    """The bytes of a signed request."""
    length = len(body) if length is None else length
    lines = [f"POST {path} HTTP/1.1", "Host: hooks.example.com", "Content-Type: application/json", f"Content-Length: {length}",
             "X-Hub-Signature: " + intercom_signature(body, secret), *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Wire:
    """One connection, byte by byte."""

    def __init__(self, address, source=None, context=None):
        self.socket = socket.create_connection(address, PATIENCE, (source, 0) if source else None)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.kept = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def read(self):
        try:
            more = self.socket.recv(65536)
        except ConnectionResetError:
            more = b""
        self.kept += more
        return more

    def answer(self, head=False):
        """Status, headers (lower case), body of the next answer."""
        while b"\r\n\r\n" not in self.kept:
            if not self.read():
                raise AssertionError(f"no answer, but {self.kept!r} and the end")
        top, self.kept = self.kept.split(b"\r\n\r\n", 1)
        first, *lines = top.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        length = 0 if head else int(headers.get("content-length", 0))
        while len(self.kept) < length and self.read():
            pass
        body, self.kept = self.kept[:length], self.kept[length:]
        version, status = first.split(" ", 2)[:2]
        assert version in ("HTTP/1.1", "HTTP/1.0") and len(body) == length, (first, body)
        return int(status), headers, body

    def status(self, **more):
        return self.answer(**more)[0]

    def ended(self):
        """Whether the other side has ended it, with nothing more said."""
        while self.read():
            pass
        return self.kept == b""


def exchange(daemon, data):
    """The status of the first answer, if the connection ends behind it."""
    with Wire(daemon.intake) as wire:
        status = wire.send(data).status()
        assert wire.ended(), (data[:200], wire.kept)
        return status


def works(sim, daemon, data="track:ORD-9999"):
    """Others are served: a whole request, to the follow-up."""
    before = len(sim.sends())
    daemon.tap(data, user=str(Counter.next()))
    sim.wait_sends(before + 1)


def works_hurriedly(sim, daemon, data="track:ORD-9999"):
    """The same where a request has so little time that a busy sender may be cut off, too."""
    before, body = len(sim.sends()), notification(data, user=str(Counter.next()))
    wait_for(lambda: served(daemon, body), "the acknowledgement")
    sim.wait_sends(before + 1)


def served(daemon, body, source=None, context=None):
    """Whether somebody who comes now is acknowledged, and not cut off."""
    try:
        with Wire(daemon.intake, source, context) as wire:
            return wire.send(post(body)).status() == 200
    except (AssertionError, OSError):
        return False


# --- what is too large -----------------------------------------------------------------------------------------------------

@test
def test_body_over_the_limit():
    with Sim() as sim, Daemon(sim, config={"limits": {"body": "64KiB"}}) as daemon:
        most = notification().ljust(64 << 10)
        with Wire(daemon.intake) as wire:
            assert wire.send(post(most)).status() == 200
            assert wire.send(post(most)).status() == 200  # it stays open
        assert exchange(daemon, post(most + b" ")) == 413
        # The answer is seen though the sender sends all it has first.
        large = b" " * (8 << 20)
        assert exchange(daemon, post(large)) == 413
        # Or does not send it at all, as it waits to be told to.
        assert exchange(daemon, post(b"", "Expect: 100-continue", length=1 << 40)) == 413
        for length in ("9" * 18, "9" * 19, "18446744073709551616", "-1", "+5", "0x10", "1e3", "5 5", "5,5", "", "1.0", "\u0663"):
            status = exchange(daemon, post(b"", length=length))
            assert status == (413 if length == "9" * 18 else 400), (length, status)
        assert daemon.reasons() == [None, "duplicate message"]
        works(sim, daemon)
        # A reload changes the limit.
        daemon.config["limits"]["body"] = "1MiB"
        daemon.write_config()
        daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: request(daemon.intake, "POST", PATH, b" " * 100000)[0] == 401, "the larger limit")


@test
def test_large_body_is_taken_whole():
    with Sim() as sim, Daemon(sim) as daemon:
        payload = intercom_replied("track:ORD-1002")
        payload["filler"] = "ä" * 400000
        body = json.dumps(payload, ensure_ascii=False).encode()
        assert 800000 < len(body) < 1 << 20
        with Wire(daemon.intake) as wire:
            data = post(body)
            for at in range(0, len(data), 50000):
                wire.send(data[at:at + 50000])
            assert wire.status() == 200
        sim.wait_sends(1)


@test
def test_expect_continue():
    with Sim() as sim, Daemon(sim) as daemon, Wire(daemon.intake) as wire:
        body = notification()
        wire.send(post(body, "Expect: 100-continue")[:-len(body)])
        assert wire.status() == 100
        assert wire.send(body).status() == 200
        assert exchange(daemon, post(b"", "Expect: the-unexpected")) == 417


@test
def test_header_flood():
    with Sim() as sim, Daemon(sim, config={"limits": {"headers": "8KiB"}}) as daemon:
        flood = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 100) for n in range(100000))
        start = b"POST " + PATH.encode() + b" HTTP/1.1\r\n" + HOST
        assert exchange(daemon, start + flood) == 431
        assert exchange(daemon, start + b"X: " + b"a" * (4 << 20)) == 431
        assert exchange(daemon, b"GET /" + b"a" * (4 << 20)) == 431
        assert exchange(daemon, start + b"X:\r\n" * 200 + b"\r\n") == 431
        assert request(daemon.intake, "GET", PATH, headers={"X": "a" * 7000})[0] == 405
        works(sim, daemon)


# --- what is no clear HTTP -------------------------------------------------------------------------------------------------

@test
def test_ambiguous_lengths():
    with Sim() as sim, Daemon(sim) as daemon:
        body = notification()
        smuggled = post(body) + b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
        assert exchange(daemon, post(body, "Content-Length: 4")) == 400
        assert exchange(daemon, post(body, f"Content-Length: {len(body)}")) == 400  # the same, but twice
        assert exchange(daemon, post(smuggled, "content-length: 0")) == 400
        assert exchange(daemon, post(body, "Transfer-Encoding: chunked")) == 400
        assert exchange(daemon, post(body, "Transfer-Encoding: identity")) == 400
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        assert exchange(daemon, post(body).replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")[:-len(body)]
                        + chunked) == 411
        assert exchange(daemon, b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + chunked) == 411
        assert exchange(daemon, b"HEAD " + PATH.encode() + b" HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello") == 400
        assert daemon.settled() == [] and sim.sends() == []
        works(sim, daemon)


@test
def test_malformed_requests():
    with Sim() as sim, Daemon(sim) as daemon:
        body = notification()
        good = post(body)
        line = b"GET / HTTP/1.1\r\n"
        cases = [
            (good.replace(b"\r\n", b"\n", 1), 400), (good.replace(b"\r\n", b"\n"), 400), (good.replace(b"\r\n\r\n", b"\n\n"), 400),
            (good.replace(b"\r\n\r\n", b"\r\n\n"), 400), (good.replace(b"\r\n", b"\r", 1), 400), (b"\r\n" + good, 400),
            (line + b"\r\n", 400),  # no Host
            (line + HOST + b"Host: other\r\n\r\n", 400),
            (line + HOST + b"X : a\r\n\r\n", 400), (line + HOST + b" folded: a\r\n\r\n", 400), (line + HOST + b"X: a\r\n b\r\n\r\n", 400),
            (line + HOST + b"X: a\0b\r\n\r\n", 400), (line + HOST + b": a\r\n\r\n", 400), (line + HOST + b"X\r\n\r\n", 400),
            (line + HOST + b"X\xc3\xa4: a\r\n\r\n", 400),
            (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400), (b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n", 400),
            (b"GET http://other/ HTTP/1.1\r\n" + HOST + b"\r\n", 400), (b"GET //other/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
            (b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", 400), (b"GET /\x80 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
            (b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n", 400), (b"GET / http/1.1\r\n" + HOST + b"\r\n", 400),
            (b"GET /\r\n" + HOST + b"\r\n", 400), (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
            (b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", 505), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", None),
            (b"CONNECT other:443 HTTP/1.1\r\n" + HOST + b"\r\n", 501), (b"post / HTTP/1.1\r\n" + HOST + b"\r\n", 501),
            (b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", 501), (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500, 400),
            (b"\xff" * 100, 400), (b" ", 400),
        ]
        for data, status in cases:
            got = exchange(daemon, data)
            assert got == status or (status is None and got >= 400), (data[:100], got)
        assert daemon.settled() == []
        works(sim, daemon)
        assert daemon.terminate() == 0


@test
def test_content_encoding_is_refused():
    with Sim() as sim, Daemon(sim) as daemon:
        for encoding in ("gzip", "deflate", "identity"):
            with Wire(daemon.intake) as wire:
                assert wire.send(post(notification(), "Content-Encoding: " + encoding)).status() == 415
                assert wire.send(post(notification())).status() == 200  # and the connection is still good
        assert daemon.metric('callbackd_notifications_total{source="intercom",result="unusable"}') == 3
        assert len(daemon.reasons()) == 3


# --- one connection --------------------------------------------------------------------------------------------------------

@test
def test_keep_alive():
    with Sim() as sim, Daemon(sim) as daemon:
        with Wire(daemon.intake) as wire:
            for n in range(20):
                status, headers, body = wire.send(post(notification(f"track:ORD-{1000 + n}"))).answer()
                assert (status, body) == (200, b"ok\n") and headers.get("connection", "") != "close", headers
                assert headers["date"].endswith("GMT") and "server" not in headers
            assert wire.send(b"HEAD " + PATH.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n").status(head=True) == 200
            assert wire.send(post(notification("track:ORD-1100"), "Connection: close")).status() == 200
            assert wire.ended()
        with Wire(daemon.intake) as wire:
            assert wire.send(post(notification("track:ORD-1101")).replace(b"HTTP/1.1", b"HTTP/1.0")).status() == 200
            wire.ended()
            assert wire.kept == b"ok\n"  # without a length: the end says where it ends
        daemon.settled()
        assert len(sim.sends()) == 20 + 2


@test
def test_pipelined_requests_are_answered_in_order():
    def head(path):
        return b"HEAD " + path.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    with Sim() as sim, Daemon(sim) as daemon:
        # What the engine answers takes longer than what the door answers by itself, and still comes in its place.
        kinds = [(post(notification("track:ORD-2001")), 200), (post(notification(), secret="wrong"), 401),
                 (post(notification("track:ORD-2002")), 200), (post(notification(), path="/nowhere"), 404),
                 (b"GET " + PATH.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n", 405), (post(notification(), "Content-Encoding: br"), 415),
                 (post(notification("track:ORD-2003")), 200), (head("/nowhere"), 404), (head(PATH), 200)]
        with Wire(daemon.intake) as wire:
            wire.send(b"".join(data for data, _ in kinds * 5))
            got = [wire.status(head=data.startswith(b"HEAD")) for data, _ in kinds * 5]
            assert got == [status for _, status in kinds * 5], got
            # In pieces that have nothing to do with the requests.
            data = b"".join(data for data, _ in kinds)
            for at in range(0, len(data), 7):
                wire.send(data[at:at + 7])
            assert [wire.status(head=data.startswith(b"HEAD")) for data, _ in kinds] == [status for _, status in kinds]
            # What cannot be read ends it, but only behind the answers to what could be.
            wire.send(post(notification()) + b"rubbish\r\n\r\n" + post(notification()))
            assert wire.status() == 200 and wire.status() >= 400 and wire.ended()
        daemon.settled()
        assert len(sim.sends()) == 3 + 1, sim.sends()


@test
def test_large_requests_in_a_row():
    """More than may wait in front of the door at once: it is taken as room comes, on one connection and on many."""
    with Sim() as sim, Daemon(sim, config={"limits": {"body": "64KiB"}}) as daemon:
        rows = [b"".join(post(notification(f"track:ORD-{5000 + 10 * w + n}").ljust(64 << 10)) for n in range(10)) for w in range(8)]
        wires = [Wire(daemon.intake) for _ in rows]

        def pour(wire, row):
            wire.send(row)
        threads = [threading.Thread(target=pour, args=pair) for pair in zip(wires, rows)]
        for thread in threads:
            thread.start()
        for wire in wires:
            assert [wire.status() for _ in range(10)] == [200] * 10
        for thread in threads:
            thread.join()
        for wire in wires:
            wire.socket.close()
        assert daemon.reasons() == [None] * 80
        assert len(sim.sends()) == 80


@test
def test_half_closed_sender_gets_its_answer():
    with Sim() as sim, Daemon(sim) as daemon:
        with Wire(daemon.intake) as wire:
            wire.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
            wire.socket.shutdown(socket.SHUT_WR)
            assert wire.status() == 404 and wire.ended()
        with Wire(daemon.intake) as wire:  # half a request is none
            wire.send(post(notification())[:-1])
            wire.socket.shutdown(socket.SHUT_WR)
            assert wire.ended()
        with Wire(daemon.intake) as wire:
            wire.send(post(notification())[:-1])
        works(sim, daemon)
        assert len(daemon.settled()) == 3


# --- others ----------------------------------------------------------------------------------------------------------------

@test
def test_slow_senders_are_cut_off():
    with Sim() as sim, Daemon(sim, config={"limits": {"request_time": "1s", "idle_time": "1s"}}) as daemon:
        data = post(notification())
        wires = [Wire(daemon.intake) for _ in range(6)]
        silent, starting, *trickling = wires
        starting.send(data[:10])
        sent = 0
        open_wires = set(trickling)
        while open_wires:  # a byte at a time never ends; the whole request has its second
            for wire in list(open_wires):
                try:
                    wire.socket.send(data[sent:sent + 1])
                    wire.socket.settimeout(0.001)
                    if not wire.socket.recv(1000):
                        open_wires.discard(wire)
                except TimeoutError:
                    pass
                except OSError:
                    open_wires.discard(wire)
            sent += 1
            assert sent < len(data) - 1, "the request was nearly through"
            works_hurriedly(sim, daemon)
        assert silent.ended() and starting.ended()
        for wire in wires:
            wire.socket.close()

        def idle():
            try:
                with Wire(daemon.intake) as wire:
                    return wire.send(data).status() == 200 and wire.ended()
            except (AssertionError, OSError):
                return False  # it was too slow itself
        wait_for(idle, "a connection that is served, and ended as it is idle")


@test
def test_reader_that_does_not_read_is_cut_off():
    limits = {"request_time": "1s", "idle_time": "1s", "per_address": 1}
    with Sim() as sim, Daemon(sim, config={"limits": limits}) as daemon, Wire(daemon.intake, "127.0.0.2") as wire:
        get = b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n"
        wire.send(get).read()  # the answer, or the end if this took longer than its time
        with Wire(daemon.intake, "127.0.0.2") as second:
            assert second.ended()  # the one place of this address is taken
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.socket.setblocking(False)
        data, at = get * 10000, 0
        while select.select([], [wire.socket], [], 0.3)[1]:  # until the answers that nobody reads hold up everything
            try:
                at = (at + wire.socket.send(data[at:])) % len(data)
            except OSError:
                break
        works_hurriedly(sim, daemon)

        def free():
            with Wire(daemon.intake, "127.0.0.2") as third:
                try:
                    return third.send(get).status() == 404
                except (AssertionError, OSError):
                    return False
        wait_for(free, "the place being free again")


@test
def test_connections_of_one_address():
    with Sim() as sim, Daemon(sim, config={"limits": {"per_address": 8, "connections": 1000}}) as daemon:
        flood = [Wire(daemon.intake, "127.0.0.2") for _ in range(60)]
        for wire in flood[8:]:
            assert wire.ended()  # refused
        works(sim, daemon)  # which comes from 127.0.0.1
        for wire in flood[:8]:
            assert wire.send(post(notification())).status() == 200
        # Whoever leaves makes room.
        for wire in flood:
            wire.socket.close()

        wait_for(lambda: served(daemon, notification(), "127.0.0.2"), "room again")


@test
def test_connections_in_all():
    with Sim() as sim, Daemon(sim, config={"limits": {"per_address": 1000, "connections": 20}}) as daemon:
        flood = [Wire(daemon.intake, f"127.0.0.{2 + n % 100}") for n in range(100)]
        assert all(wire.ended() for wire in flood[20:])
        assert daemon.page("/healthz")[0] == 200  # the administrator's door is another
        assert flood[0].send(post(notification())).status() == 200
        for wire in flood:
            wire.socket.close()

        def room():
            try:
                return daemon.post_intercom(intercom_replied("track:ORD-1001")) == 200
            except (OSError, http.client.HTTPException):
                return False
        wait_for(room, "room again")


@test
def test_store_that_waits_is_said_soon():
    """Nothing is acknowledged that is not stored, and the sender does not wait for long, nor does it for a full queue."""
    with Sim() as sim, Daemon(sim, config={"limits": {"queue_items": 2}}) as daemon:
        works(sim, daemon)
        daemon.settled()
        lock = sqlite3.connect(daemon.path("callbackd.db"), isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        bodies = [notification(f"track:ORD-{3000 + n}", user=str(700000100 + n)) for n in range(12)]
        daemon.send_signal(signal.SIGSTOP)  # so that all of them come at once
        wires = [Wire(daemon.intake).send(post(body)) for body in bodies]
        daemon.send_signal(signal.SIGCONT)
        for wire in wires:
            status, headers, _ = wire.answer()
            assert status == 503 and headers["retry-after"] == "5", (status, headers)
        assert daemon.metric('callbackd_notifications_total{source="intercom",result="overloaded"}') >= 1
        assert request(daemon.intake, "HEAD", PATH)[0] == 200
        lock.execute("ROLLBACK")
        lock.close()

        def again(wire, body):
            return wait_for(lambda: wire.send(post(body)).status() == 200, "room in the queue")
        for wire, body in zip(wires, bodies):  # as a sender does; what was stored meanwhile is known by its id
            again(wire, body)
            wire.socket.close()
        daemon.settled()
        got = sorted(s["body"]["destination_user_id"] for s in sim.sends())[-12:]
        assert len(sim.sends()) == 13 and got == [str(700000100 + n) for n in range(12)], got


# --- TLS -------------------------------------------------------------------------------------------------------------------

def make_certificate(daemon, name, number):
    """A self-signed certificate and its key in the daemon's folder."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-set_serial", str(number),
                    "-keyout", daemon.path("key.pem"), "-out", daemon.path("cert.pem")], check=True, capture_output=True)


def trust(daemon, **more):
    context = ssl.create_default_context(cafile=daemon.path("cert.pem"))
    for name, value in more.items():
        setattr(context, name, value)
    return context


def serial(wire):
    return int(wire.socket.getpeercert()["serialNumber"], 16)


def tls_daemon(sim, **limits):
    daemon = Daemon(sim, config={"tls": {"cert": "cert.pem", "key": "key.pem"}, "limits": limits}, start=False)
    make_certificate(daemon, "first", 1001)
    daemon.serve()
    return daemon


@test
def test_tls():
    with Sim() as sim, tls_daemon(sim) as daemon:
        with Wire(daemon.intake, context=trust(daemon)) as wire:
            assert serial(wire) == 1001 and wire.socket.version() == "TLSv1.3"
            assert wire.send(post(notification("track:ORD-4001"))).status() == 200
            assert wire.send(post(notification(), secret="wrong")).status() == 401
            large = notification("track:ORD-4002").ljust(900000)
            assert wire.send(post(large)).status() == 200
            wire.send(post(notification("track:ORD-4003")) * 3)
            assert [wire.status() for _ in range(3)] == [200] * 3
            wire.send(post(large) * 5)
            assert [wire.status() for _ in range(5)] == [200] * 5
            assert wire.send(post(b"", length=1 << 30)).status() == 413 and wire.ended()
        with Wire(daemon.intake, context=trust(daemon, maximum_version=ssl.TLSVersion.TLSv1_2)) as wire:
            assert wire.socket.version() == "TLSv1.2" and wire.send(post(notification("track:ORD-4004"))).status() == 200
        daemon.settled()
        assert len(sim.sends()) == 4
        assert daemon.terminate() == 0


@test
def test_tls_refuses_what_is_none():
    with Sim() as sim, tls_daemon(sim, request_time="1s", idle_time="1s") as daemon:
        with Wire(daemon.intake) as wire:  # plain HTTP
            try:
                wire.send(post(notification()) * 20)
            except OSError:
                pass
            while wire.read():
                pass
            assert b"HTTP/1.1 200" not in wire.kept
        with Wire(daemon.intake) as wire:  # half a greeting: cut off
            wire.send(b"\x16\x03\x01\x02\x00\x01\x00")
            while wire.read():
                pass
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python, too, finds that too old
                old = trust(daemon, minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
            with Wire(daemon.intake, context=old):
                raise AssertionError("TLS 1.1 was taken")
        except (ssl.SSLError, OSError):
            pass
        good = notification("track:ORD-4005")
        wait_for(lambda: served(daemon, good, context=trust(daemon)), "the acknowledgement")
        daemon.settled()
        assert len(sim.sends()) == 1


@test
def test_tls_certificate_is_reloaded():
    with Sim() as sim, tls_daemon(sim) as daemon:
        old = Wire(daemon.intake, context=trust(daemon))
        assert old.send(post(notification("track:ORD-4006"))).status() == 200
        make_certificate(daemon, "second", 1002)
        with Wire(daemon.intake, context=ssl._create_unverified_context()) as wire:
            assert wire.send(post(notification())).status() == 200  # not yet asked to look
        daemon.send_signal(signal.SIGHUP)

        def second():
            try:
                with Wire(daemon.intake, context=trust(daemon)) as wire:
                    return serial(wire) == 1002 and wire.send(post(notification())).status() == 200
            except ssl.SSLCertVerificationError:
                return False
        wait_for(second, "the new certificate")
        assert old.send(post(notification("track:ORD-4007"))).status() == 200  # it goes on with what it has
        old.socket.close()
        # What cannot be used changes nothing.
        good = trust(daemon)
        with open(daemon.path("key.pem")) as file:
            key = file.read()
        make_certificate(daemon, "third", 1003)
        for name, text in ("key.pem", key), ("cert.pem", "rubbish\n"), ("key.pem", "rubbish\n"):
            daemon.write(name, text)
            reloads = daemon.log_text().count("the old ones stay")
            daemon.send_signal(signal.SIGHUP)
            wait_for(lambda: daemon.log_text().count("the old ones stay") > reloads, "the refusal in the log")
            with Wire(daemon.intake, context=good) as wire:
                assert serial(wire) == 1002 and wire.send(post(notification())).status() == 200
        assert "key.pem: is the key of another certificate" in daemon.log_text()


if not shutil.which("openssl"):
    tests[:] = [t for t in tests if not t.__name__.startswith("test_tls")]

if __name__ == "__main__":
    main()
