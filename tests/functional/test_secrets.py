#!/usr/bin/env python3
"""Secrets: they stand in no log, no error, no metric, no page, no answer of the command line, no file of the store, no core dump,
also when Octopods, the helpdesk or the shop repeat them in what they say."""

import glob
import resource
import signal

from harness import *

SEND = "/api/v1/telegram/interactive"

# As they are made: with what JSON and URLs write otherwise.
VALUES = {name: f'vErY+secret/{name.lower()}=0123456789"x' for name in (
    "INTERCOM_SECRET", "INTERCOM_OLD", "INTERCOM_TOKEN", "HUBSPOT_SECRET", "HUBSPOT_TOKEN", "DESK_SECRET", "DESK_TOKEN", "SHOP_KEY",
    "ADMIN_TOKEN", "LOOKUP_TOKEN")}

RULES = """\
lookups:
  order:
    url: '%s/shop/orders/${id}'
    headers: { Authorization: 'Bearer ${secret.LOOKUP_TOKEN}' }
    sample: { status: sent }
rules:
  - { name: track, tap: 'track:(?<id>.*)', final: true, reply: { text: 'order ${id}, ${contact.name:-you}' } }
  - { name: ask, tap: 'ask:(?<id>.*)', final: true, lookup: order, reply: { text: '${order.status}' }, on_error: { reply: { text: down } } }
  - { name: note, tap: 'note', final: true, inbox: { note: hello }, reply: { text: noted } }
"""


def escaped(value):
    """As PHP's, .NET's and a URL's writers have it."""
    return (json.dumps(value)[1:-1].replace("/", "\\/"),
            "".join(c if c.isalnum() else "\\u%04x" % ord(c) for c in value), value,
            "".join(c if c.isalnum() else "%%%02X" % ord(c) for c in value))


def echo(value):
    """What somebody says who repeats the key in all these ways."""
    return '{"error":"no key %s","errors":[{"message":"bad token %s"}]}' % (escaped(value)[0] + escaped(value)[1], escaped(value)[3])


class Watch:
    """Looks for all forms of all secrets."""

    def __init__(self):
        self.looked_at = 0

    def see(self, what, *contents):
        for content in contents:
            content = content if isinstance(content, bytes) else content.encode()
            self.looked_at += len(content)
            for name, value in VALUES.items():
                for form in escaped(value):
                    at = content.find(form.encode())
                    assert at < 0, (what, name, content[max(at - 200, 0):at + 300])


def start(sim, log="text", level="debug", **more):
    source = {"intercom": {"secrets": ["env:INTERCOM_SECRET", "env:INTERCOM_OLD"], "token": "env:INTERCOM_TOKEN", "admin_id": "7"}}
    desk = {"name": "desk", "kind": "generic", "path": "/desk", "secrets": ["env:DESK_SECRET"], "channel": "shop",
            "static_token": {"header": "X-Token", "token": "env:DESK_TOKEN"}, "user_id": ["/user"], "conversation": "/talk"}
    daemon = Daemon(sim, RULES % sim.url, start=False, env=VALUES, **source)
    daemon.config["sources"].append(desk)
    daemon.config.update({"log": log, "log_level": level, "secrets": {"LOOKUP_TOKEN": "env:LOOKUP_TOKEN"},
                          "private_hosts": ["127.0.0.1"], **more})
    daemon.write_config()
    try:
        daemon.serve()
    except AssertionError:
        daemon.__exit__(AssertionError)
        raise
    return daemon


def tap(daemon, data, user):
    body = intercom_replied(f"<p>{data}</p>", user)
    wait_for(lambda: daemon.post_intercom(body, VALUES["INTERCOM_SECRET"]) == 200, "the acknowledgement")


def refusals(daemon):
    """What the front door refuses, with its reasons in the log; and keys that are not where they belong."""
    assert daemon.post_intercom(intercom_replied("track:1"), "wrong") == 401
    assert daemon.post_hubspot([hubspot_event(1, "m1")], "wrong") == 401
    for headers in ({}, {"X-Token": "wrong"}, {"X-Token": VALUES["DESK_TOKEN"] + "x"}, {"Authorization": "Bearer " + VALUES["DESK_TOKEN"]}):
        assert daemon.post("/desk", b"{}", headers) == 401
    for path in ("/nothing", "/webhooks/intercom"):
        request(daemon.intake, "GET", path, headers={"Authorization": "Bearer " + VALUES["ADMIN_TOKEN"]})


def sends_that_ended(daemon):
    """Requests to Octopods of which the daemon has stored what came of them."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in daemon.page("/metrics")[1].splitlines()
               if line.startswith("callbackd_sends_total{"))


def echoes(sim, daemon):
    """Everybody who is asked repeats the key, in whatever the answer is."""
    contact = intercom_replied("track:1", "c1")  # no digits: the contact is asked
    for number, status in enumerate((400, 401, 403, 404, 422, 429, 500, 502, 302, 200)):
        sim.fault(path=SEND, status=status, body=echo(VALUES["SHOP_KEY"]), headers={"Retry-After": "0"})
        sim.fault(path=SEND, status=422, body="plain words: " + VALUES["SHOP_KEY"])
        before = len(sim.requests(SEND))
        tap(daemon, f"track:{status}", str(100 + number))
        sim.wait_requests(before + 1, SEND)
        sim.control("DELETE", "faults")
        wait_for(lambda: sends_that_ended(daemon) >= len(sim.requests(SEND)), "the outcome")
        daemon.run("queue", "release", "--channel", "shop")  # where that paused it
        # What is tried again is through with it: else it would take the next fault.
        wait_for(lambda: daemon.metric('callbackd_runs{state="ready"}') == 0, "the end of the run")
    sim.fault(path="/shop", status=200, body='{"status":"%s"}' % escaped(VALUES["LOOKUP_TOKEN"])[1])
    sim.fault(path="/shop", status=500, body=echo(VALUES["LOOKUP_TOKEN"]))
    for number in (1, 2):
        tap(daemon, f"ask:{number}", str(200 + number))
        sim.wait_requests(number, "/shop")
    sim.fault(path="/conversations", status=401, body=echo(VALUES["INTERCOM_TOKEN"]), times=-1)
    sim.fault(path="/contacts", status=401, body=echo(VALUES["INTERCOM_TOKEN"]), times=-1)
    sim.fault(path="/conversations/v3", status=403, body=echo(VALUES["HUBSPOT_TOKEN"]), times=-1)
    tap(daemon, "note", "300")
    assert daemon.post_intercom(contact, VALUES["INTERCOM_SECRET"]) == 200
    assert daemon.post_hubspot([hubspot_event(1, "m1")], VALUES["HUBSPOT_SECRET"]) == 200
    body = json.dumps({"id": "d1", "user": "400", "talk": "d1", "text": "track:desk"})
    for token in ("DESK_SECRET", "DESK_TOKEN"):
        assert daemon.post("/desk", body, {"X-Token": VALUES[token]}) == 200
    daemon.wait_log("SOURCE PAUSED")


def reloads(daemon, headers):
    """One that is refused, one of a secret that is gone, one that is good."""
    good = dict(daemon.config)
    for number, change in enumerate(({"lisen": 1}, {"secrets": {"LOOKUP_TOKEN": "env:NOT_THERE"}}, {})):
        daemon.config = {**good, **change}
        daemon.write_config()
        assert daemon.page("/-/reload", "POST", headers)[0] == 202
        wait_for(lambda: daemon.metric("callbackd_reload_failures_total") + daemon.metric("callbackd_reloads_total") == number + 1,
                 "the reload")
    assert daemon.metric("callbackd_reloads_total") == 1


def pages(daemon, watch, headers):
    for path in ("/", "/healthz", "/readyz", "/metrics", "/nothing", "/-/reload"):
        for more in ({}, headers, {"Host": "elsewhere"}, {"Authorization": "Bearer wrong"}):
            watch.see(path, daemon.page(path, headers=more)[1])
    watch.see("reload", daemon.page("/-/reload", "POST", {"Authorization": headers["Authorization"] + "x"})[1])


def command_line(daemon, watch):
    for item in daemon.queue("--all", "--limit", "1000"):
        watch.see("queue show", *daemon.run("queue", "show", str(item["id"]))[1:])
        if item["kind"] == "notification":
            watch.see("explain", *daemon.run("explain", str(item["id"]))[1:])
    for arguments in (["queue", "list", "--all"], ["queue", "list", "--format", "json"], ["check"], ["check", "--format", "json"],
                      ["try", "track:1"], ["try", "ask:1"], ["graph"], ["forget", "--chat", "none"]):
        watch.see(arguments, *daemon.run(*arguments)[1:])


@test
def test_secrets_are_never_shown():
    headers = {"Authorization": "Bearer " + VALUES["ADMIN_TOKEN"]}
    keys = ("--key", VALUES["SHOP_KEY"], "--shop-token", VALUES["LOOKUP_TOKEN"], "--hubspot-token", VALUES["HUBSPOT_TOKEN"],
            "--intercom-token", VALUES["INTERCOM_TOKEN"])
    for log in ("text", "json"):
        watch = Watch()
        with Sim(*keys) as sim, start(sim, log) as daemon:
            refusals(daemon)
            echoes(sim, daemon)
            pages(daemon, watch, headers)
            reloads(daemon, headers)
            pages(daemon, watch, headers)
            command_line(daemon, watch)
            with open(f"/proc/{daemon.process.pid}/cmdline", "rb") as file:
                watch.see("the command line", file.read())

            def see_files():
                paths = [p for p in glob.glob(daemon.path("*")) if os.path.isfile(p)]
                assert daemon.path("callbackd.db") in paths
                for path in paths:
                    with open(path, "rb") as file:
                        watch.see(path, file.read())
            see_files()  # the write-ahead log is among them
            assert os.path.getsize(daemon.path("callbackd.db-wal")) > 0
            assert daemon.terminate() == 0
            see_files()
            # The keys were asked for, and repeated: there was something to conceal.
            log_text = daemon.log_text()
            assert log_text.count("no key ****") > 3 and "SOURCE PAUSED" in log_text, log_text
            assert any(r["key"] == 0 for r in sim.requests(SEND))
            assert watch.looked_at > 200000, watch.looked_at


@test
def test_a_key_that_a_reload_replaced_is_no_less_secret():
    old, new = VALUES["SHOP_KEY"], VALUES["LOOKUP_TOKEN"]
    watch = Watch()
    with Sim("--key", old, "--key", new) as sim, Daemon(sim, RULES % sim.url, start=False, channel={"key": "file:key", "timeout": "1m"},
                                                        config={"secrets": {"LOOKUP_TOKEN": "env:SHOP_KEY"}}) as daemon:
        daemon.write("key", old)
        daemon.serve()
        sim.fault(path=SEND, hold=True, status=422, body=echo(old))
        daemon.tap("track:1")
        sim.wait_requests(1, SEND)
        daemon.write("key", new)
        daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: daemon.metric("callbackd_reloads_total") == 1, "the reload")
        assert "outcome=" not in daemon.log_text()
        sim.release()  # the answer comes after the reload
        daemon.wait_log("outcome=failed")
        watch.see("log", daemon.log_text())
        watch.see("queue", *daemon.run("queue", "list", "--all")[1:])
        assert "no key ****" in daemon.log_text()


@test
def test_missing_and_misplaced_secrets_tell_nothing_of_the_others():
    watch = Watch()
    with Sim() as sim, start(sim) as daemon:
        assert daemon.terminate() == 0
        complete, config = dict(daemon.env), json.dumps(daemon.config)
        for name in VALUES:
            daemon.env = {k: v for k, v in complete.items() if k != name}
            daemon.config = json.loads(config)
            daemon.write_config()
            code, out, err = daemon.run("serve")
            assert code == 3 and f"env:{name}" in err, (name, code, err)
            watch.see("serve without " + name, out, err)
            # the value instead of its reference
            daemon.env = complete
            daemon.config = json.loads(config.replace(f'"env:{name}"', json.dumps(VALUES[name])))
            daemon.write_config()
            for arguments in (["check"], ["check", "--format", "json"], ["serve"], ["queue", "list"], ["try", "track:1"]):
                code, out, err = daemon.run(*arguments)
                assert code == 3, (arguments, code, out, err)
                watch.see(arguments, out, err)
        assert watch.looked_at > 5000


@test
def test_no_core_dump():
    def as_large_as_they_get():
        end_with_parent()
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)  # a shell has its background jobs ignore it
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    with Sim() as sim, Daemon(sim, start=False) as daemon:
        daemon.start([CALLBACKD, "serve", "-c", daemon.path("callbackd.yaml")], stderr=daemon.log, env=daemon.env, cwd=daemon.folder,
                     preexec_fn=as_large_as_they_get)
        daemon.wait_log("callbackd serves")
        with open(f"/proc/{daemon.process.pid}/limits") as file:
            limit = next(line for line in file if line.startswith("Max core file size"))
        assert limit.split()[4:6] == ["0", "0"], limit
        if os.geteuid():  # whose memory may be looked into belongs to its user
            assert os.stat(f"/proc/{daemon.process.pid}/mem").st_uid == 0
        os.kill(daemon.process.pid, signal.SIGQUIT)
        pid, status = wait_for(lambda: (ended := os.waitpid(daemon.process.pid, os.WNOHANG))[0] and ended, "its end")
        assert pid == daemon.process.pid
        daemon.process = None
        assert os.WIFSIGNALED(status) and not os.WCOREDUMP(status), status
        assert not glob.glob(daemon.path("core*"))


if __name__ == "__main__":
    main()
