#!/usr/bin/env python3
"""Clients that do anything but speak TLS as they should, against the real daemon: it stays up, its memory and connections have
bounds, and who behaves gets answers meanwhile."""

import contextlib
import random
import select
import socket
import ssl
import struct
import subprocess

from faultkit import make_certificate
from harness import *

MEMORY = 150  # megabytes at most, of 400 connections
CONNECTIONS, PER_ADDRESS = 400, 100
GOOD = "127.0.0.1"


@contextlib.contextmanager
def tls_daemon(request_time="2s"):
    """With a certificate for 127.0.0.1, short deadlines, few places."""
    limits = {"request_time": request_time, "idle_time": "3s" if request_time == "2s" else request_time, "connections": CONNECTIONS, "per_address": PER_ADDRESS}
    with Sim() as sim, Daemon(sim, config={"tls": {"cert": "cert.pem", "key": "cert.pem"}, "limits": limits}, start=False) as daemon:
        make_certificate(daemon.path("cert.pem"), 30)
        daemon.env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        daemon.serve()
        yield daemon
        assert daemon.process.poll() is None
        expect_bounds(daemon)
        assert daemon.terminate() == 0


def held(daemon):
    """How many connections the daemon has a descriptor of (its address and port is the local one; without an inode it let go). The
    port alone would not do: among thousands of clients one comes from the same number."""
    local = f"0100007F:{daemon.intake[1]:04X}"
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return sum(row[1] == local and row[3] != "0A" and row[9] != "0" for row in rows)


def expect_bounds(daemon):
    with open(f"/proc/{daemon.process.pid}/status") as file:
        peak = next(int(line.split()[1]) * 1024 / 1e6 for line in file if line.startswith("VmHWM"))
    assert peak < MEMORY, peak


def connect(daemon, source):
    """A socket from an address of loopback; its buffers are small, for there will be many."""
    wire = socket.create_connection(daemon.intake, PATIENCE, (source, 0))
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire


class Client:
    """TLS without a socket: what it wants to send is ours to spoil."""

    def __init__(self, wire=None, version=None):
        context = ssl._create_unverified_context()
        if version:
            context.maximum_version = version
        self.to, self.out, self.wire = ssl.MemoryBIO(), ssl.MemoryBIO(), wire
        self.tls = context.wrap_bio(self.to, self.out, server_hostname="localhost")

    def hello(self):
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self.out.read()

    def shake_hands(self):
        self.wire.sendall(self.hello())
        while True:
            self.to.write(self.wire.recv(65536))
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                continue
            self.flush()
            return self

    def flush(self):
        self.wire.sendall(self.out.read())

    def sealed(self, data):
        self.tls.write(data)
        return self.out.read()


def signed(number):
    body = json.dumps(intercom_replied(f"track:ORD-{number}", user=str(number))).encode()
    head = (f"POST /webhooks/intercom HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            f"X-Hub-Signature: {intercom_signature(body, SECRETS['INTERCOM_SECRET'])}\r\n\r\n")
    return head.encode() + body


class Behaved:
    """Posts good webhooks, each on a new connection, and is answered each time."""

    def __init__(self, daemon):
        self.daemon, self.number = daemon, 1000

    def post(self):
        self.number += 1
        context = ssl.create_default_context(cafile=self.daemon.path("cert.pem"))
        with connect(self.daemon, GOOD) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as wire:
            wire.sendall(signed(self.number))
            answer = wire.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 "), answer


def answered(behaved):
    """Where there is little time, or no place, who behaves may have to come again."""
    with contextlib.suppress(OSError, AssertionError):
        behaved.post()
        return True


def drop(wire):
    """Ends it by a reset."""
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


def end(wire, how):
    """Half closed: then whatever the daemon says is read to its end."""
    with contextlib.suppress(OSError):
        if how == "half":
            wire.shutdown(socket.SHUT_WR)
            while wire.recv(65536):
                pass
    drop(wire) if how == "reset" else wire.close()


def send(wire, data):
    with contextlib.suppress(OSError):
        wire.sendall(data)


def spoiled(draw, hello):
    """One way out of many to get a greeting wrong."""
    way, at = draw.randrange(7), draw.randrange(len(hello))
    if way == 0:
        return draw.randbytes(draw.randint(1, 2000))
    if way == 1:  # of a kind that there is, or is not, and as long as it says, or not
        return bytes([draw.choice([20, 21, 22, 23, 24, 128, 255]), 3, draw.randint(0, 4)]) + draw.randbytes(draw.randint(2, 600))
    if way == 2:
        return hello[:at]
    if way == 3:
        return hello[:at] + bytes([hello[at] ^ (1 << draw.randrange(8))]) + hello[at + 1:]
    if way == 4:
        return hello[:at] + draw.randbytes(draw.randint(1, 40)) + hello[at:]
    if way == 5:
        return hello * draw.randint(2, 40)
    return b"\x16\x03\x01\x40\x00" + b"\x01\x00\xff\xff" + draw.randbytes(0x4000 - 4)  # longer than it will ever be


@test
def test_greetings_that_are_none():
    draw = random.Random(1)
    with tls_daemon("1m") as daemon:
        behaved = Behaved(daemon)
        for number in range(1500):
            wire = connect(daemon, "127.0.0.2")
            send(wire, spoiled(draw, Client().hello()))
            end(wire, draw.choice(["close", "reset", "half"]) if number % 10 else "half")
            if number % 100 == 0:
                behaved.post()
        wait_for(lambda: held(daemon) == 0, "their connections being given back")


@test
def test_rubbish_after_the_handshake():
    draw = random.Random(2)
    with tls_daemon("1m") as daemon:
        behaved = Behaved(daemon)
        for number in range(150):
            wire = connect(daemon, "127.0.0.2")
            client = Client(wire, draw.choice([None, ssl.TLSVersion.TLSv1_2])).shake_hands()
            record = client.sealed(signed(5000 + number))
            at = draw.randrange(len(record))
            send(wire, draw.choice([record[:at], record[:at] + bytes([record[at] ^ 1]) + record[at + 1:], draw.randbytes(500), record + record,
                                    b"\x15\x03\x03\x00\x02\x01\x64", b"\x14\x03\x03\x00\x01\x01" * 50, b"\x17\x03\x03\x00\x00" * 200]))
            end(wire, draw.choice(["close", "reset", "half"]))
            if number % 30 == 0:
                behaved.post()
        wait_for(lambda: held(daemon) == 0, "their connections being given back")
        daemon.settled()


@test
def test_a_sender_that_closes_its_half():
    """Says goodbye behind its request: evhttp may end before the answer then. What was stored is known when it comes again."""
    with tls_daemon("1m") as daemon:
        behaved = Behaved(daemon)
        for number, version in enumerate((None, ssl.TLSVersion.TLSv1_2)):
            with connect(daemon, "127.0.0.2") as wire:
                client = Client(wire, version).shake_hands()
                request = client.sealed(signed(6000 + number))
                with contextlib.suppress(ssl.SSLWantReadError):
                    client.tls.unwrap()  # close_notify, and not a word more
                wire.sendall(request + client.out.read())
                end(wire, "half")
            behaved.number = 6000 + number - 1
            behaved.post()
        items = daemon.settled()
        assert sum(i["kind"] == "run" for i in items) == 2, items


def s_client(daemon, letters, *options):
    """What openssl says to having these of its commands carried out."""
    done = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % daemon.intake, *options], input="".join(f"{c}\n" for c in letters),
                          capture_output=True, text=True, timeout=PATIENCE)
    return done.stdout + done.stderr


@test
def test_renegotiation_is_refused():
    with tls_daemon("1m") as daemon:
        behaved = Behaved(daemon)
        said = s_client(daemon, "R" * 20, "-tls1_2")
        assert "RENEGOTIATING" in said and "no renegotiation" in said, said[-2000:]
        behaved.post()
        said = s_client(daemon, "k" * 500, "-tls1_3")  # new keys without end: allowed, and cheap
        assert "KEYUPDATE" in said, said[-2000:]
        behaved.post()


@test
def test_a_greeting_byte_by_byte_is_cut_off():
    """A byte every now and then does not make it younger."""
    with tls_daemon() as daemon, contextlib.ExitStack() as open_ones:
        wires = [open_ones.enter_context(connect(daemon, "127.0.0.2")) for _ in range(20)]
        hello, ended, sent = Client().hello(), set(), 0

        def all_cut_off():
            nonlocal sent
            for wire in wires:
                if wire not in ended and select.select([wire], [], [], 0)[0]:
                    ended.add(wire)  # the end, or an alert before it
                elif wire not in ended and sent < len(hello) - 1:
                    send(wire, hello[sent:sent + 1])
            sent += 1
            select.select([], [], [], 0.02)  # so that the bytes last for longer than the daemon waits
            return len(ended) == len(wires)
        wait_for(all_cut_off, "all being cut off")
        assert sent < len(hello) - 1, sent
        wait_for(lambda: answered(Behaved(daemon)), "an answer")


def flood(daemon, sources, beside=lambda: None):
    """2000 connections that begin a handshake and are kept open."""
    hello, kept = Client().hello(), []
    for number in range(2000):
        kept.append(connect(daemon, sources[number % len(sources)]))
        send(kept[-1], hello[:len(hello) // 2 if number % 2 else len(hello)])  # what is whole is answered, and no more is heard
        if number % 250 == 0:
            beside()
    return kept


def let_go(daemon, kept):
    for wire in kept:
        wire.close()
    wait_for(lambda: held(daemon) == 0, "their connections being given back")


CROWD = [f"127.0.0.{n}" for n in range(3, 23)]


@test
def test_thousands_of_handshakes_that_never_end():
    """Of one address as many stay as it may have, of many as there are places: long before their time is over."""
    with tls_daemon("10m") as daemon:
        behaved = Behaved(daemon)
        kept = flood(daemon, ["127.0.0.2"], behaved.post)
        wait_for(lambda: held(daemon) == PER_ADDRESS, "the others being turned away")
        behaved.post()
        let_go(daemon, kept)
        kept = flood(daemon, CROWD)
        wait_for(lambda: held(daemon) == CONNECTIONS, "the others being turned away")
        let_go(daemon, kept)
        behaved.post()


@test
def test_handshakes_that_take_all_places_are_cut_off():
    with tls_daemon() as daemon:
        behaved, kept = Behaved(daemon), flood(daemon, CROWD)
        wait_for(lambda: answered(behaved), "an answer once they are cut off")
        let_go(daemon, kept)


if not shutil.which("openssl"):
    tests[:] = []

if __name__ == "__main__":
    main()
