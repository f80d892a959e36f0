#!/usr/bin/env python3
"""A private PostgreSQL for tests: in a temporary folder, on a Unix socket and a free port of the loopback.

usage: postgres.py [--no-fsync] [--pair]

Prints the URL of its database once it answers. Then it takes words on standard input, a line each, answered by `done`: stop, start,
kill (as a crash), freeze, thaw, and `sql DATABASE STATEMENT`, answered by what it came to in one line of JSON. When its input ends, the
server ends and the folder goes: so a test that is killed leaves nothing. Without PostgreSQL it prints `skip: ` and why, and ends with 77.

With --pair there are two: a primary, and a replica that each commit waits for; the URL has both. They talk TLS only, with certificates
of a CA whose file is in the URL. `replica WORD` is for the replica, the other words are for the primary, which `promote` makes of the
replica; the old primary is the replica then, and does not know it.
"""

import ctypes
import glob
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 60  # seconds
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class Missing(Exception):
    pass


def programs():
    """The folder of initdb and postgres: of the newest version that Debian has installed, else on the path."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda path: float(path.split("/")[4]))
    path = found[-1] if found else shutil.which("postgres")
    if not path:
        raise Missing("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return os.path.dirname(os.path.realpath(path))


def owner():
    """PostgreSQL does not run as root."""
    if os.geteuid():
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        except KeyError:
            pass
    raise Missing("there is no user postgres or nobody to run PostgreSQL as")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def end_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


class Server:
    def __init__(self, fsync):
        self.bin, self.owner, self.fsync = programs(), owner(), fsync
        self.password = "pg-secret-" + secrets.token_hex(8)
        self.folder = tempfile.mkdtemp(prefix="callbackd-pg-", dir="/tmp")  # a socket's path has to be short
        self.process = self.port = None
        self.more = {}  # settings

    def run(self, *arguments):
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "PGPASSWORD": self.password}
        done = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              cwd=self.folder, env=environment, **self.owner)
        if done.returncode:
            raise Exception(f"{arguments[0]}: {done.stdout}")

    def as_owner(self, path):
        if self.owner:
            os.chown(path, self.owner["user"], self.owner["group"])

    def make(self):
        """With an order of letters that is not that of bytes, as users have it. What the machine loses here is no loss (--no-sync)."""
        words = os.path.join(self.folder, "password")
        with open(words, "w") as file:
            file.write(self.password)
        for path in (self.folder, words):
            self.as_owner(path)
        self.run(os.path.join(self.bin, "initdb"), "--pgdata", os.path.join(self.folder, "data"), "--username", "callbackd",
                 "--pwfile", words, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale-provider", "icu",
                 "--icu-locale", "en-US", "--locale", "C.UTF-8", "--no-sync", "--no-instructions")

    def demand_tls(self):
        """A CA, and a certificate that is good for the name localhost only. The key of the CA is of no use to anybody later."""
        if not shutil.which("openssl"):
            raise Missing("openssl is not installed")
        key = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
        ca = [os.path.join(self.folder, name) for name in ("ca.pem", "ca.key")]
        own = [os.path.join(self.folder, "data", name) for name in ("server.crt", "server.key")]
        self.run(*key, "-subj", "/CN=Private CA", "-out", ca[0], "-keyout", ca[1])
        self.run(*key, "-subj", "/CN=server", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE",
                 "-CA", ca[0], "-CAkey", ca[1], "-out", own[0], "-keyout", own[1])
        rules = os.path.join(self.folder, "data", "pg_hba.conf")
        with open(rules) as file:
            lines = file.read()
        with open(rules, "w") as file:
            file.write(lines.replace("\nhost ", "\nhostssl "))
        self.more = {"ssl": "on"}

    def replicate(self, primary):
        """A streaming replica, which does not wait for one itself once it is promoted."""
        self.as_owner(self.folder)
        self.password, self.more = primary.password, primary.more
        self.run(os.path.join(self.bin, "pg_basebackup"), "--pgdata", os.path.join(self.folder, "data"), "--host", primary.folder,
                 "--port", str(primary.port), "--username", "callbackd", "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
        start_somewhere(self)
        primary.say("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.say("SELECT pg_reload_conf()")
        primary.wait_for("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'")

    def promote(self):
        self.say("SELECT pg_promote()")

    def say(self, statement):
        lines = self.sql("postgres", statement)
        if lines and lines[0].startswith("ERROR"):
            raise Exception(f"{statement}: {lines}")
        return lines

    def wait_for(self, query):
        end = time.monotonic() + PATIENCE
        while not self.say(query):
            if time.monotonic() > end:
                raise Exception(f"no row came of: {query}")
            time.sleep(0.01)

    def start(self):
        self.port = self.port or free_port()
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.folder,
                    "fsync": "on" if self.fsync else "off", "shared_buffers": "32MB", "max_connections": 60,
                    "log_line_prefix": "%m [%p] ", **self.more}
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(self.bin, "postgres"), "-D", os.path.join(self.folder, "data"),
                 *[word for key, value in settings.items() for word in ("-c", f"{key}={value}")]],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, preexec_fn=end_with_parent, **self.owner)
        self.wait_ready()

    def wait_ready(self):
        end = time.monotonic() + PATIENCE
        status = os.path.join(self.folder, "data", "postmaster.pid")
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with open(status) as file:
                    lines = file.read().split("\n")
                if int(lines[0]) == self.process.pid and len(lines) > 7 and lines[7].strip() == "ready":
                    return
            except (OSError, ValueError):
                pass
            time.sleep(0.01)
        with open(os.path.join(self.folder, "log"), errors="replace") as file:
            raise Exception("PostgreSQL does not start: " + file.read()[-3000:])

    def family(self):
        """The server's processes, those that it started last."""
        found = [self.process.pid]
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path) as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                if int(fields[1]) == self.process.pid:
                    found.append(int(path.split("/")[2]))
            except OSError:
                pass
        return found

    def signal_all(self, number):
        for pid in self.family():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def end(self, number):
        if self.process and self.process.poll() is None:
            self.signal_all(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait()

    def stop(self):
        self.end(signal.SIGINT)

    def kill(self):
        self.end(signal.SIGQUIT)

    def freeze(self):
        self.signal_all(signal.SIGSTOP)

    def thaw(self):
        self.signal_all(signal.SIGCONT)

    def sql(self, database, statement):
        """The rows as lines of text; an error as one that begins with `ERROR`."""
        done = subprocess.run(
            [os.path.join(self.bin, "psql"), "-X", "-q", "-A", "-t", "-h", self.folder, "-p", str(self.port), "-U", "callbackd",
             "-d", database, "-c", statement],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={"PGPASSWORD": self.password})
        return done.stdout.splitlines()

    def url(self):
        return f"postgresql://callbackd:{self.password}@127.0.0.1:{self.port}/postgres"

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def start_somewhere(server):
    """Another program may take a port that was free just now."""
    for _ in range(5):
        try:
            return server.start()
        except Exception as error:
            why, server.port = error, None
    raise why


class One:
    def __init__(self, fsync):
        self.servers = [Server(fsync)]

    def start(self):
        self.servers[0].make()
        start_somewhere(self.servers[0])
        return self.servers[0].url()

    def promote(self):
        raise Exception("there is no replica")


class Pair(One):
    def __init__(self, fsync):
        self.servers = [Server(fsync), Server(fsync)]

    def start(self):
        primary, replica = self.servers
        primary.make()
        primary.demand_tls()
        start_somewhere(primary)
        replica.replicate(primary)
        return (f"postgresql://callbackd:{primary.password}@localhost:{primary.port},localhost:{replica.port}/postgres"
                f"?target_session_attrs=read-write&sslmode=verify-full&sslrootcert={primary.folder}/ca.pem")

    def promote(self):
        self.servers[1].promote()
        self.servers.reverse()


def obey(all, line):
    """What is answered."""
    server = all.servers[0]
    word, _, rest = line.partition(" ")
    if word == "replica":
        server, (word, _, rest) = all.servers[1], rest.partition(" ")
    if word == "sql":
        return json.dumps(server.sql(*rest.split(" ", 1)))
    words = {"stop": server.stop, "start": server.start, "kill": server.kill, "freeze": server.freeze, "thaw": server.thaw,
             "promote": all.promote}
    words[word]()
    return "done"


def serve(all):
    print(all.start(), flush=True)
    for line in sys.stdin:
        print(obey(all, line.strip()), flush=True)


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the end of the input is the end
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    all = None
    try:
        all = (Pair if "--pair" in sys.argv[1:] else One)("--no-fsync" not in sys.argv[1:])
        serve(all)
    except Missing as why:
        print("skip:", why)
        sys.exit(77)
    except BrokenPipeError:
        pass
    finally:
        for server in all.servers if all else []:
            server.remove()


if __name__ == "__main__":
    main()
