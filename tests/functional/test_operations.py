#!/usr/bin/env python3
"""What operators use: check, start, reload, stop, the admin pages, the queue, logs."""

import os
import re
import signal
import socket
import subprocess
import threading

from harness import *

SEND = "/api/v1/telegram/interactive"
RULES = """\
rules:
  - { name: track, tap: 'track:(?<id>.*)', entry: true, final: true, reply: { text: 'order ${id}' } }
  - { name: old, default: true, final: true, reply: { text: too old } }
"""


def stored_runs(daemon, state, count=1):
    """As runs, also of those that ended before the daemon started, or with it gone."""
    def look():
        found = [i for i in daemon.queue("--all", "--state", state, "--limit", "1000") if i["kind"] == "run"]
        return found if len(found) >= count else None
    return wait_for(look, f"{count} runs {state}")


def callbackd(*arguments, env=None):
    """Exit code and all that was printed."""
    done = subprocess.run([CALLBACKD, *arguments], env=env, capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout + done.stderr


def plain_env():
    return {k: v for k, v in os.environ.items() if k not in SECRETS}


# --- check -----------------------------------------------------------------------------------------------------------------

@test
def test_check_of_a_good_configuration():
    with Daemon(rules=RULES, start=False) as daemon:
        path = daemon.path("callbackd.yaml")
        assert callbackd("check", "-c", path, env=plain_env()) == (0, "2 rules, 0 buttons, 1 entry: no findings\n")
        assert callbackd("check", "-c", path, "--strict", env=plain_env())[0] == 0
        code, out = callbackd("check", "-c", path, "--format", "json", env=plain_env())
        assert code == 0 and json.loads(out) == [], out
        assert not os.path.exists(daemon.path("callbackd.db"))  # offline: nothing is opened


@test
def test_check_finds_each_mistake_at_its_place():
    rule = "rules:\n  - name: r\n    tap: 'a:(?<id>[0-9]+)'\n    default: true\n"
    mistakes = [
        (rule + "    repli: { text: a }\n", "5:5", "repli", "did you mean 'reply'?"),
        (rule + "    default: true\n    reply: { text: a }\n", "5:5", "default", ""),
        (rule + "    reply: { text: '${idd:-}' }\n", "5:21", "${idd}", "did you mean ${id}?"),
        (rule + "    reply: { text: '' }\n", "5:21", "is empty", ""),
        (rule + "    reply: thx\n", "5:12", "no reply is called 'thx'", "reply: { text: 'thx' }"),
        (rule + "    reply: { text: a, buttons: [ [ { text: b } ] ] }\n", "5:36", "url or callback_data", ""),
        (rule + "    reply: { text: a, buttons: [ [ { text: b, callback_data: '" + "x" * 65 + "' } ] ] }\n", "5:63", "65 bytes", ""),
        (rule + "    reply: { text: a, buttons: [ [ { text: b, url: 'ftp://example.com' } ] ] }\n", "5:53", "https://", ""),
        (rule + "    reply: { type: reply_butons, text: a }\n", "5:20", "reply_butons", "reply_buttons"),
        (rule + "    reply: { text: a, channel: shpo }\n", "5:32", "no channel is called 'shpo'", "shop"),
        (rule + "    dedup: soon\n    reply: { text: a }\n", "5:12", "a duration such as 15m", ""),
        (rule + "\treply: { text: a }\n", "5:1", "tab", ""),
        ("rules:\n  - { name: r, tap: 'a:(?<id>[0-9+', reply: { text: a } }\n", "2:", "missing", ""),
        (rule + "    reply: { text: a }\n  - { name: r, tap: b, reply: { text: b } }\n", "6:5", "two rules are called 'r'", ""),
        (rule + "    lookup: orders\n    reply: { text: a }\n", "5:13", "no lookup is called 'orders'", ""),
        ('rules:\n  - name: r\n    text: a\n    reply: { text: Your order #5 is here }\n', "4:", "#", ""),
    ]
    with Daemon(start=False) as daemon:
        for text, place, what, hint in mistakes:
            daemon.write("rules.yaml", text)
            code, out, err = daemon.run("check")
            line = next((l for l in out.splitlines() if ": error: " in l), "")
            assert code == 3 and line.startswith(daemon.path("rules.yaml") + ":" + place), (text, code, out, err)
            assert what in line and hint in out and "^" in out, (text, out)
            assert "1 error" in out.splitlines()[-1], (text, out)
            code, out, _ = daemon.run("check", "--format", "json")
            found = [f for f in json.loads(out) if f["level"] == "error"]
            assert code == 3 and len(found) == 1 and what in found[0]["text"], out
            assert f'{found[0]["line"]}:{found[0]["column"]}'.startswith(place) and found[0]["path"].endswith("rules.yaml"), out


OLD_RULES = """\
rules:
  - name: start
    tap: 'start'
    entry: true
    reply: { text: a, buttons: [ [ { text: Track, callback_data: 'track:1' }, { text: Menu, callback_data: menu } ] ] }
  - { name: track, tap: 'track:.*', final: true, reply: { text: a } }
  - { name: menu, tap: menu, final: true, reply: { text: a } }
  - { name: rest, default: true, final: true, reply: { text: a } }
"""


@test
def test_check_against_old_rules():
    new = OLD_RULES.replace("name: menu", "name: home").replace("'track:.*'", "'track:2'").replace("'track:1'", "'track:2'")
    with Daemon(start=False, rules=new) as daemon:
        os.mkdir(daemon.path("old"))
        daemon.write("old/1.yaml", OLD_RULES)
        daemon.write("old.json", json.dumps({**daemon.config, "rules": ["old/"]}))
        for old in ("old", "old/1.yaml", "old.json"):
            code, out, err = daemon.run("check", "--against", daemon.path(old))
            assert code == 0 and "the new rules do not take what the old button 'Track' sends" in out, (out, err)
            assert "'track:1' went to rule 'track', and no rule takes it now" in out, out
            assert "'menu' went to rule 'menu', now it goes to rule 'home'" in out, out
            assert "note: the store sqlite:callbackd.db was not looked at" in out, out
            assert "2 warnings, 1 note" in out.splitlines()[-1], out
        assert daemon.run("check", "--strict", "--against", daemon.path("old"))[0] == 1
        code, out, err = daemon.run("check", "--against", daemon.path("none"))
        assert code == 3 and "No such file" in err and "the old rules do not load" in out, (out, err)
        code, out, _ = daemon.run("check", "--against", daemon.path("rules.yaml"))
        assert code == 0 and "0 warnings" not in out and "warning" not in out, out


@test
def test_check_against_buttons_in_chats():
    with Sim() as sim, Daemon(sim, OLD_RULES) as daemon:
        for chat in ("700000001", "700000002"):
            daemon.tap("<p>start</p>", chat)
        sim.wait_sends(2)
        daemon.write("new.yaml", OLD_RULES.replace("tap: menu", "tap: menus").replace("callback_data: menu }", "callback_data: menus }"))
        daemon.write("new.json", json.dumps({**daemon.config, "rules": ["new.yaml"]}))

        def counted():
            _, out = callbackd("check", "-c", daemon.path("new.json"), "--against", daemon.path("rules.yaml"), env=plain_env())
            return "2 buttons in 2 chats would lead nowhere with the new rules" in out and "'menu' went to rule" in out
        wait_for(counted, "the count of buttons in chats")


@test
def test_check_of_the_configuration_itself():
    with Daemon(start=False) as daemon:
        good = daemon.config
        source = good["sources"][0]
        mistakes = [({**good, "lisen": "127.0.0.1:1"}, "lisen", "listen"), ({**good, "listen": "here"}, "127.0.0.1:8080", ""),
                    ({**good, "store": "postgresql://me:hidden@db/callbackd"}, "a password does not stand in the file", ""),
                    ({**good, "sources": [{**source, "channel": "shpo"}]}, "no channel is called 'shpo'", "shop"),
                    ({**good, "sources": [source, source]}, "two sources have the name", ""),
                    ({**good, "sources": [{**source, "secrets": ["intercom-client-secret"]}]}, "env:NAME", ""),
                    ({**good, "admin": "0.0.0.0:0"}, "has no token", ""),
                    ({k: v for k, v in good.items() if k != "channels"}, "channels", ""),
                    ({**good, "rules": ["nowhere/"]}, "nowhere", "")]
        for config, what, hint in mistakes:
            daemon.config = config
            daemon.write_config()
            code, out, err = daemon.run("check")
            assert code == 3 and what in out and hint in out, (what, code, out, err)
            if "nowhere" not in what:
                assert re.search(r"callbackd\.yaml:[0-9]+:[0-9]+: error: ", out), out
            assert "intercom-client-secret" not in out + err and "hidden" not in out + err, out  # it may be the secret itself
            assert daemon.run("serve")[0] == 3
        os.unlink(daemon.path("callbackd.yaml"))
        for command in (["check"], ["serve"], ["queue", "list"], ["explain", "1"]):
            code, out, err = daemon.run(*command)
            assert code == 3 and "callbackd.yaml" in out + err, (command, code, out, err)


@test
def test_configuration_is_read_once():
    """From a pipe, which gives it to one reader: one that came a second time would wait for ever."""
    with Sim() as sim, Daemon(sim, RULES, start=False) as daemon:
        with open(daemon.path("callbackd.yaml")) as file:
            text = file.read()
        os.unlink(daemon.path("callbackd.yaml"))
        os.mkfifo(daemon.path("callbackd.yaml"))

        def write():
            with open(daemon.path("callbackd.yaml"), "w") as pipe:
                pipe.write(text)
        threading.Thread(target=write, daemon=True).start()
        daemon.serve()
        daemon.tap("track:1")
        assert texts(sim, 1) == ["order 1"]


@test
def test_check_tells_several_mistakes_at_once_and_strict_counts_warnings():
    with Daemon(start=False) as daemon:
        daemon.write("rules.yaml", """\
rules:
  - { name: a, tap: 'a:(', reply: { text: a } }
  - { name: b, tap: 'b', reply: { text: '${x}' } }
  - { name: c, tap: 'c', replay: { text: c } }
""")
        daemon.config["lisen"] = "127.0.0.1:8080"
        daemon.write_config()
        code, out, _ = daemon.run("check")
        assert code == 3 and out.count(": error: ") >= 1, out
        del daemon.config["lisen"]
        daemon.write_config()
        code, out, _ = daemon.run("check")
        for place in ("rules.yaml:2:", "rules.yaml:3:", "rules.yaml:4:"):
            assert f"{place}" in out, (place, out)
        assert code == 3 and "3 errors" in out.splitlines()[-1], out
        daemon.write("rules.yaml", "rules:\n  - { name: a, tap: a, entry: true, final: true, reply: { text: a } }\n")
        code, out, _ = daemon.run("check")
        assert code == 0 and "warning" in out and "1 warning" in out.splitlines()[-1], out
        assert daemon.run("check", "--strict")[0] == 1
        code, out, _ = daemon.run("check", "--strict", "--format", "json")
        assert code == 1 and [f["level"] for f in json.loads(out)] == ["warning"], out


# --- start -----------------------------------------------------------------------------------------------------------------

@test
def test_missing_secrets_refuse_the_start():
    with Daemon(start=False, channel={"key": "file:shop.key"}) as daemon:
        del daemon.env["INTERCOM_SECRET"]
        daemon.env["HUBSPOT_TOKEN"] = ""
        code, out, err = daemon.run("serve")
        assert code == 3 and out == "", (code, out, err)
        for reference in ("env:INTERCOM_SECRET", "env:HUBSPOT_TOKEN: it is empty", "file:shop.key"):
            assert reference in err, (reference, err)
        for value in SECRETS.values():
            assert value not in err, err
        daemon.config["channels"]["shop"]["key"] = "credential:shop"
        daemon.write_config()
        code, _, err = daemon.run("serve")
        assert code == 3 and "CREDENTIALS_DIRECTORY" in err, (code, err)
        daemon.write("shop", "sim-key\n")
        daemon.env = {**daemon.env, **SECRETS, "CREDENTIALS_DIRECTORY": daemon.folder}
        daemon.serve()
        assert daemon.terminate() == 0


@test
def test_bound_file_has_the_addresses():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        with open(daemon.path("bound")) as file:
            content = file.read()
        assert content == "intake %s:%d\nadmin %s:%d\n" % (*daemon.intake, *daemon.admin), content
        assert daemon.intake[1] > 0 and daemon.admin[1] > 0 and daemon.intake != daemon.admin
        daemon.wait_log(f"intake={daemon.intake[0]}:{daemon.intake[1]}")
        assert request(daemon.intake, "HEAD", "/webhooks/intercom")[0] == 200
        daemon.config["listen"] = "%s:%d" % daemon.intake
        daemon.config["store"] = "sqlite:other.db"
        daemon.write_config()
        code, _, err = daemon.run("serve")
        assert code == 4 and "listen" in err, (code, err)  # the address is taken


@test
def test_wrong_usage():
    with Daemon(start=False) as daemon:
        path = daemon.path("callbackd.yaml")
        for arguments in ([], ["frobnicate"], ["serve", "-c", path, "more"], ["serve", "--frob"], ["serve", "-c"],
                          ["check", "-c", path, "--format", "xml"], ["check", "--strict=yes"], ["queue", "-c", path],
                          ["queue", "-c", path, "frobnicate"], ["queue", "-c", path, "list", "--limit", "none"],
                          ["queue", "-c", path, "list", "--limit", "0"], ["queue", "-c", path, "list", "--format", "xml"],
                          ["explain", "-c", path], ["explain", "-c", path, "x"]):
            code, out = callbackd(*arguments, env=daemon.env)
            assert code == 2 and ("usage: " in out or "usage:\n" in out), (arguments, code, out)
        assert callbackd("--version")[0] == 0 and callbackd("--help")[0] == 0
        for arguments in (["queue", "list"], ["explain", "1"]):
            code, _, err = daemon.run(*arguments)
            assert code == 4 and "there is no such store" in err, (arguments, code, err)


# --- reload ----------------------------------------------------------------------------------------------------------------

def reloads(daemon):
    return daemon.metric("callbackd_reloads_total"), daemon.metric("callbackd_reload_failures_total")


def wait_reloads(daemon, count):
    wait_for(lambda: sum(reloads(daemon)) == count, f"{count} reloads")


def wait_ready_says(daemon, words):
    wait_for(lambda: words in daemon.page("/readyz")[1], f"'{words}' on /readyz")


@test
def test_refused_reload_keeps_the_old_generation():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        daemon.write("rules.yaml", RULES + "  - { name: broken, tap: '(', reply: { text: a } }\n")
        daemon.send_signal(signal.SIGHUP)
        wait_reloads(daemon, 1)
        assert reloads(daemon) == (0, 1)
        daemon.wait_log("reload refused")
        line = next(l for l in daemon.log_text().splitlines() if "reload refused" in l)
        assert "level=error" in line and "rules.yaml:4:" in line and "parenthesis" in line, line
        wait_ready_says(daemon, "parenthesis")
        status, page = daemon.page("/readyz")
        assert status == 200 and page.startswith("reload: "), page
        daemon.tap("track:1")
        assert texts(sim, 1) == ["order 1"]
        assert daemon.metric("callbackd_rules_loaded") == 2
        daemon.write("rules.yaml", RULES.replace("order", "parcel"))
        daemon.send_signal(signal.SIGHUP)
        wait_reloads(daemon, 2)
        assert reloads(daemon) == (1, 1)
        wait_for(lambda: daemon.page("/readyz") == (200, "ready\n"), "being ready")
        daemon.tap("track:2")
        assert texts(sim, 2) == ["order 1", "parcel 2"]


@test
def test_reload_refuses_what_is_bound_by_name():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        good = dict(daemon.config)
        changes = {"listen": "127.0.0.1:1", "admin": {"listen": "127.0.0.1:1", "token": "env:ADMIN_TOKEN"},
                   "store": "sqlite:other.db"}
        for number, (key, value) in enumerate(changes.items(), 1):
            daemon.config = {**good, key: value}
            daemon.write_config()
            daemon.send_signal(signal.SIGHUP)
            wait_reloads(daemon, number)
            assert reloads(daemon) == (0, number)
            wait_ready_says(daemon, f"'{key}' cannot change")
            daemon.wait_log(f"'{key}' cannot change")
        daemon.config = {**good, **changes}
        daemon.write_config()
        daemon.send_signal(signal.SIGHUP)
        wait_reloads(daemon, 4)
        wait_ready_says(daemon, "errors: 3")
        del daemon.env["SHOP_KEY"]  # the process keeps its own
        daemon.config = {**good, "channels": {"shop": {**good["channels"]["shop"], "key": "env:NOT_THERE"}}}
        daemon.write_config()
        daemon.send_signal(signal.SIGHUP)
        wait_reloads(daemon, 5)
        wait_ready_says(daemon, "env:NOT_THERE")
        daemon.tap("track:1")
        assert texts(sim, 1) == ["order 1"]


@test
def test_reload_takes_sources_keys_and_limits():
    with Sim("--key", "first-key", "--key", "second-key") as sim, \
            Daemon(sim, RULES, channel={"key": "file:shop.key"}, start=False) as daemon:
        daemon.write("shop.key", "first-key")
        daemon.serve()
        daemon.tap("track:1")
        assert sim.wait_sends(1)[0]["key"] == 0
        daemon.write("shop.key", "second-key")
        daemon.config["limits"] = {"body": "2KiB"}
        daemon.config["sources"][0]["path"] = "/webhooks/moved"
        daemon.write_config()
        daemon.send_signal(signal.SIGHUP)
        wait_reloads(daemon, 1)
        assert request(daemon.intake, "HEAD", "/webhooks/intercom")[0] == 404
        body = json.dumps(intercom_replied("track:2")).encode()
        headers = {"X-Hub-Signature": intercom_signature(body, SECRETS["INTERCOM_SECRET"])}
        assert daemon.post("/webhooks/moved", body, headers) == 200
        assert sim.wait_sends(2)[1]["key"] == 1
        assert daemon.post("/webhooks/moved", b"x" * 4096, headers) == 413


@test
def test_reload_takes_the_number_of_sends():
    with Sim() as sim, Daemon(sim, RULES, config={"limits": {"sends": 1, "queue_items": 100}}, channel={"timeout": "60s"}) as daemon:
        sim.fault(times=4, accept_then="hang")
        daemon.tap("track:1", user="1")
        sim.wait_requests(1, SEND)
        daemon.config["limits"] = {"sends": 4, "queue_items": 200}
        daemon.write_config()
        daemon.send_signal(signal.SIGHUP)
        wait_reloads(daemon, 1)
        assert reloads(daemon) == (1, 0)
        for user in ("2", "3", "4"):
            daemon.tap("track:" + user, user=user)
        sim.wait_requests(4, SEND)  # all of them under way at once


@test
def test_a_slow_reload_holds_up_nobody():
    """A secret that is read from a pipe takes as long as whoever writes it."""
    token = {"Authorization": "Bearer admin-token"}
    with Sim() as sim, Daemon(sim, RULES, start=False) as daemon:
        pipe = daemon.path("secret")
        daemon.write("secret", "intercom-secret\n")
        daemon.config["sources"][0]["secrets"] = ["env:INTERCOM_SECRET", "file:secret"]
        daemon.write_config()
        daemon.serve()
        os.unlink(pipe)
        os.mkfifo(pipe)
        daemon.write("rules.yaml", RULES.replace("order", "parcel"))
        assert daemon.page("/-/reload", "POST", token)[0] == 202
        writer = os.open(pipe, os.O_WRONLY)  # opens when the other side does: it loads
        daemon.tap("track:1")
        assert texts(sim, 1) == ["order 1"] and reloads(daemon) == (0, 0)
        # What changes meanwhile is loaded, too: once, however often it is asked for.
        for _ in range(3):
            assert daemon.page("/-/reload", "POST", token)[0] == 202
        daemon.write("rules.yaml", RULES.replace("order", "package") + "  - { name: idle, tap: '/idle/', reply: { text: a } }\n")
        for number in (1, 2):
            os.write(writer, b"another-secret\n")
            os.close(writer)
            wait_reloads(daemon, number)
            if number == 1:
                writer = os.open(pipe, os.O_WRONLY)
        daemon.tap("track:2")
        assert texts(sim, 2) == ["order 1", "package 2"] and reloads(daemon) == (2, 0)
        daemon.wait_log("msg=rules")  # it warns as a start does
        assert "the slashes at both ends are part of this pattern" in daemon.log_text()
        assert daemon.terminate() == 0


@test
def test_runs_of_a_channel_that_is_gone_are_held():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(status=401, times=-1)
        for number in (1, 2):
            daemon.tap(f"track:{number}", user="1")
        daemon.tap("track:3", user="3")
        daemon.wait_log("CHANNEL PAUSED")
        runs(daemon, "ready", 3)
        sim.control("DELETE", "faults")
        shop = daemon.config["channels"].pop("shop")
        daemon.config["channels"]["other"] = shop
        for source in daemon.config["sources"]:
            source["channel"] = "other"
        daemon.write_config()
        daemon.send_signal(signal.SIGHUP)
        held = runs(daemon, "held", 3)
        assert {i["reason"] for i in held} == {"its channel is not in the configuration any more: put it back, then 'queue retry'"}, held
        daemon.wait_log("runs=3")
        daemon.tap("track:4", user="1")
        assert texts(sim, 1) == ["order 4"]
        # One that is retried too early is held again; so is it after a start.
        assert daemon.run("queue", "retry", str(held[0]["id"]))[0] == 0
        wait_for(lambda: daemon.log_text().count("runs are held") == 2, "the second time")
        runs(daemon, "held", 3)
        assert daemon.terminate() == 0
        assert daemon.run("queue", "retry", str(held[0]["id"]))[0] == 0
        daemon.serve()
        runs(daemon, "held", 3)
        # The channel comes back.
        daemon.config["channels"]["shop"] = shop
        daemon.write_config()
        daemon.send_signal(signal.SIGHUP)
        wait_reloads(daemon, 1)
        for item in held:
            assert daemon.run("queue", "retry", str(item["id"]))[0] == 0
        assert sorted(texts(sim, 4)) == ["order 1", "order 2", "order 3", "order 4"]


# --- admin -----------------------------------------------------------------------------------------------------------------

@test
def test_reload_by_post_needs_the_token():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}, {"Authorization": "admin-token"},
                        {"Authorization": "Bearer admin-tokenx"}):
            status, page = daemon.page("/-/reload", "POST", headers)
            assert status == 403 and "admin-token" not in page, (headers, status, page)
        assert daemon.page("/-/reload", "GET", {"Authorization": "Bearer admin-token"})[0] == 405
        daemon.write("rules.yaml", RULES.replace("order", "parcel"))
        assert daemon.page("/-/reload", "POST", {"Authorization": "Bearer admin-token"})[0] == 202
        wait_reloads(daemon, 1)
        daemon.tap("track:1")
        assert texts(sim, 1) == ["parcel 1"]
        assert reloads(daemon) == (1, 0)


@test
def test_pages_and_hosts():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        assert daemon.page("/healthz") == (200, "ok\n")
        wait_for(lambda: daemon.page("/readyz") == (200, "ready\n"), "being ready")
        assert daemon.page("/nothing")[0] == 404 and daemon.page("/healthz", "POST")[0] == 405
        for host in ("evil.example.com", "evil.example.com:9090", "127.0.0.1.evil.example.com", ""):
            for path in ("/metrics", "/healthz", "/-/reload"):
                status, page = daemon.page(path, headers={"Host": host})
                assert status in (400, 403) and "callbackd_" not in page, (host, path, status, page)
        for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:%d" % daemon.admin[1], "[::1]:80"):
            assert daemon.page("/metrics", headers={"Host": host})[0] == 200, host
        trusted = {"Host": "callbackd.example.com", "Authorization": "Bearer admin-token"}
        assert daemon.page("/metrics", headers=trusted)[0] == 200
        assert request(daemon.intake, "GET", "/metrics")[0] == 404  # not where helpdesks come in


@test
def test_admin_on_a_unix_socket_needs_no_token():
    with Sim() as sim, Daemon(sim, RULES, config={"admin": "unix:admin.sock"}, start=False) as daemon:
        with open(daemon.log_path, "ab") as log:
            daemon.start([CALLBACKD, "serve", "-c", daemon.path("callbackd.yaml")], stderr=log, env=daemon.env, cwd=daemon.folder)
        daemon.wait_log("store opened")

        def ask(text):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(PATIENCE)
                client.connect(daemon.path("admin.sock"))
                client.sendall(text.encode())
                return client.makefile("rb").read().decode()
        wait_for(lambda: " 200 " in ask("GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").splitlines()[0])
        answer = ask("POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        assert " 202 " in answer.splitlines()[0], answer
        daemon.wait_log("msg=reloaded")
        assert daemon.terminate() == 0


NAMES = {"callbackd_notifications_total": ("counter", {"source", "result"}), "callbackd_entries_total": ("counter", {"source", "kind"}),
         "callbackd_rule_matches_total": ("counter", {"rule"}), "callbackd_unmatched_total": ("counter", {"source"}),
         "callbackd_sends_total": ("counter", {"channel", "outcome"}), "callbackd_runs": ("gauge", {"state"}),
         "callbackd_accept_seconds": ("histogram", set()), "callbackd_reply_seconds": ("histogram", set()),
         "callbackd_store_commit_seconds": ("histogram", set()), "callbackd_rules_loaded": ("gauge", set()),
         "callbackd_reload_failures_total": ("counter", set()), "callbackd_build_info": ("gauge", {"version"}),
         "callbackd_match_limits_total": ("counter", set()), "callbackd_paused": ("gauge", {"channel"})}


@test
def test_metrics_are_complete_and_well_formed():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        daemon.tap("track:1")
        daemon.tap("no such thing")
        daemon.wait_metric('callbackd_unmatched_total{source="intercom"}', 1)
        assert daemon.post_intercom(intercom_replied("track:1"), secret="wrong") == 401
        sim.wait_sends(1)
        wait_for(lambda: daemon.metric('callbackd_runs{state="done"}') == 1)
        kinds, series = {}, {}
        for line in daemon.page("/metrics")[1].splitlines():
            if line.startswith("# TYPE "):
                kinds[line.split()[2]] = line.split()[3]
            elif not line.startswith("# HELP "):
                match = re.fullmatch(r'([a-z_]+)(?:\{(.*)\})? ([0-9.e+-]+)', line)
                assert match, line
                labels = dict(re.findall(r'([a-z]+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
                series[line.rsplit(" ", 1)[0]] = float(match[3])
                name = re.sub("_(bucket|sum|count)$", "", match[1]) if match[1] not in kinds else match[1]
                assert name in kinds, line
                if name in NAMES:
                    assert set(labels) - {"le"} == NAMES[name][1], line
        for name, (kind, _) in NAMES.items():
            assert kinds.get(name) == kind, name
        expected = {'callbackd_notifications_total{source="intercom",result="stored"}': 2,
                    'callbackd_notifications_total{source="intercom",result="unauthorized"}': 1,
                    'callbackd_entries_total{source="intercom",kind="either"}': 2,
                    'callbackd_rule_matches_total{rule="track"}': 1, 'callbackd_unmatched_total{source="intercom"}': 1,
                    'callbackd_sends_total{channel="shop",outcome="ok"}': 1, 'callbackd_runs{state="done"}': 1,
                    'callbackd_runs{state="ready"}': 0, "callbackd_rules_loaded": 2, "callbackd_reload_failures_total": 0,
                    'callbackd_accept_seconds_bucket{le="+Inf"}': 2, "callbackd_accept_seconds_count": 2,
                    "callbackd_reply_seconds_count": 1, 'callbackd_paused{channel="shop"}': 0}
        for name, value in expected.items():
            assert series.get(name) == value, (name, series.get(name), value)
        assert series["callbackd_store_commit_seconds_count"] >= 2, series
        assert series["callbackd_reply_seconds_sum"] >= 0, series
        version = callbackd("--version")[1].split()[1]
        assert series[f'callbackd_build_info{{version="{version}"}}'] == 1


# --- stop ------------------------------------------------------------------------------------------------------------------

@test
def test_stop_lets_a_slow_send_finish():
    with Sim() as sim, Daemon(sim, RULES, config={"drain": "1m"}) as daemon:
        sim.fault(hold=True)
        daemon.tap("track:1")
        sim.wait_requests(1, SEND)
        daemon.tap("track:2")  # waits behind it
        runs(daemon, "ready", 2)
        daemon.send_signal(signal.SIGTERM)
        daemon.wait_log("msg=stopping")
        assert daemon.process.poll() is None
        sim.release()
        assert daemon.process.wait(PATIENCE) == 0
        first, second = [daemon.run("queue", "show", str(i["id"]))[1] for i in sorted(daemon.queue("--all"), key=lambda i: i["id"])
                         if i["kind"] == "run"]
        assert "ok, attempts: 1" in first and "send 0.0" not in second, (first, second)
        assert len(sim.requests(SEND)) == 1 and "stopped" in daemon.log_text()
        daemon.serve()
        assert texts(sim, 2) == ["order 1", "order 2"]
        assert daemon.terminate(signal.SIGINT) == 0


@test
def test_stop_aborts_a_hanging_send_when_the_time_is_over():
    with Sim() as sim, Daemon(sim, RULES, config={"drain": "300ms"}) as daemon:
        sim.fault(hang=True)
        daemon.tap("track:1")
        sim.wait_requests(1, SEND)
        assert daemon.terminate() == 0
        assert "the time to finish is over" in daemon.log_text()
        daemon.serve()
        assert len(stored_runs(daemon, "unknown")) == 1
        daemon.tap("track:2")
        assert [text_of(s) for s in sim.wait_sends(1)] == ["order 2"] and len(sim.requests(SEND)) == 2


@test
def test_second_signal_stops_at_once():
    with Sim() as sim, Daemon(sim, RULES, config={"drain": "10m"}, channel={"timeout": "1m"}) as daemon:
        sim.fault(hang=True)
        daemon.tap("track:1")
        sim.wait_requests(1, SEND)
        daemon.send_signal(signal.SIGTERM)
        daemon.wait_log("msg=stopping")
        assert daemon.process.poll() is None
        assert daemon.terminate() == 0  # long before the 10 minutes, and the request's minute
        waiting = stored_runs(daemon, "unknown")[0]
        assert "unknown, attempts: 1" in daemon.run("queue", "show", str(waiting["id"]))[1]


@test
def test_no_webhook_is_taken_while_stopping():
    with Sim() as sim, Daemon(sim, RULES, config={"drain": "1m"}) as daemon:
        sim.fault(hold=True)
        daemon.tap("track:1")
        sim.wait_requests(1, SEND)
        daemon.send_signal(signal.SIGTERM)
        daemon.wait_log("msg=stopping")
        try:
            status = daemon.post_intercom(intercom_replied("track:2"))
        except OSError:
            status = 0
        assert status in (0, 503), status
        sim.release()
        assert daemon.process.wait(PATIENCE) == 0
        assert [i.get("rule") for i in daemon.queue("--all") if i["kind"] == "run"] == ["track"]


# --- systemd ---------------------------------------------------------------------------------------------------------------

@test
def test_notify_socket():
    with Sim() as sim, Daemon(sim, RULES, start=False) as daemon:
        for address, name in ((daemon.path("notify"), daemon.path("notify")), ("\0callbackd-test-%d" % os.getpid(), None)):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.settimeout(PATIENCE)
                manager.bind(address)
                daemon.env["NOTIFY_SOCKET"] = name or "@" + address[1:]
                daemon.serve()
                assert manager.recv(1000) == b"READY=1"
                for rules in (RULES, "rules: 5"):  # a refused reload ends as well
                    daemon.write("rules.yaml", rules)
                    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
                    daemon.send_signal(signal.SIGHUP)
                    told = manager.recv(1000).decode().splitlines()
                    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
                    assert told[0] == "RELOADING=1" and told[1].startswith("MONOTONIC_USEC=") and len(told) == 2, told
                    assert before <= int(told[1].split("=")[1]) <= after, (before, told, after)
                    assert manager.recv(1000) == b"READY=1"
                daemon.write("rules.yaml", RULES)
                daemon.send_signal(signal.SIGTERM)
                assert manager.recv(1000) == b"STOPPING=1"
                assert daemon.process.wait(PATIENCE) == 0


# --- queue and explain -----------------------------------------------------------------------------------------------------

def waiting_run(sim, daemon):
    """A run that Octopods' trouble keeps waiting."""
    sim.fault(status=503, times=-1)
    daemon.tap("track:1")
    sim.wait_requests(1, SEND)
    return wait_for(lambda: [i for i in daemon.queue() if i["kind"] == "run"], "the run")[0]


def change(daemon, *arguments, env=None):
    """Until no request of the run is under way."""
    def once():
        done = callbackd("queue", "-c", daemon.path("callbackd.yaml"), *map(str, arguments), env=plain_env())
        return None if "under way" in done[1] else done
    return wait_for(once, f"queue {arguments}")


@test
def test_queue_without_a_daemon():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        run = waiting_run(sim, daemon)
        assert daemon.terminate() == 0
        assert (run["state"], run["channel"], run["chat"], run["rule"]) == ("ready", "shop", "700000001", "track"), run
        code, out = change(daemon, "list")
        assert code == 0 and str(run["id"]) in out and "track" in out and "700000001" in out, out
        code, out = change(daemon, "show", run["id"])
        assert code == 0 and "HTTP 503" in out and '"text":"order 1"' in out and "sim-key" not in out, out
        assert change(daemon, "hold", "--reason", "look first", run["id"])[0] == 0
        held = daemon.queue("--state", "held")
        assert [(i["id"], i["reason"]) for i in held] == [(run["id"], "look first")], held
        code, out = change(daemon, "release", run["id"], "x")
        assert code == 2 and "'x' is no id" in out and daemon.queue("--state", "held") == held, (code, out)
        assert change(daemon, "release", run["id"])[0] == 0
        code, out = change(daemon, "release", run["id"])
        assert code == 1 and "not held" in out, (code, out)
        assert change(daemon, "drop", run["id"])[0] == 0
        code, out = change(daemon, "drop", run["id"])
        assert code == 1 and "ended already" in out, (code, out)
        dropped = daemon.queue("--all", "--state", "dropped")
        assert [i["id"] for i in dropped] == [run["id"]] and "by hand" in dropped[0]["reason"], dropped
        sim.control("DELETE", "faults")
        daemon.serve()
        daemon.tap("track:2")
        assert texts(sim, 1) == ["order 2"]
        assert daemon.terminate() == 0
        assert change(daemon, "retry", run["id"])[0] == 0
        daemon.serve()
        assert texts(sim, 2) == ["order 2", "order 1"]


@test
def test_queue_beside_the_daemon():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        run = waiting_run(sim, daemon)
        assert change(daemon, "hold", run["id"])[0] == 0
        sim.control("DELETE", "faults")
        daemon.tap("track:2")
        assert texts(sim, 1) == ["order 2"]  # the held one steps out of line
        wait_for(lambda: daemon.metric('callbackd_runs{state="held"}') == 1)
        assert change(daemon, "release", run["id"])[0] == 0
        assert texts(sim, 2) == ["order 2", "order 1"]
        runs(daemon, "done", 2)
        code, out = change(daemon, "retry", run["id"])
        assert code == 1 and "is done" in out, (code, out)
        sim.fault(status=503, times=-1)
        daemon.tap("track:3")
        sim.wait_requests(4, SEND)
        third = runs(daemon, "ready")[0]
        assert change(daemon, "drop", third["id"])[0] == 0
        sim.control("DELETE", "faults")
        daemon.tap("track:4")
        assert texts(sim, 3)[2] == "order 4"
        assert [i["id"] for i in runs(daemon, "dropped")] == [third["id"]]


@test
def test_queue_lists_by_filters_and_pages():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        for number in range(6):
            daemon.tap(f"track:{number}", user=str(number % 2 + 1))
        daemon.tap("gone:1", user="9")
        assert len(runs(daemon, "done", 7)) == 7
        assert len([i for i in daemon.queue("--all", "--chat", "2") if i["kind"] == "run"]) == 3
        assert [i["chat"] for i in daemon.queue("--all", "--rule", "old")] == ["9"]
        assert daemon.queue("--all", "--channel", "other") == [] and daemon.queue() == []
        seen, after = [], "0"
        while True:
            page = daemon.queue("--all", "--limit", "4", "--after", after)
            seen += [i["id"] for i in page]
            if len(page) < 4:
                break
            after = str(page[-1]["id"])
        assert len(seen) == len(set(seen)) == len(daemon.queue("--all", "--limit", "1000")), seen
        code, out, _ = daemon.run("queue", "list")
        assert code == 0 and "nothing waits" in out, out


@test
def test_queue_retry_of_an_unknown_needs_a_word():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(close="before")
        daemon.tap("track:1")
        run = runs(daemon, "unknown")[0]
        code, out = change(daemon, "retry", run["id"])
        assert code == 1 and "--may-duplicate" in out, (code, out)
        daemon.tap("track:2")
        assert texts(sim, 1) == ["order 2"] and len(runs(daemon, "unknown")) == 1
        assert change(daemon, "retry", "--may-duplicate", run["id"])[0] == 0
        assert texts(sim, 2) == ["order 2", "order 1"]


@test
def test_queue_of_ids_that_are_not_there():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        daemon.tap("track:1")
        sim.wait_sends(1)
        for arguments in (["show", "5"], ["retry", "5"], ["drop", "5"], ["hold", "5"], ["release", "5"], ["release", "--channel", "x"]):
            code, out = change(daemon, *arguments)
            assert code == 1 and out.startswith("callbackd: "), (arguments, code, out)
        for arguments in (["show"], ["show", "x"], ["drop"], ["retry", "-5"], ["hold", "0"]):
            assert change(daemon, *arguments)[0] == 2, arguments


@test
def test_entry_without_an_address_waits_for_a_person():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        daemon.tap("track:1", user="dana@example.com")
        entry = wait_for(lambda: [i for i in daemon.queue() if i["kind"] == "entry"], "the entry")[0]
        assert (entry["kind"], entry["state"]) == ("entry", "unaddressed") and "user id" in entry["reason"], entry
        assert change(daemon, "drop", entry["id"])[0] == 0
        assert daemon.queue() == [] and sim.requests(SEND) == []


@test
def test_explain():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        daemon.tap("<p>track:<b>77</b></p>", conversation="4711", part="4712")
        daemon.tap("where is it?", user="700000002")
        ids = {i["id"] for i in daemon.settled() if i["kind"] == "notification"}
        assert len(ids) == 2
        first, second = [callbackd("explain", "-c", daemon.path("callbackd.yaml"), str(i), env=plain_env()) for i in sorted(ids)]
        assert first[0] == 0 and second[0] == 0, (first, second)
        for words in ("4711", "4712", "track:77", "700000001", "its tap pattern takes it", '"id": "77"'):
            assert words in first[1], (words, first[1])
        assert "no rule takes it" in second[1] and "where is it?" in second[1], second[1]
        code, out = callbackd("explain", "-c", daemon.path("callbackd.yaml"), "5", env=plain_env())
        assert code == 1 and "no notification 5" in out, (code, out)


# --- logs ------------------------------------------------------------------------------------------------------------------

@test
def test_json_log_is_json():
    warned = RULES + "  - { name: slashes, tap: '/slashes/', reply: { text: a } }\n"
    with Sim() as sim, Daemon(sim, warned, config={"log": "json", "log_level": "debug"}) as daemon:
        sim.fault(status=422, body='no "quotes"\\ or \n lines \t \u00e9 \u2028 \U0001f600')
        daemon.tap('track:"\\ <b>\u00e9</b> \u0001')
        daemon.post_intercom(intercom_replied("track:1"), secret="wrong")
        runs(daemon, "failed")
        daemon.write("rules.yaml", "rules:\n  - { name: '\"', tap: '(' }\n")
        daemon.send_signal(signal.SIGHUP)
        wait_reloads(daemon, 1)
        assert daemon.terminate() == 0
        lines = [json.loads(line) for line in daemon.log_text().split("\n") if line]
        assert {"callbackd serves", "notification", "entry", "send", "run", "refused", "reload refused", "stopping", "stopped"} \
            <= {line["msg"] for line in lines}
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) for line in lines)
        assert all(line["level"] in ("debug", "info", "warn", "error") for line in lines)
        warning = next(line for line in lines if line["msg"] == "rules")
        assert warning["level"] == "warn" and "rules.yaml:4:" in warning["at"] and "slashes" in warning["text"], warning
        send = next(line for line in lines if line["msg"] == "send")
        assert send["outcome"] == "failed" and send["status"] == 422 and '"quotes"' in send["reason"], send


if __name__ == "__main__":
    main()
