#!/usr/bin/env python3
"""What is kept of customers: `callbackd forget`, and how long the rest stays."""

import glob
import signal
import sqlite3

from harness import *

SEND = "/api/v1/telegram/interactive"
RULES = """\
rules:
  - name: track
    tap: 'track:(?<id>.*)'
    final: true
    set: { last: '${id}' }
    reply: { text: 'order ${id}', buttons: [ [ { text: Again, callback_data: 'track:${id}' } ] ] }
"""


def database(daemon):
    return sqlite3.connect(daemon.path("callbackd.db"), timeout=PATIENCE)


def forget(daemon, *arguments):
    """Exit code; what was removed, as a dictionary; everything else that was printed."""
    code, out, err = daemon.run("forget", *arguments)
    counts = dict(line.split() for line in out.splitlines() if len(line.split()) == 2)
    rest = [line for line in out.splitlines() if len(line.split()) != 2]
    return code, {name: int(count) for name, count in counts.items()}, "\n".join(rest) + err


def stored(daemon):
    """The bytes of all files that the store has."""
    content = b""
    for path in glob.glob(daemon.path("callbackd.db*")):
        with open(path, "rb") as file:
            content += file.read()
    return content


def two_customers(sim, daemon):
    for user in ("700000001", "700000002"):
        daemon.tap(f"<p>track:order-of-{user}</p>", user)
        daemon.tap(f"<p>words-of-{user} that no rule takes</p>", user)
    sim.wait_sends(2)
    runs(daemon, "done", 2)
    daemon.settled()


EVERYTHING = {"notifications": 2, "bodies": 0, "entries": 2, "runs": 1, "sends": 1, "buttons": 1, "taps": 1, "variables": 1, "chats": 1}


@test
def test_forget_without_a_daemon():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        two_customers(sim, daemon)
        assert daemon.terminate() == 0
        content = stored(daemon)
        assert b"order-of-700000001" in content and b"words-of-700000001" in content
        assert forget(daemon, "--chat", "700000001") == (0, EVERYTHING, "")
        content = stored(daemon)
        assert b"700000001" not in content, content[content.index(b"700000001") - 200:][:400]
        assert b"order-of-700000002" in content and b"words-of-700000002" in content
        assert {i.get("chat") for i in daemon.queue("--all") if i["kind"] == "run"} == {"700000002"}
        assert forget(daemon, "--chat=700000001")[0] == 1


@test
def test_forget_beside_the_daemon():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        two_customers(sim, daemon)
        code, counts, more = forget(daemon, "--chat", "700000001")
        assert (code, counts) == (0, EVERYTHING), (code, counts, more)
        if "log is in use" not in more:  # a moment at which the daemon was at it
            assert more == "" and b"700000001" not in stored(daemon), more
        wait_for(lambda: daemon.metric('callbackd_runs{state="done"}') == 1, "the daemon noticing it")
        daemon.tap("track:new", "700000001")  # a customer like any other
        assert texts(sim, 3)[2] == "order new"
        daemon.tap("track:new", "700000002")
        sim.wait_sends(4)
        assert daemon.terminate() == 0


@test
def test_forget_in_one_channel():
    with Sim() as sim, Daemon(sim, RULES, start=False) as daemon:
        daemon.config["channels"]["other"] = daemon.config["channels"]["shop"]
        daemon.config["sources"].append({**daemon.config["sources"][0], "name": "second", "path": "/second", "channel": "other"})
        daemon.write_config()
        daemon.serve()
        daemon.tap("track:1", "700000001")
        body = json.dumps(intercom_replied("track:2", "700000001")).encode()
        signature = {"X-Hub-Signature": intercom_signature(body, SECRETS["INTERCOM_SECRET"])}
        wait_for(lambda: daemon.post("/second", body, signature) == 200, "the acknowledgement")
        runs(daemon, "done", 2)
        code, counts, more = forget(daemon, "--chat", "700000001", "--channel", "none")
        assert (code, counts) == (1, {}) and "no chat '700000001' of channel 'none'" in more, more
        code, counts, _ = forget(daemon, "--chat", "700000001", "--channel", "shop")
        assert code == 0 and counts["chats"] == counts["runs"] == 1, counts
        assert [i["channel"] for i in daemon.queue("--all") if i["kind"] == "run"] == ["other"]
        code, counts, _ = forget(daemon, "--chat", "700000001")
        assert code == 0 and counts["chats"] == counts["runs"] == counts["notifications"] == 1, counts


@test
def test_forget_keeps_what_others_said_in_the_same_request():
    desk = {"name": "desk", "kind": "generic", "path": "/desk", "secrets": ["env:DESK_SECRET"], "channel": "shop",
            "static_token": {"header": "X-Token"}, "entries": "/messages", "user_id": ["/user"], "conversation": "/talk"}
    with Sim() as sim, Daemon(sim, RULES, start=False) as daemon:
        daemon.config["sources"].append(desk)
        daemon.write_config()
        daemon.serve()
        body = json.dumps({"messages": [{"id": str(n), "user": str(n), "talk": str(n), "text": f"track:{n}"} for n in (1, 2)]})
        wait_for(lambda: daemon.post("/desk", body, {"X-Token": SECRETS["DESK_SECRET"]}) == 200, "the acknowledgement")
        runs(daemon, "done", 2)
        code, counts, _ = forget(daemon, "--chat", "1")
        assert code == 0 and (counts["notifications"], counts["bodies"], counts["entries"]) == (0, 1, 1), counts
        code, counts, _ = forget(daemon, "--chat", "2")
        assert code == 0 and (counts["notifications"], counts["bodies"], counts["entries"]) == (1, 0, 1), counts


@test
def test_forget_waits_for_what_is_under_way():
    with Sim() as sim, Daemon(sim, RULES, channel={"timeout": "1m"}) as daemon:
        sim.fault(hang=True)
        daemon.tap("track:1", "700000001")
        sim.wait_requests(1, SEND)
        for alive in (True, False):
            code, counts, more = forget(daemon, "--chat", "700000001")
            assert code == 1 and counts == {} and "under way" in more and "nothing was removed" in more, more
            if alive:
                daemon.kill()
        assert "callbackd serve" in more, more
        daemon.serve()
        wait_for(lambda: daemon.metric('callbackd_runs{state="unknown"}') == 1, "the rest being settled")
        code, counts, more = forget(daemon, "--chat", "700000001")
        assert code == 0 and counts["sends"] == 1, (counts, more)


@test
def test_forget_says_what_it_cannot_know():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        daemon.tap("track:1", "700000001")
        runs(daemon, "done")
        assert daemon.terminate() == 0
        with database(daemon) as db:  # as a crash leaves one
            db.execute("INSERT INTO notification SELECT id + 1000, source, 0, NULL, 0, stored_at, headers, body FROM notification")
        code, counts, more = forget(daemon, "--chat", "700000001")
        assert code == 0 and counts["notifications"] == 1 and "once more" in more, (counts, more)


@test
def test_forget_of_nobody():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        for chat in ("9", "700000001 ", "Dana"):
            code, counts, more = forget(daemon, "--chat", chat)
            assert code == 1 and counts == {} and f"no chat '{chat}'" in more and "queue list --all" in more, (code, more)
        for arguments in ([], ["--chat"], ["--chat", ""], ["--chat", "1", "2"], ["--user", "1"]):
            code, _, more = forget(daemon, *arguments)
            assert code == 2 and "usage: callbackd forget" in more, (arguments, code, more)
        daemon.terminate()
        for path in glob.glob(daemon.path("callbackd.db*")):
            os.unlink(path)
        assert forget(daemon, "--chat", "1")[0] == 4


# --- retention -------------------------------------------------------------------------------------------------------------

@test
def test_a_source_has_its_own_retention():
    desk = {"name": "desk", "kind": "generic", "path": "/desk", "secrets": ["env:DESK_SECRET"], "channel": "shop",
            "static_token": {"header": "X-Token"}, "user_id": ["/user"], "conversation": "/talk", "retention": "1h"}
    with Sim() as sim, Daemon(sim, RULES, start=False) as daemon:
        daemon.config["sources"].append(desk)
        daemon.config["retention"] = "3h"
        daemon.config["sources"][1]["retention"] = "5h"  # of hubspot: rules are kept for it
        daemon.write_config()
        daemon.serve()
        daemon.tap("track:1", "1")
        body = json.dumps({"id": "7", "user": "2", "talk": "2", "text": "track:2"})
        wait_for(lambda: daemon.post("/desk", body, {"X-Token": SECRETS["DESK_SECRET"]}) == 200, "the acknowledgement")
        runs(daemon, "done", 2)
        assert daemon.terminate() == 0

        def grow_older(hours):
            with database(daemon) as db:
                for table, columns in (("notification", ["stored_at"]), ("entry", ["stored_at", "said_at"]),
                                       ("run", ["stored_at", "said_at", "ended_at"]), ("ruleset", ["seen_at"])):
                    db.execute(f"UPDATE {table} SET " + ", ".join(f"{c} = {c} - {hours * 3600000}" for c in columns))

        def left():
            return sorted((i["kind"], i["source"]) for i in daemon.queue("--all"))
        grow_older(2)
        daemon.serve()
        of_intercom = [("entry", "intercom"), ("notification", "intercom"), ("run", "intercom")]
        wait_for(lambda: left() == of_intercom, "the desk's things being gone")
        daemon.wait_metric('callbackd_runs{state="done"}', 1)
        assert daemon.terminate() == 0
        grow_older(2)
        daemon.serve()
        wait_for(lambda: left() == [], "all being gone")
        assert daemon.terminate() == 0


if __name__ == "__main__":
    main()
