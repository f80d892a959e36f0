"""What tests and the bench make fail around the daemon: its disk and its clocks (tests/faults/trouble.c), certificates."""

import contextlib
import mmap
import os
import socket
import ssl
import struct
import subprocess
import threading

TROUBLE = os.path.abspath(os.environ.get("TROUBLE_SO", "tests/faults/trouble.so"))


class Trouble:
    """What tests/faults/trouble.c reads: a shared page of numbers."""
    FIELDS = ("clock_ms", "boot_ms", "write", "sync", "read", "failed", "hold")

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


def covering(path, target):
    """What runs a program that sees this file in the place of another one; None where nobody may hang a file over another."""
    command = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', path, target]
    return command if subprocess.run([*command, "true"], capture_output=True).returncode == 0 else None


def trusting(bundle):
    """What runs a program with these authorities alone, or None."""
    return covering(bundle, BUNDLE)


@contextlib.contextmanager
def no_names(folder):
    """What runs a program whose name server never answers, or None."""
    path, address = os.path.join(folder, "resolv.conf"), "127.0.77.53"
    with open(path, "w") as file:
        file.write(f"nameserver {address}\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        try:
            server.bind((address, 53))
        except OSError:
            yield None
        else:
            yield covering(path, "/etc/resolv.conf")
