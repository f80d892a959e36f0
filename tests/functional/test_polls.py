#!/usr/bin/env python3
"""`unknown_send: poll`: what is asked about a message that may have been sent, and what follows from the answer."""

from faultkit import Trouble
from harness import *

import harness

SEND, STATUS = "/api/v1/telegram/interactive", "/api/v1/telegram/messages/"
RULES = """\
rules:
  - { name: ask, tap: 'ask:(?<n>.*)', unknown_send: poll, reply: [ { text: 'first ${n}' }, { text: 'second ${n}' } ] }
  - { name: mend, tap: 'mend:(?<n>.*)', unknown_send: poll, reply: { text: 'mend ${n}' }, on_error: { reply: { text: 'sorry ${n}' } } }
  - { name: one, tap: 'one:(?<n>.*)', reply: { text: 'one ${n}' } }
"""
TAKEN = {"status": 504, "keep_body": True}  # by a gateway that gave up, though the answer passes


def open_with(sim, **more):
    return Daemon(sim, RULES, **more)


def unclear(sim, **end):
    """The next message is taken, and its answer does not say so, but has an id."""
    sim.fault(path=SEND, accept_then={**TAKEN, **end})


def statuses(sim, *words):
    sim.control("PUT", "statuses/*", {"list": words})


def polls(daemon, outcome):
    return daemon.metric(f'callbackd_polls_total{{channel="shop",outcome="{outcome}"}}')


def show(daemon, run):
    code, out, err = daemon.run("queue", "show", str(run["id"]))
    assert code == 0, err
    return out


def requested(sim):
    """Messages by their texts, and questions, in the order in which they came."""
    return [text_of(r) if r["uri"] == SEND else "?" for r in sim.requests("/api/v1/telegram/")]


class Jumps:
    """Lets time pass. In PostgreSQL it is the server's, which goes its own way: there the send gets older."""

    def __init__(self, daemon):
        self.daemon, self.seconds = daemon, 0
        self.trouble = Trouble(daemon)
        daemon.serve()

    def pass_seconds(self, seconds):
        self.seconds += seconds
        if harness.STORE_SERVER:
            database = self.daemon.env["STORE_URL"].rsplit("/", 1)[1]
            for table, column in (("send", "sent_at"), ("send", "due_at"), ("chat", "due_at")):
                harness.STORE_SERVER.sql(f"UPDATE {table} SET {column} = {column} - {1000 * seconds}", database)
        else:
            self.trouble.set(boot_ms=1000 * self.seconds)


@test
def test_what_was_sent_goes_on():
    with Sim() as sim, open_with(sim) as daemon:
        unclear(sim)
        daemon.tap("ask:x")
        run = runs(daemon, "done")[0]
        assert requested(sim) == ["first x", "?", "second x"], requested(sim)
        asked = sim.requests(STATUS)[0]
        assert asked["method"] == "GET" and asked["auth"] == "ok" and asked["status"] == 200, asked
        assert asked["uri"].rsplit("/", 1)[1] in show(daemon, run) and "message status DELIVERED" in show(daemon, run)
        assert polls(daemon, "ok") == 1 and "reason=\"message status DELIVERED\"" in daemon.log_text()
        assert daemon.metric('callbackd_sends_total{channel="shop",outcome="unknown"}') == 1


@test
def test_half_an_answer_may_have_the_id():
    with Sim() as sim, open_with(sim) as daemon:
        unclear(sim, status=502, close="mid")
        daemon.tap("ask:x")
        run = runs(daemon, "done")[0]
        assert requested(sim) == ["first x", "?", "second x"], requested(sim)
        first = show(daemon, run).split("send 0.1")[0]
        assert "message id" in first and "status url" not in first, first


@test
def test_what_failed_ends_as_if_it_had_been_refused():
    with Sim() as sim, open_with(sim) as daemon:
        statuses(sim, {"status": "FAILED", "failure_reason": "Forbidden: bot was blocked by the user"})
        unclear(sim)
        daemon.tap("ask:x")
        run = runs(daemon, "rejected")[0]
        assert "blocked by the user" in run["reason"] and "rejected, attempts: 1" in show(daemon, run), run
        statuses(sim, {"status": "undelivered", "failure_reason": {"code": 7, "title": "Message too long"}})
        unclear(sim)
        daemon.tap("ask:y")
        run = runs(daemon, "failed")[0]
        assert "Message too long" in run["reason"], run
        unclear(sim)
        daemon.tap("mend:z")
        runs(daemon, "done")
        assert requested(sim) == ["first x", "?", "first y", "?", "mend z", "?", "sorry z"], requested(sim)
        assert (polls(daemon, "rejected"), polls(daemon, "failed")) == (1, 2)


@test
def test_what_is_queued_is_asked_about_again():
    with Sim() as sim, open_with(sim, start=False) as daemon:
        time_ = Jumps(daemon)
        statuses(sim, "queued", "UNKNOWN", "SENT")
        unclear(sim)
        daemon.tap("ask:x")
        for number in (1, 2):
            wait_for(lambda: polls(daemon, "retry") == number, f"question {number}")
            if number == 1:
                assert [r["state"] for r in daemon.queue() if r["kind"] == "run"] == ["ready"]
                daemon.tap("one:y", user="700000002")  # others do not wait for it
                sim.wait_sends(2)
            time_.pass_seconds(31)
        runs(daemon, "done", 2)
        assert requested(sim) == ["first x", "?", "one y", "?", "?", "second x"], requested(sim)


@test
def test_what_stays_queued_is_held_for_a_person():
    with Sim() as sim, open_with(sim, start=False) as daemon:
        time_ = Jumps(daemon)
        statuses(sim, "QUEUED")
        unclear(sim)
        daemon.tap("ask:x")
        wait_for(lambda: polls(daemon, "retry") == 1, "a question")
        time_.pass_seconds(301)
        held = runs(daemon, "held")[0]
        assert "does not say what became of it" in held["reason"] and "message status QUEUED" in show(daemon, held), held
        code, _, err = daemon.run("queue", "retry", str(held["id"]))
        assert code == 1 and "--may-duplicate" in err, (code, err)
        assert daemon.run("queue", "retry", "--may-duplicate", str(held["id"]))[0] == 0
        runs(daemon, "done")
        assert requested(sim) == ["first x", "?", "?", "first x", "second x"], requested(sim)


@test
def test_no_other_server_gets_the_key():
    with Sim() as sim, Sim() as other, open_with(sim) as daemon:
        sim.fault(path=SEND, status=504, body={"message_id": "msg_1", "message_status_url": other.url + STATUS + "msg_1"})
        daemon.tap("ask:x")
        held = runs(daemon, "held")[0]
        assert "not on the server of the channel's url" in held["reason"], held
        unclear(sim)
        sim.fault(path=STATUS, status=302, headers={"Location": other.url + "/stolen"})  # nor is it led there
        daemon.tap("ask:y")
        wait_for(lambda: polls(daemon, "retry") == 1, "a question")
        assert requested(sim) == ["first x", "first y", "?"] and other.requests() == [], other.requests()


@test
def test_killed_while_it_asks():
    with Sim() as sim, open_with(sim) as daemon:
        sim.fault(path=STATUS, hang=True)
        unclear(sim)
        daemon.tap("ask:x")
        sim.wait_requests(1, STATUS)
        daemon.kill()
        daemon.serve()
        runs(daemon, "done")
        assert requested(sim) == ["first x", "?", "?", "second x"], requested(sim)


@test
def test_stopped_before_it_asks():
    with Sim() as sim, open_with(sim) as daemon:
        unclear(sim)
        daemon.tap("ask:x")
        wait_for(lambda: daemon.metric('callbackd_sends_total{channel="shop",outcome="unknown"}') == 1, "the unclear answer")
        assert daemon.terminate() == 0
        daemon.serve()
        runs(daemon, "done")
        assert requested(sim) == ["first x", "?", "second x"], requested(sim)


if __name__ == "__main__":
    main()
