#!/usr/bin/env python3
"""What becomes of a send, by what Octopods answers or does not, and in which order and at which pace sends leave."""

import os
import signal
import socket

from harness import *

SEND = "/api/v1/telegram/interactive"
RULES = """\
rules:
  - name: two
    tap: 'two:(?<n>.*)'
    reply: [ { text: 'first ${n}' }, { text: 'second ${n}' } ]
  - { name: one, tap: 'one:(?<n>.*)', reply: { text: 'one ${n}' } }
  - { name: again, tap: 'again:(?<n>.*)', unknown_send: resend, reply: [ { text: 'first ${n}' }, { text: 'second ${n}' } ] }
  - { name: ask, tap: 'ask:(?<n>.*)', unknown_send: poll, reply: [ { text: 'first ${n}' }, { text: 'second ${n}' } ] }
  - { name: soon, tap: 'soon:(?<n>.*)', send_within: 1s, reply: { text: 'soon ${n}' } }
"""


def outcome(daemon, word):
    return daemon.metric(f'callbackd_sends_total{{channel="shop",outcome="{word}"}}')


def wait_outcome(daemon, word, count=1):
    wait_for(lambda: outcome(daemon, word) >= count, f"{count} sends {word}")


def wait_outcomes(daemon, **counts):
    """All of them at once, and no more."""
    wait_for(lambda: {word: outcome(daemon, word) for word in counts} == counts, f"the sends {counts}")


def show(daemon, run):
    code, out, err = daemon.run("queue", "show", str(run["id"]))
    assert code == 0, err
    return out


def paused(daemon):
    return daemon.metric('callbackd_paused{channel="shop"}')


# --- accepted --------------------------------------------------------------------------------------------------------------

@test
def test_any_2xx_is_ok_and_ids_may_be_numbers():
    with Sim("--id-type", "number") as sim, Daemon(sim, RULES) as daemon:
        daemon.tap("one:1")
        run = runs(daemon, "done")[0]
        assert "message id" in show(daemon, run) and sim.sends()[0]["status"] == 200
        sim.fault(status=201, body={"request_id": 9007199254740993, "message_id": 77})
        daemon.tap("one:2")
        run = max(runs(daemon, "done", 2), key=lambda r: r["id"])
        assert "message id    77" in show(daemon, run), show(daemon, run)
        assert "request_id=9007199254740993" in daemon.log_text()
        wait_outcomes(daemon, ok=2, retry=0, unknown=0)


@test
def test_2xx_with_a_strange_body_is_ok():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        strange = [{"status": 200, "body": "<html>welcome</html>"}, {"status": 200, "body": "[]"}, {"status": 204},
                   {"status": 200, "body": '{"message_id": {"a": []}, "error": "Unauth'}, {"close": "mid"},
                   {"status": 200, "body": "x" * (1 << 20)}]
        for number, fault in enumerate(strange, 1):
            sim.fault(**fault)
            daemon.tap(f"one:{number}")
            wait_outcome(daemon, "ok", number)
        assert len(sim.wait_requests(len(strange), SEND)) == len(strange)
        assert len(runs(daemon, "done", len(strange))) == len(strange)
        assert daemon.log_text().count("the answer is not whole") == 2  # the half one and the huge one


# --- refused ---------------------------------------------------------------------------------------------------------------

@test
def test_customers_side_is_rejected():
    words = {"blocked": "bot was blocked by the user", "unknown": "chat not found", "deactivated": "user is deactivated"}
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        for number, state in enumerate(words):
            sim.control("PUT", f"users/70000000{number}", {"state": state})
            daemon.tap("two:x", user=f"70000000{number}")
        rejected = {r["chat"]: r for r in runs(daemon, "rejected", 3)}
        for number, (state, reason) in enumerate(words.items()):
            run = rejected[f"70000000{number}"]
            assert reason in run["reason"] and "HTTP 400" in run["reason"], run
            assert reason in show(daemon, run)
            assert any("outcome=rejected" in line and reason in line for line in daemon.log_text().splitlines())
        wait_outcomes(daemon, rejected=3)
        assert len(sim.requests(SEND)) == 3  # no retry, no second message
        assert not paused(daemon)


@test
def test_our_side_is_failed():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        answers = [({"error_code": 2, "error": "Text must not be empty.", "request_id": "req_1"}, 400, "Text must not be empty"),
                   ({"error_code": 4, "error": "Bad Request: BUTTON_DATA_INVALID"}, 400, "error_code 4"),
                   ("what?", 422, "HTTP 422: what?")]
        for number, (body, status, _) in enumerate(answers):
            sim.fault(status=status, body=body)
            daemon.tap("two:x", user=f"70000000{number}")
            wait_outcome(daemon, "failed", number + 1)
        failed = {r["chat"]: r for r in runs(daemon, "failed", 3)}
        for number, (_, _, reason) in enumerate(answers):
            run = failed[f"70000000{number}"]
            assert reason in run["reason"] and reason in show(daemon, run), run
        assert len(sim.requests(SEND)) == 3 and not paused(daemon)
        daemon.tap("one:after", user="700000000")  # the chat goes on
        assert texts(sim, 1) == ["one after"]


# --- paused ----------------------------------------------------------------------------------------------------------------

def pause_by_key(sim, daemon):
    """Two taps meet a key that Octopods does not know."""
    daemon.tap("one:1")
    wait_for(lambda: paused(daemon) == 1, "the pause")
    daemon.tap("one:2", user="700000002")
    wait_for(lambda: daemon.metric('callbackd_runs{state="ready"}') == 2)
    assert len(sim.requests(SEND)) == 1  # the second did not even leave
    assert any("CHANNEL PAUSED" in line and "level=error" in line and "401" in line
               for line in daemon.log_text().splitlines()), daemon.log_text()
    status, page = wait_for(lambda: "channel shop" in daemon.page("/readyz")[1] and daemon.page("/readyz"), "the pause on /readyz")
    assert status == 200 and "401" in page, (status, page)
    waiting = daemon.queue()
    assert [i["state"] for i in waiting if i["kind"] == "run"] == ["ready", "ready"], waiting


def expect_open(sim, daemon, count=2):
    assert sorted(texts(sim, count)) == [f"one {n + 1}" for n in range(count)]
    runs(daemon, "done", count)
    wait_for(lambda: paused(daemon) == 0 and "paused" not in daemon.page("/readyz")[1], "the channel being open")
    daemon.wait_log("channel works again")


def wrong_key(sim):
    daemon = Daemon(sim, RULES, channel={"key": "file:shop.key"}, start=False)
    daemon.write("shop.key", "not-this-key\n")
    daemon.serve()
    return daemon


@test
def test_wrong_key_pauses_until_a_reload_brings_the_right_one():
    with Sim() as sim, wrong_key(sim) as daemon:
        pause_by_key(sim, daemon)
        daemon.write("shop.key", "sim-key\n")
        daemon.send_signal(signal.SIGHUP)
        assert sorted(texts(sim, 2)) == ["one 1", "one 2"]
        runs(daemon, "done", 2)
        wait_for(lambda: paused(daemon) == 0 and "paused" not in daemon.page("/readyz")[1], "the channel being open")
        assert len(sim.requests(SEND)) == 3


@test
def test_pause_survives_a_restart():
    with Sim() as sim, wrong_key(sim) as daemon:
        pause_by_key(sim, daemon)
        daemon.kill()
        daemon.serve()
        wait_for(lambda: paused(daemon) == 1, "the pause")
        wait_outcome(daemon, "paused")  # one probe
        daemon.tap("one:3", user="700000003")
        wait_for(lambda: daemon.metric('callbackd_runs{state="ready"}') == 3)
        assert len(sim.requests(SEND)) == 2 and paused(daemon) == 1
        daemon.write("shop.key", "sim-key\n")
        daemon.send_signal(signal.SIGHUP)
        assert sorted(texts(sim, 3)) == ["one 1", "one 2", "one 3"]


@test
def test_released_by_hand():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        code, _, err = daemon.run("queue", "release", "--channel", "shop")
        assert code == 1 and "not paused" in err, (code, err)
        sim.fault(status=401)
        pause_by_key(sim, daemon)
        code, out, err = daemon.run("queue", "release", "--channel", "shop")
        assert code == 0 and "shop is open" in out, (code, out, err)
        expect_open(sim, daemon)


@test
def test_a_key_that_is_repeated_in_an_answer_is_not_kept():
    key = "a-key-that-octopods-repeats"
    with Sim("--key", key) as sim, Daemon(sim, RULES, env={"SHOP_KEY": key}) as daemon:
        sim.fault(status=422, times=1, body={"error": {"message": f"{key} may not send this"}})
        daemon.tap("one:1")
        run = runs(daemon, "failed")[0]
        sim.control("DELETE", "faults")
        sim.fault(status=401, times=1, body={"error": f"wrong key {key}"})
        daemon.tap("one:2")
        daemon.wait_log("CHANNEL PAUSED")
        assert "*" * len(key) in show(daemon, run) and "*" * len(key) in daemon.log_text()
        assert key not in show(daemon, run) + daemon.log_text() + daemon.page("/readyz")[1]
        for name in os.listdir(daemon.folder):
            with open(daemon.path(name), "rb") as file:
                assert key.encode() not in file.read(), name


@test
def test_redirect_and_wrong_address_pause():
    for fault in ({"status": 302, "headers": {"Location": "/elsewhere"}}, {"status": 404}, {"status": 405},
                  {"status": 400, "body": {"error_code": 6, "error": "Deprecated API Key. Please get your new API Key"}}):
        with Sim() as sim, Daemon(sim, RULES) as daemon:
            sim.fault(**fault)
            daemon.tap("one:1")
            wait_for(lambda: paused(daemon) == 1, f"the pause by {fault}")
            wait_outcome(daemon, "paused")
            assert [r["uri"] for r in sim.requests()] == [SEND]  # nothing is followed, the key goes nowhere else
            assert [i["state"] for i in daemon.queue() if i["kind"] == "run"] == ["ready"]


@test
def test_403_pauses_after_three_chats_without_a_success():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        for user in "12":
            sim.fault(status=403, user=user)
            daemon.tap("one:a", user=user)
        wait_outcome(daemon, "forbidden", 2)
        wait_outcome(daemon, "ok", 2)  # tried again, with success
        assert not paused(daemon)
        sim.fault(status=403, times=-1)
        for user in "34":
            daemon.tap("one:b", user=user)
        sim.wait_requests(8, SEND)  # several tries of two chats are two chats
        assert not paused(daemon)
        daemon.tap("one:c", user="5")
        wait_for(lambda: paused(daemon) == 1, "the pause")
        assert "CHANNEL PAUSED" in daemon.log_text() and len(sim.sends()) == 2
        sim.control("DELETE", "faults")
        assert daemon.run("queue", "release", "--channel", "shop")[0] == 0
        assert sorted(texts(sim, 5)) == ["one a", "one a", "one b", "one b", "one c"]


@test
def test_403_that_is_the_customers_fault_is_rejected():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(status=403, body={"error": "Forbidden: bot was blocked by the user"}, times=-1)
        for user in "1234":
            daemon.tap("one:a", user=user)
        assert len(runs(daemon, "rejected", 4)) == 4
        assert not paused(daemon) and len(sim.requests(SEND)) == 4


# --- tried again -----------------------------------------------------------------------------------------------------------

@test
def test_429_waits_as_long_as_it_is_told():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(status=429, headers={"Retry-After": "2"})
        daemon.tap("one:1")
        sim.wait_requests(1, SEND)
        wait_outcome(daemon, "retry")
        daemon.tap("one:2", user="700000002")  # another chat of the channel waits too
        first, second, third = sim.wait_requests(3, SEND)
        assert first["status"] == 429 and second["time"] - first["time"] >= 1990, (first, second)
        assert third["time"] - first["time"] >= 1990, (first, third)
        assert sorted(texts(sim, 2)) == ["one 1", "one 2"]


@test
def test_429_without_a_time_and_with_one_in_its_body():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(status=429)
        daemon.tap("one:1")
        assert texts(sim, 1) == ["one 1"]
        wait_outcomes(daemon, retry=1)
        assert len(sim.requests(SEND)) == 2
        sim.fault(status=429, body={"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 1",
                                    "parameters": {"retry_after": 1}})
        daemon.tap("one:2")
        refused, taken = sim.wait_requests(4, SEND)[2:]
        assert taken["time"] - refused["time"] >= 990, (refused, taken)


@test
def test_passing_trouble_is_tried_again_with_the_same_bytes():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(status=503, times=2)
        sim.fault(status=500, html=True)
        daemon.tap("two:x")
        assert texts(sim, 2) == ["first x", "second x"]
        run = runs(daemon, "done")[0]
        assert "attempts: 4" in show(daemon, run), show(daemon, run)
        requests = sim.requests(SEND)
        assert [r["status"] for r in requests] == [503, 503, 500, 200, 200], requests
        assert all(r["body"] == requests[0]["body"] for r in requests[:4])
        wait_outcomes(daemon, retry=3, ok=2)


@test
def test_refused_connection_is_tried_again_until_the_server_appears():
    taken = socket.socket()  # bound and not listening: nobody else gets the port, and connections are refused
    taken.bind(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    with Daemon(None, RULES, channel={"url": f"http://127.0.0.1:{port}"}) as daemon:
        daemon.tap("one:1")
        wait_outcome(daemon, "retry", 2)
        taken.close()
        with Sim("--listen", f"127.0.0.1:{port}") as sim:
            assert texts(sim, 1) == ["one 1"]
            runs(daemon, "done")
            assert outcome(daemon, "unknown") == 0 and len(sim.requests(SEND)) == 1


# --- unknown ---------------------------------------------------------------------------------------------------------------

@test
def test_no_answer_is_unknown_and_drop_goes_on():
    silences = [{"close": "before"}, {"close": "reset"}, {"accept_then": "close"}, {"status": 502, "html": True},
                {"status": 504}, {"status": 520}]
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        for number, fault in enumerate(silences):
            sim.fault(**fault)
            daemon.tap(f"two:{number}")
            wait_outcome(daemon, "unknown", number + 1)
            wait_outcome(daemon, "ok", number + 1)
        assert [text_of(r) for r in sim.requests(SEND)] == [f"{w} {n}" for n in range(len(silences)) for w in ("first", "second")]
        ended = runs(daemon, "unknown", len(silences))
        assert len(ended) == len(silences) and all("no answer came" in r["reason"] for r in ended), ended
        assert "no answer" in show(daemon, ended[0]) and "unknown, attempts: 1" in show(daemon, ended[0])
        assert outcome(daemon, "retry") == 0 and not paused(daemon)


@test
def test_an_answer_that_takes_longer_than_the_timeout_is_unknown():
    """The message behind it goes by a channel that has all the time it needs."""
    rules = RULES.replace("{ text: 'second ${n}' } ]", "{ text: 'second ${n}', channel: patient } ]", 1)
    with Sim() as sim, Daemon(sim, rules, channel={"timeout": "500ms"}, start=False) as daemon:
        shop = daemon.config["channels"]["shop"]
        daemon.config["channels"]["patient"] = {**shop, "timeout": "1m"}
        daemon.write_config()
        daemon.serve()
        sim.fault(hang=True)
        daemon.tap("two:x")
        ended = runs(daemon, "unknown")
        assert [text_of(r) for r in sim.requests(SEND)] == ["first x", "second x"]
        assert "no answer came" in ended[0]["reason"] and "unknown, attempts: " in show(daemon, ended[0]), ended
        wait_outcomes(daemon, unknown=1, ok=0)


@test
def test_resend_sends_it_again():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(close="before")
        sim.fault(accept_then="close")
        daemon.tap("again:x")
        runs(daemon, "done")
        assert [text_of(r) for r in sim.requests(SEND)] == ["first x", "first x", "first x", "second x"]
        wait_outcomes(daemon, unknown=2, ok=2)
        daemon.wait_metric('callbackd_resends_total{channel="shop"}', 2)


@test
def test_resend_after_a_crash_is_counted():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(accept_then="hang")
        daemon.tap("again:x")
        sim.wait_requests(1, SEND)
        daemon.kill()
        daemon.serve()
        assert texts(sim, 3) == ["first x", "first x", "second x"]
        daemon.wait_metric('callbackd_resends_total{channel="shop"}', 1)


@test
def test_poll_without_an_id_holds_the_run_for_a_person():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(close="before")
        daemon.tap("ask:x")
        held = runs(daemon, "held")[0]
        assert "a request left" in held["reason"] and "unknown" in show(daemon, held), held
        daemon.tap("one:y")  # steps out of line
        assert texts(sim, 1) == ["one y"]
        assert [text_of(r) for r in sim.requests(SEND)] == ["first x", "one y"]
        code, _, err = daemon.run("queue", "retry", str(held["id"]))
        assert code == 1 and "--may-duplicate" in err, (code, err)
        assert len(runs(daemon, "held")) == 1
        assert daemon.run("queue", "retry", "--may-duplicate", str(held["id"]))[0] == 0
        assert texts(sim, 3) == ["one y", "first x", "second x"]
        daemon.wait_log("state=done")


@test
def test_request_on_a_reused_connection_is_not_repeated_silently():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        for number in range(3):
            sim.fault(skip=1, close="before")  # read whole, then no byte of an answer
            daemon.tap(f"one:a{number}")
            wait_outcome(daemon, "ok", 2 * number + 1)
            daemon.tap(f"one:b{number}")
            wait_outcome(daemon, "unknown", number + 1)
            daemon.tap(f"one:c{number}")
            wait_outcome(daemon, "ok", 2 * number + 2)
        requests = sim.requests(SEND)
        assert [text_of(r) for r in requests] == [f"one {w}{n}" for n in range(3) for w in "abc"]
        assert [r["fault"] for r in requests] == [None, "close", None] * 3
        assert all(a["conn"] == b["conn"] for a, b in zip(requests[0::3], requests[1::3])), "the connection was not reused"


# --- order and pace --------------------------------------------------------------------------------------------------------

@test
def test_one_at_a_time_and_in_order_for_a_chat():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        for number in range(40):  # where two were under way they would meet
            sim.fault(delay_ms=(number * 37) % 50 + 10)
        for number in range(20):
            daemon.tap(f"two:{number}")
        assert texts(sim, 40) == [f"{w} {n}" for n in range(20) for w in ("first", "second")]
        assert [s["waiting"] for s in sim.sends()] == [0] * 40  # each was answered before the next came
        assert len(runs(daemon, "done", 20)) == 20


@test
def test_hanging_chat_holds_up_no_other():
    with Sim() as sim, Daemon(sim, RULES, channel={"timeout": "1m"}) as daemon:
        sim.fault(hang=True, user="1", times=-1)
        daemon.tap("one:1", user="1")
        sim.wait_requests(1, SEND)
        daemon.tap("one:2", user="1")
        for user in range(2, 22):
            daemon.tap("one:x", user=str(user))
        assert texts(sim, 20) == ["one x"] * 20
        runs(daemon, "done", 20)
        daemon.wait_metric('callbackd_runs{state="ready"}', 2)  # the hanging one, and the one behind it
        assert [text_of(r) for r in sim.requests(SEND) if r["body"]["destination_user_id"] == "1"] == ["one 1"]


@test
def test_chat_rate():
    with Sim() as sim, Daemon(sim, RULES, channel={"chat_rate": {"rate": "1/s", "burst": 3}}) as daemon:
        begun = time.time() * 1000
        for number in range(5):
            daemon.tap(f"one:{number}")
        times = [s["time"] for s in sim.wait_sends(5)]
        assert times[3] - begun >= 990 and times[4] - begun >= 1990, (begun, times)
    with Sim() as sim, Daemon(sim, RULES, channel={"chat_rate": {"rate": "1/m", "burst": 1}}) as daemon:
        for number in range(2):
            daemon.tap(f"one:{number}")
        daemon.tap("one:other", user="700000002")
        assert sorted(texts(sim, 2)) == ["one 0", "one other"]  # another chat does not wait
        daemon.wait_metric('callbackd_runs{state="ready"}', 1)


@test
def test_channel_rate():
    with Sim() as sim, Daemon(sim, RULES, channel={"rate": {"rate": "10/s", "burst": 2}}) as daemon:
        begun = time.time() * 1000
        for number in range(10):
            daemon.tap(f"one:{number}", user=str(number + 1))
        sim.wait_sends(10)
        times = [s["time"] for s in sim.sends()]
        for number in range(2, 10):
            assert times[number] - begun >= (number - 1) * 100 - 10, (begun, times)


@test
def test_not_sent_in_time_is_visibly_expired():
    with Sim() as sim, Daemon(sim, RULES) as daemon:
        sim.fault(status=503, times=-1)
        daemon.tap("soon:x")
        expired = runs(daemon, "expired")[0]
        assert "send_within" in expired["reason"] and expired["rule"] == "soon", expired
        assert [i["id"] for i in daemon.queue() if i["kind"] == "run"] == [expired["id"]]
        sim.control("DELETE", "faults")
        daemon.tap("one:after")
        assert texts(sim, 1) == ["one after"]

        def again():  # whoever is not sent in time once more is retried once more
            daemon.run("queue", "retry", str(expired["id"]))
            return len(sim.sends()) == 2
        code, _, err = daemon.run("queue", "retry", str(expired["id"]))
        assert code == 0, err
        wait_for(again, "the message")
        assert texts(sim, 2) == ["one after", "soon x"]


if __name__ == "__main__":
    main()
