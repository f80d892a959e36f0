"""Drives the real daemon against the simulator: free ports, temporary folders, conditions instead of sleeps.

A test is a function with the decorator @test; main() runs them and prints TAP. When one fails, the daemon's log is shown.
CALLBACKD and SIM name the programs; without them they are looked for in the build folder, where `make check` runs."""

import base64
import ctypes
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

CALLBACKD = os.path.abspath(os.environ.get("CALLBACKD", "./callbackd"))
SIM = os.path.abspath(os.environ.get("SIM", "tests/sim/callbackd-sim"))
PATIENCE = 30  # seconds until a condition counts as never met
SECRETS = {"INTERCOM_SECRET": "intercom-client-secret", "HUBSPOT_SECRET": "hubspot-client-secret",
           "HUBSPOT_TOKEN": "sim-hubspot-token", "INTERCOM_TOKEN": "sim-intercom-token", "DESK_SECRET": "desk-secret",
           "SHOP_KEY": "sim-key", "ADMIN_TOKEN": "admin-token"}
PUBLIC = "https://hooks.example.com"

RULES = """\
rules:
  - name: track
    tap: 'track:(?<id>ORD-[0-9]{4,12})'
    reply:
      text: 'Order ${id} is on its way.'
      buttons:
        - [ { text: Refresh, callback_data: 'track:${id}' } ]
  - name: hello
    text: '(?i)hello'
    reply: { type: remove_reply_keyboard, text: Good day. }
  - { name: old, default: true, reply: { text: That button is too old. } }
"""


def wait_for(condition, what="the condition", patience=PATIENCE):
    """Calls condition until it gives something true, and returns that."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true in {patience} s")
        time.sleep(0.005)


def request(address, method, path, body=None, headers=None, timeout=PATIENCE):
    """Status, headers, body as bytes."""
    connection = http.client.HTTPConnection(*address, timeout=timeout)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def split_address(text):
    if text.startswith("unix:"):
        return None
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


def has_thread_sanitizer():
    with open(CALLBACKD, "rb") as file:
        return b"__tsan_init" in file.read()


LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def end_with_parent():
    """In the child: a test that is killed takes its servers with it."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    def start(self, arguments, **more):
        more = {"stdout": subprocess.DEVNULL, "preexec_fn": end_with_parent, **more}
        self.process = subprocess.Popen(arguments, **more)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Postgres:
    """A server of its own, or a pair: see tests/postgres.py. It ends with this process, however that ends."""

    def __init__(self, *options):
        script = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "postgres.py")
        self.process = subprocess.Popen([sys.executable, script, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        self.url = self.process.stdout.readline().strip()
        self.databases = 0
        if not self.url.startswith("postgresql:"):
            self.process.wait()
            raise Skip(self.url or "tests/postgres.py failed")

    def end(self):
        self.process.stdin.close()
        self.process.wait()

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def do(self, word):
        """stop, start, kill, freeze, thaw; of a pair promote, and `replica` before one of the others"""
        answer = self.ask(word)
        assert answer == "done", answer

    def sql(self, statement, database):
        rows = json.loads(self.ask(f"sql {database} {statement}"))
        assert not rows or not rows[0].startswith("ERROR"), rows
        return rows

    def fresh(self):
        """The URL of an empty database."""
        self.databases += 1
        self.sql(f"CREATE DATABASE store{self.databases}", "postgres")
        return self.url.replace("/postgres", f"/store{self.databases}", 1)


STORE_SERVER = None  # where the daemons' stores are; None: each has a file


class Sim(Process):
    """callbackd-sim: see tests/sim/sim_control.c for what it can be told."""

    def __init__(self, *options):
        self.folder = tempfile.mkdtemp(prefix="callbackd-sim-")
        bound = os.path.join(self.folder, "bound")
        self.start([SIM, "--bound-file", bound, *options])
        wait_for(lambda: os.path.exists(bound) or self.process.poll() is not None, "the simulator")
        with open(bound) as file:
            self.address = split_address(file.read().strip())
        self.url = "http://%s:%d" % self.address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def control(self, method, path, body=None):
        body = json.dumps(body) if body is not None else None
        status, _, answer = request(self.address, method, "/-/" + path, body)
        if status >= 300:
            raise AssertionError(f"simulator: {method} {path}: {status} {answer}")
        return json.loads(answer) if answer else None

    def fault(self, **fault):
        fault.setdefault("path", "/api/v1/telegram")
        self.control("POST", "faults", fault)

    def release(self, count=1):
        """Answers what a fault with hold=True holds, which must be so much."""
        assert self.control("POST", "release") == count

    def requests(self, path=""):
        return self.control("GET", "requests?path=" + path)

    def sends(self):
        """Octopods messages that were taken, oldest first."""
        return [r for r in self.requests("/api/v1/telegram/interactive") if r.get("accepted")]

    def wait_sends(self, count):
        wait_for(lambda: self.control("GET", "count?path=/api/v1/telegram/interactive&accepted=1") >= count,
                 f"{count} follow-ups")
        return self.sends()

    def wait_requests(self, count, path="/api/v1/telegram/interactive"):
        wait_for(lambda: self.control("GET", "count?path=" + path) >= count, f"{count} requests to {path}")
        return self.requests(path)


class Daemon(Process):
    """`callbackd serve` in a folder of its own. `config` changes keys of the default configuration (YAML is JSON)."""

    def __init__(self, sim=None, rules=RULES, config=None, env=None, start=True, channel=None, intercom=None, hubspot=None):
        self.folder = tempfile.mkdtemp(prefix="callbackd-test-")
        url = sim.url if sim else "http://127.0.0.1:9"
        self.config = {
            "listen": "127.0.0.1:0", "admin": {"listen": "127.0.0.1:0", "token": "env:ADMIN_TOKEN"}, "bound_file": "bound",
            "public_url": PUBLIC, "store": "sqlite:callbackd.db", "rules": ["rules.yaml"], "drain": "5s",
            "sources": [
                {"name": "intercom", "kind": "intercom", "path": "/webhooks/intercom", "secrets": ["env:INTERCOM_SECRET"],
                 "channel": "shop", "api": url, **(intercom or {})},
                {"name": "hubspot", "kind": "hubspot", "path": "/webhooks/hubspot", "secrets": ["env:HUBSPOT_SECRET"],
                 "token": "env:HUBSPOT_TOKEN", "channel": "shop", "api": url, **(hubspot or {})}],
            "channels": {"shop": {"url": url, "key": "env:SHOP_KEY", "rate": "off", "chat_rate": "off", "loop_guard": 0,
                                  **(channel or {})}}}
        self.env = {**os.environ, **SECRETS, **(env or {})}
        if STORE_SERVER and "STORE_URL" not in (env or {}):
            self.env["STORE_URL"] = STORE_SERVER.fresh()
        if STORE_SERVER:
            self.config["store"] = "env:STORE_URL"
        self.config.update(config or {})
        self.prefix = []  # a command that the daemon is run by
        self.write("rules.yaml", rules)
        self.write_config()
        self.log_path = os.path.join(self.folder, "log")
        self.log = open(self.log_path, "ab")
        self.process = None
        if start:
            try:
                self.serve()
            except AssertionError:
                self.__exit__(AssertionError)  # there is no `with` yet that would
                raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.show_log()
        if self.process:
            self.kill()
        self.log.close()
        log = self.log_text()
        shutil.rmtree(self.folder, ignore_errors=True)
        found = re.search(r"Sanitizer|runtime error:|^==[0-9]+==", log, re.MULTILINE)  # the last: from valgrind
        assert kind or not found, log[found.start():][:4000]

    # --- files and life

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)

    def write_config(self):
        """A webhook may wait for the disk as long as a test waits: a 503 is then always the fault that a test made."""
        limits = {"store_time": f"{PATIENCE}s", "lease": "2s", **self.config.get("limits", {})}
        self.write("callbackd.yaml", json.dumps({**self.config, "limits": limits}, indent=1))

    def serve(self):
        bound = self.path("bound")
        if os.path.exists(bound):
            os.unlink(bound)
        self.start([*self.prefix, CALLBACKD, "serve", "-c", self.path("callbackd.yaml")], stdout=self.log, stderr=self.log,
                   env=self.env, cwd="/")
        wait_for(lambda: os.path.exists(bound) or self.process.poll() is not None, "the daemon")
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}")
        with open(bound) as file:
            lines = dict(line.split() for line in file)
        self.intake = split_address(lines["intake"])
        self.admin = split_address(lines["admin"]) if "admin" in lines else None
        if has_thread_sanitizer():
            self.wait_loop()

    def wait_loop(self):
        """Until the loop has gone round once. ThreadSanitizer makes what it needs for a thread's signals when the thread first
        waits, and loses a signal that comes while it does."""
        with socket.create_connection(self.intake, PATIENCE) as client:
            client.sendall(b"hello?\r\n\r\n")
            try:
                client.recv(1)  # a refusal, or the end: by HTTP and by TLS alike
            except ConnectionResetError:
                pass

    def send_signal(self, number):
        self.process.send_signal(number)

    def terminate(self, number=signal.SIGTERM):
        """Ends it in good order; returns the exit code."""
        self.send_signal(number)
        return self.process.wait(PATIENCE)

    def run(self, *arguments):
        """Another callbackd on the same configuration: exit code, standard output, standard error."""
        done = subprocess.run([CALLBACKD, arguments[0], "-c", self.path("callbackd.yaml"), *arguments[1:]], env=self.env,
                              capture_output=True, text=True, timeout=20 * PATIENCE)  # `test --mutate` is at work for long
        return done.returncode, done.stdout, done.stderr

    def log_text(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def wait_log(self, text):
        wait_for(lambda: text in self.log_text(), f"'{text}' in the log")

    def show_log(self):
        lines = self.log_text().splitlines()[-80:]
        print("".join(f"#   {line}\n" for line in lines), end="")

    # --- requests

    def post(self, path, body, headers=None):
        return request(self.intake, "POST", path, body, headers)[0]

    def post_intercom(self, payload, secret=SECRETS["INTERCOM_SECRET"]):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return self.post("/webhooks/intercom", body, {"Content-Type": "application/json",
                                                      "X-Hub-Signature": intercom_signature(body, secret)})

    def post_hubspot(self, events, secret=SECRETS["HUBSPOT_SECRET"], at=None):
        body = json.dumps(events).encode()
        return self.post("/webhooks/hubspot", body, hubspot_headers(body, "/webhooks/hubspot", secret, at))

    def tap(self, data, user="700000001", **more):
        """Posts until it is acknowledged, as Intercom does: a disk that takes longer than the door's patience answers 503."""
        payload = intercom_replied(data, user, **more)
        statuses = []
        wait_for(lambda: statuses.append(self.post_intercom(payload)) or statuses[-1] != 503, "the acknowledgement")
        assert statuses[-1] == 200, statuses

    def page(self, path, method="GET", headers=None):
        status, _, body = request(self.admin, method, path, headers=headers)
        return status, body.decode()

    def metric(self, name):
        """The value of one series, as it is written: 'callbackd_sends_total{channel="shop",outcome="ok"}'."""
        for line in self.page("/metrics")[1].splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def wait_metric(self, name, value):
        """Counts come after the commit: what they belong to may be seen before."""
        wait_for(lambda: self.metric(name) == value, f"{name} {value}")

    def queue(self, *arguments):
        """Items of `queue list`, as dictionaries."""
        code, out, err = self.run("queue", "list", "--format", "json", *arguments)
        assert code == 0, err
        return [json.loads(line) for line in out.split("\n") if line]  # splitlines() would cut at U+2028 too

    def settled(self, what="everything"):
        """All items once nothing waits any more: what was not sent by now is not going to be."""
        def look():
            items = self.queue("--all", "--limit", "10000")
            return None if any(i["state"] in ("new", "fetch", "ready") for i in items) else items or [{}]
        return [i for i in wait_for(look, f"{what} settled") if i]

    def reasons(self, kind="notification"):
        """Why there was nothing to do, in the order of storing; None where there was."""
        return [i.get("reason") for i in self.settled() if i["kind"] == kind]


# --- what came of it -------------------------------------------------------------------------------------------------------

def message(send):
    return send["body"]["telegram_interactive_message"]


def text_of(send):
    return message(send)["text"]


def texts(sim, count):
    """What was sent, once it is so much."""
    return [text_of(s) for s in sim.wait_sends(count)]


def taps(daemon, sim, *data, user="700000001"):
    """One after another, each answered before the next: the answers."""
    for one in data:
        before = len(sim.sends())
        daemon.tap(f"<p>{one}</p>", user)
        sim.wait_sends(before + 1)
    return [text_of(s) for s in sim.sends()][-len(data):]


def runs(daemon, state, count=1):
    """The runs of this state, once there are so many since the daemon started."""
    wait_for(lambda: daemon.metric(f'callbackd_runs{{state="{state}"}}') >= count, f"{count} runs {state}")
    return [i for i in daemon.queue("--all", "--state", state, "--limit", "1000") if i["kind"] == "run"]


# --- notifications ---------------------------------------------------------------------------------------------------------

def intercom_signature(body, secret):
    return "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def hubspot_headers(body, path, secret, at=None):
    at = str(int(time.time() * 1000) if at is None else at)
    text = b"POST" + (PUBLIC + path).encode() + body + at.encode()
    mac = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
    return {"Content-Type": "application/json", "X-HubSpot-Request-Timestamp": at, "X-HubSpot-Signature-v3": mac}


class Counter:
    number = int(time.time() * 1000)

    @classmethod
    def next(cls):
        cls.number += 1
        return cls.number


def intercom_part(body, part=None, author="user", part_type="comment", created_at=None, **more):
    return {"type": "conversation_part", "id": str(part or Counter.next()), "part_type": part_type, "body": body,
            "created_at": created_at or int(time.time()), "author": {"type": author, "id": "66b0c0ff", "name": "Dana Example"},
            "attachments": [], "redacted": False, **more}


def intercom_replied(body="<p>hello</p>", user="700000001", notif=None, conversation=None, parts=None, topic="conversation.user.replied",
                     **more):
    parts = parts if parts is not None else [intercom_part(body, **more)]
    conversation = conversation or "2154" + str(user)
    return {"type": "notification_event", "app_id": "abcd1234", "topic": topic, "id": notif or "notif_%d" % Counter.next(),
            "created_at": int(time.time()), "delivery_attempts": 1,
            "data": {"type": "notification_event_data", "item": {
                "type": "conversation", "id": conversation,
                "source": {"type": "conversation", "id": "2693300001", "body": "<p>first words</p>",
                           "author": {"type": "lead", "id": "66b0c0ff"}, "redacted": False},
                "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "66b0c0ff", "external_id": user}]},
                "conversation_parts": {"type": "conversation_part.list", "conversation_parts": parts,
                                       "total_count": len(parts)}}}}


def hubspot_event(thread, message, **more):
    return {"eventId": Counter.next(), "subscriptionId": 4578255, "portalId": 242711451, "appId": 19635961,
            "occurredAt": int(time.time() * 1000), "subscriptionType": "conversation.newMessage", "attemptNumber": 0,
            "objectId": thread, "messageId": message, "messageType": "MESSAGE", "changeFlag": "NEW_MESSAGE", **more}


def hubspot_message(text, user="700000001", **more):
    return {"type": "MESSAGE", "text": text, "direction": "INCOMING", "truncationStatus": "NOT_TRUNCATED",
            "createdAt": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
            "senders": [{"actorId": "V-1", "deliveryIdentifier": {"type": "CHANNEL_SPECIFIC_OPAQUE_ID", "value": user}}], **more}


# --- running ---------------------------------------------------------------------------------------------------------------

class Skip(Exception):
    """This test cannot run here; says why."""


def use_postgres(*options):
    """All daemons' stores are in a PostgreSQL of this program's own. Where there is none, and none is wanted, it ends here."""
    global STORE_SERVER
    try:
        with Daemon(config={"store": "postgresql://h/d"}, start=False) as daemon:
            if "built without PostgreSQL" in daemon.run("check")[1]:
                raise Skip("callbackd was built without libpq")
        STORE_SERVER = Postgres(*options)
    except Skip as why:
        if os.environ.get("CALLBACKD_NEED_POSTGRES"):
            print(f"Bail out! PostgreSQL is wanted here: {why}")
            sys.exit(1)
        print(f"1..0 # SKIP {why}")
        sys.exit(0)
    return STORE_SERVER


tests = []


def test(function):
    tests.append(function)
    return function


def main():
    wanted = sys.argv[1:]
    chosen = [t for t in tests if not wanted or t.__name__ in wanted]
    failed = 0
    print(f"1..{len(chosen)}", flush=True)
    for number, function in enumerate(chosen, 1):
        try:
            function()
            print(f"ok {number} - {function.__name__}", flush=True)
        except Skip as why:
            print(f"ok {number} - {function.__name__} # SKIP {why}", flush=True)
        except Exception:  # every failure is one test's, never the others'
            failed += 1
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="")
            print(f"not ok {number} - {function.__name__}", flush=True)
    if STORE_SERVER:
        STORE_SERVER.end()
    sys.exit(1 if failed else 0)
