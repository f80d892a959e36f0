#!/usr/bin/env python3
"""Penalties, the circuit breaker, the loop guard, and that fresh taps are not behind all that is tried again."""

from harness import *

SEND = "/api/v1/telegram/interactive"
RULES = """\
rules:
  - { name: one, tap: 'one:(?<n>.*)', reply: { text: 'one ${n}' } }
  - { name: two, tap: 'two:(?<n>.*)', reply: [ { text: 'first ${n}' }, { text: 'second ${n}' } ] }
"""


def broken(daemon, channel="shop"):
    return daemon.metric(f'callbackd_breaker_open{{channel="{channel}"}}')


def in_state(daemon, state):
    return daemon.metric(f'callbackd_runs{{state="{state}"}}')


def all_settled(daemon, count):
    return [i["state"] for i in daemon.settled() if i["kind"] == "run"].count("done") == count


# --- the breaker -----------------------------------------------------------------------------------------------------------

@test
def test_breaker_opens_and_what_waits_costs_nothing():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(status=500, times=-1)
        for user in range(3):
            daemon.tap("one:a", user=str(user + 1))
        wait_for(lambda: broken(daemon) == 1, "the open breaker")
        assert "BREAKER OPEN" in daemon.log_text() and "HTTP 500" in daemon.log_text()
        status, page = wait_for(lambda: "breaker" in daemon.page("/readyz")[1] and daemon.page("/readyz"), "that on /readyz")
        assert status == 200 and "breaker: channel shop does not answer" in page and "HTTP 500" in page, (status, page)
        before = len(sim.requests(SEND))
        for user in range(3, 103):
            daemon.tap("one:a", user=str(user + 1))
        sim.wait_requests(before + 2, SEND)
        tried = {r["body"]["destination_user_id"] for r in sim.requests(SEND)}
        assert len(tried) < 50, len(tried)  # without a breaker each of the hundred would have had its try by now
        sim.control("DELETE", "faults")
        assert len(texts(sim, 103)) == 103
        wait_for(lambda: broken(daemon) == 0 and "breaker" not in daemon.page("/readyz")[1], "the closed breaker")
        daemon.wait_log("breaker closed")
        assert all_settled(daemon, 103)


@test
def test_a_host_that_hangs_takes_few_messages_with_it():
    """What no answer comes to may have arrived and is not sent again; so all but the probes wait."""
    with Sim() as sim, Daemon(sim, RULES, channel={"timeout": "300ms"}) as daemon:
        sim.fault(hang=True, times=-1)
        for user in range(3):
            daemon.tap("one:a", user=str(user + 1))
        wait_for(lambda: broken(daemon) == 1, "the open breaker")
        for user in range(3, 60):
            daemon.tap("one:b", user=str(user + 1))
        sim.wait_requests(5, SEND)
        sim.control("DELETE", "faults")
        wait_for(lambda: in_state(daemon, "done") + in_state(daemon, "unknown") == 60, "the end of all runs")
        asked = [r["body"]["destination_user_id"] for r in sim.requests(SEND)]
        assert len(asked) == len(set(asked)), asked  # nothing is sent again
        hung = {r["body"]["destination_user_id"] for r in sim.requests(SEND) if not r["accepted"]}
        unknown = {i["chat"] for i in daemon.queue("--all", "--state", "unknown") if i["kind"] == "run"}
        # An answer that comes too late with so short a timeout is one that did not come: that is not for the breaker.
        assert 3 <= len(hung) < 20 and hung <= unknown, (hung, unknown)
        assert len(unknown - hung) + in_state(daemon, "done") == len(sim.sends())


@test
def test_a_channel_that_hangs_leaves_the_others_their_places():
    with Sim() as sim, Sim() as other, Daemon(sim, RULES, start=False, channel={"timeout": "1m"}) as daemon:
        daemon.config["channels"]["car"] = {**daemon.config["channels"]["shop"], "url": other.url}
        daemon.config["sources"].append({**daemon.config["sources"][0], "name": "cars", "path": "/webhooks/cars", "channel": "car"})
        daemon.config["limits"] = {"sends": 8}
        daemon.write_config()
        daemon.serve()
        sim.fault(hang=True, times=-1)
        for user in range(20):
            daemon.tap("one:a", user=str(user + 1))
        sim.wait_requests(4, SEND)  # half of the places
        body = json.dumps(intercom_replied("one:b", user="7")).encode()
        assert daemon.post("/webhooks/cars", body, {"X-Hub-Signature": intercom_signature(body, SECRETS["INTERCOM_SECRET"])}) == 200
        assert texts(other, 1) == ["one b"]
        assert len(sim.requests(SEND)) == 4


@test
def test_fresh_taps_are_not_behind_what_is_tried_again():
    with Sim() as sim, Sim() as other, Daemon(sim, RULES, start=False) as daemon:
        daemon.config["channels"]["car"] = {**daemon.config["channels"]["shop"], "url": other.url}
        daemon.config["sources"].append({**daemon.config["sources"][0], "name": "cars", "path": "/webhooks/cars", "channel": "car"})
        daemon.write_config()
        daemon.serve()
        sim.control("POST", "faults", [{"path": SEND, "status": 500, "user": str(n), "times": -1} for n in range(1, 301)])
        for user in range(1, 301):
            daemon.tap("one:a", user=str(user))
        wait_for(lambda: broken(daemon) == 1, "the open breaker")
        before = len(sim.requests(SEND))
        body = json.dumps(intercom_replied("one:fresh", user="999")).encode()
        assert daemon.post("/webhooks/cars", body, {"X-Hub-Signature": intercom_signature(body, SECRETS["INTERCOM_SECRET"])}) == 200
        daemon.tap("one:fresh", user="999")
        assert texts(other, 1) == ["one fresh"]
        assert texts(sim, 1) == ["one fresh"]
        users = [r["body"]["destination_user_id"] for r in sim.requests(SEND)][before:]
        assert users.index("999") < 100, users  # those that were under way (64 at most), and some probes
        wait_for(lambda: in_state(daemon, "ready") == 300, "300 runs that wait")
        sim.control("DELETE", "faults")
        sim.wait_sends(301)
        assert all_settled(daemon, 302)


# --- penalties -------------------------------------------------------------------------------------------------------------

@test
def test_429_without_a_time_is_of_the_whole_channel():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(status=429, times=2)
        daemon.tap("one:1", user="1")
        wait_for(lambda: daemon.metric('callbackd_sends_total{channel="shop",outcome="retry"}') >= 1, "the 429")
        daemon.tap("one:2", user="2")
        daemon.tap("one:3", user="3")
        requests = sim.wait_requests(5, SEND)
        assert [r["status"] for r in requests][:1] == [429] and len(texts(sim, 3)) == 3
        assert requests[1]["time"] - requests[0]["time"] >= 990, requests  # one second
        assert broken(daemon) == 0  # somebody answered


# --- the loop guard --------------------------------------------------------------------------------------------------------

def answer_each_other(daemon, sim, name, user):
    """A bot that taps whenever it was answered, until it is not; how many answers it got."""
    got = 0
    for number in range(60):
        before, held = len(sim.sends()), in_state(daemon, "held")
        daemon.tap(f"one:{name}{number}", user=user)
        wait_for(lambda: len(sim.sends()) > before or in_state(daemon, "held") > held, "an answer, or none")
        if len(sim.sends()) == before:
            break
        got += 1
    return got


@test
def test_two_bots_that_answer_each_other_stop():
    with Sim() as sim, Daemon(sim, RULES, channel={"loop_guard": 10}) as daemon:
        assert answer_each_other(daemon, sim, "a", "1") == 10
        held = runs(daemon, "held")
        assert "loop guard" in held[0]["reason"] and "queue retry" in held[0]["reason"], held
        assert held[0] in daemon.queue()
        daemon.wait_metric('callbackd_loop_guard_total{channel="shop"}', 1)
        assert daemon.log_text().count("CHAT HELD") == 1
        daemon.tap("two:x", user="2")  # another chat
        assert texts(sim, 12)[10:] == ["first x", "second x"]
        daemon.tap("one:more", user="1")  # it stays held
        runs(daemon, "held", 2)
        assert daemon.log_text().count("CHAT HELD") == 1 and len(sim.sends()) == 12

        daemon.kill()  # what is held stays so
        daemon.serve()
        wait_for(lambda: daemon.page("/readyz")[0] == 200 and in_state(daemon, "held") == 2, "the start")
        assert daemon.run("queue", "retry", str(held[0]["id"]))[0] == 0
        assert texts(sim, 13)[12:] == ["one a10"]
        assert answer_each_other(daemon, sim, "b", "1") == 9  # the count goes on from there


@test
def test_a_chat_that_was_held_goes_on_by_hand_at_once():
    with Sim() as sim, Daemon(sim, RULES, channel={"loop_guard": 5}) as daemon:
        assert answer_each_other(daemon, sim, "a", "1") == 5
        for number in range(3):
            held = runs(daemon, "held")[0]
            assert daemon.run("queue", "retry", str(held["id"]))[0] == 0
            sim.wait_sends(6 + 5 * number)
            assert answer_each_other(daemon, sim, "bcd"[number], "1") == 4
        daemon.wait_metric('callbackd_loop_guard_total{channel="shop"}', 4)


@test
def test_a_retry_is_no_further_follow_up():
    with Sim() as sim, Daemon(sim, RULES, channel={"loop_guard": 1}) as daemon:
        sim.fault(status=500, times=2)
        daemon.tap("one:a")
        assert texts(sim, 1) == ["one a"]
        assert in_state(daemon, "held") == 0 and len(sim.requests(SEND)) == 3


if __name__ == "__main__":
    main()
