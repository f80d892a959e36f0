#!/usr/bin/env python3
"""What the daemon gives up: root's rights, and with the unit file nearly everything that systemd can take."""

import pwd
import random
import re
import signal
import socket
import ssl
import subprocess

from faultkit import make_certificate
from harness import *

SRC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
UNIT = os.path.join(SRC, "contrib", "systemd", "callbackd.service")
RULES = "rules:\n  - { name: track, tap: 'track:(?<id>.*)', entry: true, final: true, reply: { text: 'order ${id}' } }\n"
NOBODY = "nobody"


def status(daemon):
    with open(f"/proc/{daemon.process.pid}/status") as file:
        return {key: value.split() for key, value in (line.split(":", 1) for line in file)}


def low_port():
    """One that only root may bind, and nobody has; None if everybody may."""
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
        first = int(file.read())
    for port in random.sample(range(600, 1024), 20):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port if port < first else None
            except OSError:
                continue
    return None


def give_to(daemon, user):
    entry = pwd.getpwnam(user)
    for name in ("", *os.listdir(daemon.folder)):
        os.chown(daemon.path(name), entry.pw_uid, entry.pw_gid)
    return entry


def need_root():
    if os.geteuid():
        raise Skip("only root can change to another user")


@test
def test_root_becomes_the_user():
    need_root()
    port = low_port()
    config = {"user": NOBODY, "listen": f"127.0.0.1:{port or 0}", "admin": "unix:admin.sock"}
    with Sim() as sim, Daemon(sim, RULES, start=False, config=config, channel={"key": "file:key"}) as daemon:
        daemon.write("key", "sim-key")
        entry = give_to(daemon, NOBODY)
        daemon.serve()
        assert port is None or daemon.intake[1] == port
        found = status(daemon)
        assert found["Uid"] == [str(entry.pw_uid)] * 4 and found["Gid"] == [str(entry.pw_gid)] * 4, found
        assert found["Groups"] == [str(entry.pw_gid)], found["Groups"]
        for key in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(found[key][0], 16) == 0, (key, found[key])
        assert found["NoNewPrivs"] == ["1"], found
        with open(f"/proc/{daemon.process.pid}/limits") as file:
            assert re.search(r"Max core file size +0 +0 ", file.read())
        daemon.tap("track:1")
        assert texts(sim, 1) == ["order 1"]
        for name in ("callbackd.db", "callbackd.db-wal", "callbackd.db.lock", "bound", "admin.sock"):
            assert os.stat(daemon.path(name)).st_uid == entry.pw_uid, name
        assert "RUNS AS ROOT" not in daemon.log_text()
        # a reload can do what the start could
        daemon.write("rules.yaml", RULES.replace("order", "parcel"))
        daemon.send_signal(signal.SIGHUP)
        daemon.wait_log("msg=reloaded")
        daemon.tap("track:2")
        assert texts(sim, 2)[1] == "parcel 2"
        daemon.config["user"] = "daemon"
        daemon.write_config()
        daemon.send_signal(signal.SIGHUP)
        daemon.wait_log("'user' cannot change")
        assert daemon.terminate() == 0
        assert not os.path.exists(daemon.path("admin.sock"))


@test
def test_what_the_user_cannot_read_is_said_at_the_start():
    need_root()
    with Sim() as sim, Daemon(sim, RULES, start=False, config={"user": NOBODY}, channel={"key": "file:key"}) as daemon:
        daemon.write("key", "sim-key")
        give_to(daemon, NOBODY)
        os.chown(daemon.path("key"), 0, 0)
        os.chmod(daemon.path("key"), 0o600)
        code, _, err = daemon.run("serve")
        assert code == 3 and "key: Permission denied" in err, (code, err)
        os.chown(daemon.path("callbackd.yaml"), 0, 0)
        os.chmod(daemon.path("callbackd.yaml"), 0o600)
        code, _, err = daemon.run("serve")
        assert code == 3 and "callbackd.yaml: Permission denied" in err, (code, err)
        os.chmod(daemon.path("callbackd.yaml"), 0o644)
        os.chown(daemon.folder, 0, 0)
        os.chmod(daemon.folder, 0o755)
        os.chmod(daemon.path("key"), 0o644)
        code, _, err = daemon.run("serve")
        assert code == 4 and "Permission denied" in err, (code, err)
        assert not os.path.exists(daemon.path("callbackd.db"))


@test
def test_users_that_cannot_be():
    with Sim() as sim, Daemon(sim, RULES, start=False) as daemon:
        for user, words in (("no-such-user-here", "there is no such user"), ("root", "is root")):
            daemon.config["user"] = user
            daemon.write_config()
            code, _, err = daemon.run("serve")
            assert code == 3 and words in err, (user, code, err)
            assert daemon.run("check")[0] == 0  # offline: of another machine, perhaps
        if os.geteuid():
            daemon.config["user"] = next(p.pw_name for p in pwd.getpwall() if p.pw_uid not in (0, os.geteuid()))
            daemon.write_config()
            code, _, err = daemon.run("serve")
            assert code == 3 and "only root can change" in err, (code, err)
            daemon.config["user"] = pwd.getpwuid(os.geteuid()).pw_name
            daemon.write_config()
            daemon.serve()


@test
def test_root_without_a_user_is_warned_of():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        daemon.wait_log("callbackd serves")
        daemon.tap("track:1")
        assert texts(sim, 1) == ["order 1"]
        assert ("CALLBACKD RUNS AS ROOT" in daemon.log_text()) == (os.geteuid() == 0)
        assert status(daemon)["NoNewPrivs"] == ["1"]


@test
def test_the_unit_is_confined():
    """What systemd makes of it: 0.0 is locked up, 10.0 is wide open."""
    try:
        done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", UNIT], capture_output=True,
                              text=True, timeout=PATIENCE)
    except FileNotFoundError:
        raise Skip("systemd-analyze is not installed") from None
    if "--offline" in done.stderr or "nrecognized option" in done.stderr:
        raise Skip("this systemd-analyze knows no --offline")
    level = re.search(r"Overall exposure level for callbackd.service: ([0-9.]+)", done.stdout)
    assert level, done.stdout + done.stderr
    assert done.returncode == 0 and float(level[1]) < 2.0, done.stdout


def filter_of(name, seen=None):
    """The system calls of one of systemd's sets, and of the sets in it."""
    seen = set() if seen is None else seen
    done = subprocess.run(["systemd-analyze", "syscall-filter", name, "--no-pager"], capture_output=True, text=True, timeout=PATIENCE)
    for word in re.findall(r"^ +(@?[a-z0-9_-]+)$", done.stdout, re.M):
        if word not in seen:
            seen.add(word)
            if word.startswith("@"):
                filter_of(word, seen)
    return seen


def tap_by_tls(daemon, data):
    body = json.dumps(intercom_replied(data)).encode()
    connection = http.client.HTTPSConnection(*daemon.intake, context=ssl._create_unverified_context(), timeout=PATIENCE)
    connection.request("POST", "/webhooks/intercom", body, {"X-Hub-Signature": intercom_signature(body, SECRETS["INTERCOM_SECRET"])})
    assert connection.getresponse().status == 200
    connection.close()


@test
def test_the_unit_allows_what_the_daemon_does():
    """TLS and names, too. HACKING says how the unit itself was run."""
    for tool in ("systemd-analyze", "strace", "openssl"):
        if not shutil.which(tool):
            raise Skip(tool + " is not installed")
    with open(UNIT) as file:
        filters = re.findall("^SystemCallFilter=(.*)$", file.read(), re.M)
    allowed = set()
    for line in filters:
        for name in line.lstrip("~").split():
            allowed = allowed - filter_of(name) if line.startswith("~") else allowed | filter_of(name)
    assert {"read", "prlimit64"} <= allowed and "setuid" not in allowed and "mount" not in allowed, sorted(allowed)
    config = {"admin": "unix:admin.sock", "tls": {"cert": "cert.pem", "key": "cert.pem"}}
    if not os.geteuid():
        config["user"] = NOBODY  # root does more, as the unit does not start it
    with Sim() as sim, Daemon(sim, RULES, start=False, config=config, channel={"url": sim.url.replace("127.0.0.1", "localhost")}) as daemon:
        make_certificate(daemon.path("cert.pem"), 30)
        if not os.geteuid():
            give_to(daemon, NOBODY)
        daemon.env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # which works by ptrace, too
        daemon.start(["strace", "-f", "-qq", "-o", daemon.path("trace"), CALLBACKD, "serve", "-c", daemon.path("callbackd.yaml")],
                     stdout=daemon.log, stderr=daemon.log, env=daemon.env, cwd="/")
        daemon.wait_log("callbackd serves")
        with open(daemon.path("bound")) as file:
            daemon.intake = split_address(file.readline().split()[1])
        tap_by_tls(daemon, "track:1")
        sim.wait_sends(1)
        with open(daemon.path("trace")) as file:
            pid = int(file.readline().split()[0])
        make_certificate(daemon.path("cert.pem"), 60)
        if not os.geteuid():
            give_to(daemon, NOBODY)
        os.kill(pid, signal.SIGHUP)
        daemon.wait_log("msg=reloaded")
        tap_by_tls(daemon, "track:2")
        sim.wait_sends(2)
        os.kill(pid, signal.SIGTERM)
        daemon.process.wait(PATIENCE)
        daemon.wait_log("msg=stopped")
        with open(daemon.path("trace"), errors="replace") as file:
            trace = file.read()
        if not os.geteuid():  # up to there root is at work
            trace = trace[trace.rindex("setresuid("):]
            trace = trace[trace.index("PR_SET_DUMPABLE"):]
        used = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", trace, re.M))
        if not os.geteuid():
            used.discard("capset")  # what it kept for ports; the unit leaves nothing to give up
        assert {"listen", "fdatasync", "sendto"} & used and used <= allowed, sorted(used - allowed)


@test
def test_the_unit_names_what_there_is():
    try:
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", UNIT], capture_output=True, text=True, timeout=PATIENCE)
    except FileNotFoundError:
        raise Skip("systemd-analyze is not installed") from None
    unknown = [line for line in done.stderr.splitlines() if "callbackd.service" in line and "Unknown" in line]
    assert not unknown, unknown


if __name__ == "__main__":
    main()
