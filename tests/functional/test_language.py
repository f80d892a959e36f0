#!/usr/bin/env python3
"""Steps, variables, guards and what is done in the helpdesk: the rule language as it runs in the daemon."""

import re
import signal

from harness import *

INTERCOM = {"token": "env:INTERCOM_TOKEN", "admin_id": "814860"}


# --- variables ---------------------------------------------------------------------------------------------------------------

VARIABLES = """\
session: 1m
rules:
  - { name: put, tap: 'put:(?<x>.*)', dedup: 0s, set: { x: '${x}', long: { value: 'kept ${x}', keep: 1d } }, reply: { text: 'now ${chat.x}' } }
  - { name: get, tap: get, dedup: 0s, reply: { text: '${chat.x:-nothing}, ${chat.long:-nothing}' } }
  - { name: drop, tap: drop, dedup: 0s, set: { x: null }, reply: { text: 'gone ${chat.x:-}.' } }
  - { name: either, text: which, when: { chat.x: b }, reply: { text: it is b } }
  - { name: other, text: which, reply: { text: it is not b } }
"""


@test
def test_variables_belong_to_the_chat():
    with Sim() as sim, Daemon(sim, VARIABLES) as daemon:
        assert taps(daemon, sim, "get", "put:a", "get", "which") == ["nothing, nothing", "now a", "a, kept a", "it is not b"]
        assert taps(daemon, sim, "get", user="700000002") == ["nothing, nothing"]
        assert taps(daemon, sim, "put:b", "which") == ["now b", "it is b"]
        daemon.kill()
        daemon.serve()
        assert taps(daemon, sim, "which", "drop", "get") == ["it is b", "gone .", "nothing, kept b"]


# --- goto, errors --------------------------------------------------------------------------------------------------------------

GOTO = """\
rules:
  - { name: a, tap: 'a:(?<id>[0-9]*)', set: { seen: '${id:-x}' }, goto: b }
  - name: b
    choose:
      - { when: { id: '7' }, reply: { text: 'seven first' }, goto: c }
      - goto: c
  - name: c
    reply: [ { text: 'at last ${id}' }, { text: 'and ${chat.seen}' } ]
  - name: hole
    tap: 'hole(?<h>x)?'
    do: [ { reply: { text: 'before' } }, { reply: { text: 'hole ${h}' } } ]
    on_error: { reply: { text: 'mended' } }
  - name: deep
    tap: 'deep(?<h>x)?'
    reply: { text: '${h}' }
    on_error: { reply: { text: 'worse ${h}' } }
"""


@test
def test_goto_carries_names_along():
    with Sim() as sim, Daemon(sim, GOTO) as daemon:
        daemon.tap("<p>a:7</p>")
        assert texts(sim, 3) == ["seven first", "at last 7", "and 7"]
        daemon.tap("<p>a:8</p>", user="700000002")
        assert texts(sim, 5)[3:] == ["at last 8", "and 8"]
        assert len(runs(daemon, "done", 2)) == 2


@test
def test_on_error_answers_once():
    with Sim() as sim, Daemon(sim, GOTO) as daemon:
        daemon.tap("<p>hole</p>")
        assert texts(sim, 2) == ["before", "mended"]
        done = runs(daemon, "done")
        assert "${h} is missing" in done[0]["reason"], done
        daemon.tap("<p>deep</p>")
        failed = runs(daemon, "failed")
        assert len(failed) == 1 and len(sim.sends()) == 2, failed


@test
def test_a_message_that_octopods_refuses_leads_to_on_error():
    with Sim() as sim, Daemon(sim, GOTO) as daemon:
        sim.fault(status=422, body={"error": "Unprocessable"}, times=1)
        daemon.tap("<p>holex</p>")
        assert texts(sim, 1) == ["mended"]
        assert "422" in runs(daemon, "done")[0]["reason"]


@test
def test_killed_between_two_steps_it_goes_on_there():
    with Sim() as sim, Daemon(sim, GOTO) as daemon:
        sim.fault(status=503, skip=1, headers={"Retry-After": "4"})
        daemon.tap("<p>a:7</p>")
        daemon.wait_metric('callbackd_sends_total{channel="shop",outcome="retry"}', 1)  # and none is under way
        daemon.kill()
        sim.control("DELETE", "faults")
        daemon.serve()
        assert texts(sim, 3) == ["seven first", "at last 7", "and 7"]
        runs(daemon, "done")


# --- guards --------------------------------------------------------------------------------------------------------------------

GUARDS = """\
rules:
  - name: offer
    tap: 'offer:(?<id>[0-9]+)'
    dedup: 0s
    reply:
      text: 'Book ${id}?'
      buttons:
        - [ { text: Yes, callback_data: 'yes:${id}' }, { text: Twice, callback_data: 'twice:${id}' }, { text: Look, callback_data: 'look:${id}' } ]
  - name: 'yes'
    tap: 'yes:(?<id>[0-9]+)'
    single_use: true
    dedup: 0s
    reply: { text: 'booked ${id}' }
    on_refused: { reply: { text: 'refused ${id}' } }
  - { name: twice, tap: 'twice:(?<id>[0-9]+)', single_use: true, dedup: 0s, reply: { text: 'twice ${id}' } }
  - { name: look, tap: 'look:(?<id>[0-9]+)', require_issued: true, dedup: 0s, reply: { text: 'look ${id}' } }
  - name: fragile
    tap: fragile
    reply: { text: try, buttons: [ [ { text: Try, callback_data: try } ] ] }
  - name: try
    tap: try
    single_use: true
    dedup: 0s
    reply: { text: '${contact.nothing}' }
    on_error: { reply: { text: 'again please' } }
    on_refused: { reply: { text: used up } }
  - name: secret
    tap: 'secret:(?<id>[0-9]+)'
    reply:
      text: 'token for ${id}'
      buttons: [ [ { text: Go, callback_data: 'go:${id}:and-more-text-than-a-button-can-carry-because-a-token-stands-for-it', token: true } ] ]
  - name: go
    tap: 'go:(?<id>[0-9]+):.*'
    require_issued: true
    dedup: 0s
    reply: { text: 'gone ${id}' }
  - { name: rest, default: true, dedup: 0s, reply: { text: too old } }
"""


@test
def test_only_what_was_sent_and_once():
    with Sim() as sim, Daemon(sim, GUARDS) as daemon:
        assert taps(daemon, sim, "yes:1", "look:1", "twice:1") == ["refused 1", "too old", "too old"]
        logged = [line.split(" rule=")[1].split()[0] for line in daemon.log_text().splitlines() if " msg=entry " in line]
        assert logged == ["yes", "rest", "rest"], logged  # those that answer
        assert taps(daemon, sim, "offer:1", "look:1", "yes:1", "yes:1") == ["Book 1?", "look 1", "booked 1", "refused 1"]
        # one press spends its siblings to single-use rules, and no others
        assert taps(daemon, sim, "twice:1", "look:1") == ["too old", "look 1"]
        # the other customer has no such button
        assert taps(daemon, sim, "look:1", user="700000002") == ["too old"]
        # a new message has buttons of its own
        assert taps(daemon, sim, "offer:1", "twice:1", "yes:1") == ["Book 1?", "twice 1", "refused 1"]


@test
def test_a_refused_press_is_left_to_the_person_who_has_the_chat():
    quiet = GUARDS + "  - { name: human, tap: human, quiet: 1h, reply: { text: 'A colleague will write.' } }\n"
    with Sim() as sim, Daemon(sim, quiet) as daemon:
        assert taps(daemon, sim, "twice:1", "human") == ["too old", "A colleague will write."]
        daemon.tap("<p>twice:1</p>")
        assert daemon.reasons("entry")[-1] == "refused: no such button was sent to this chat"
        assert taps(daemon, sim, "yes:1", "offer:1") == ["refused 1", "Book 1?"] and len(sim.sends()) == 4


@test
def test_what_fails_is_given_back():
    with Sim() as sim, Daemon(sim, GUARDS) as daemon:
        assert taps(daemon, sim, "fragile", "try", "try") == ["try", "again please", "again please"]


@test
def test_tokens_mean_something_in_their_chat_only():
    with Sim() as sim, Daemon(sim, GUARDS) as daemon:
        daemon.tap("<p>secret:5</p>")
        token = message(sim.wait_sends(1)[0])["buttons"][0][0]["callback_data"]
        assert re.fullmatch(r"t\.[A-Za-z0-9_-]{22}", token), token
        assert taps(daemon, sim, token) == ["gone 5"]
        # nobody else can use it, and the data behind it cannot be typed
        daemon.tap(f"<p>{token}</p>", user="700000002")
        assert taps(daemon, sim, "go:5:and-more-text-than-a-button-can-carry-because-a-token-stands-for-it") == ["too old"]
        daemon.kill()
        daemon.serve()
        assert taps(daemon, sim, token) == ["gone 5"]
        assert sum("gone" in message(s)["text"] for s in sim.sends()) == 2


# --- time ----------------------------------------------------------------------------------------------------------------------

TIMES = """\
session: 30m
rules:
  - { name: offer, tap: offer, reply: { text: 'Book?', buttons: [ [ { text: 'Yes', callback_data: 'yes' }, { text: Look, callback_data: look } ] ] } }
  - { name: 'yes', tap: 'yes', expires: 24h, dedup: 0s, reply: { text: booked }, on_refused: { reply: { text: too late } } }
  - { name: look, tap: look, require_issued: true, dedup: 0s, reply: { text: seen }, on_refused: { reply: { text: not sent } } }
  - { name: me, text: 'I am (?<n>.+)', set: { who: '${n}', long: { value: '${n}', keep: 2h } }, reply: { text: 'Hi ${n}' } }
  - { name: who, text: who, reply: { text: '${chat.who:-nobody}, ${chat.long:-nobody}' } }
  - { name: rest, default: true, reply: { text: What? } }
"""
TIMES_CASES = """\
- name: a button expires
  steps:
    - { tap: offer, expect: { rule: offer, buttons: [ 'Yes', Look ] } }
    - { tap: 'yes', after: 86399s, expect: { rule: 'yes', replies: [ { text: booked } ] } }
    - { tap: 'yes', after: 1s, expect: { rule: 'yes', refused: expired, replies: [ { text: too late } ] } }
    - { tap: offer, expect: { rule: offer } }
    - { tap: 'yes', expect: { rule: 'yes', replies: [ { text: booked } ] } }
- name: each message makes the session longer
  steps:
    - { text: I am Anna, expect: { chat: { who: Anna, long: Anna } } }
    - { text: who, after: 1799s, expect: { replies: [ { text: 'Anna, Anna' } ] } }
    - { text: hello, after: 1799s, expect: { rule: none } }
    - { text: who, after: 1799s, expect: { replies: [ { text: 'Anna, Anna' } ] } }
    - { text: who, after: 30m, expect: { replies: [ { text: 'nobody, Anna' } ], chat: { who: null } } }
    - { text: who, after: 29m, expect: { replies: [ { text: 'nobody, nobody' } ], chat: { long: null } } }
"""


@test
def test_buttons_and_variables_live_as_long_as_they_say():
    with Daemon(rules=TIMES, start=False) as daemon:
        daemon.write("times.test.yaml", TIMES_CASES)
        code, out, err = daemon.run("test", daemon.path("times.test.yaml"))
        assert code == 0 and "\n1..2\n" in "\n" + out, out + err


@test
def test_a_button_that_was_sent_too_long_ago_is_refused():
    with Sim() as sim, Daemon(sim, TIMES.replace("expires: 24h", "expires: 1s")) as daemon:
        assert taps(daemon, sim, "look", "offer", "look") == ["not sent", "Book?", "seen"]
        wait_for(lambda: taps(daemon, sim, "yes") == ["too late"], "the button expired")
        assert taps(daemon, sim, "look") == ["seen"]  # the message is known, its other button does not expire


ATTACHED = """\
rules:
  - name: photo
    text: '.*'
    when: { attachment.type: 'image/png' }
    set: { photo: '${attachment.url}' }
    inbox: { note: 'A photo: ${attachment.url}' }
    reply: { text: 'Thank you for ${attachment.name}.' }
  - { name: which, text: which, reply: { text: '${chat.photo}' } }
  - { name: rest, default: any, reply: { text: 'No photo${attachment.type:-}.' } }
"""


@test
def test_an_attachment_is_kept_and_noted():
    def say(message, text, *files):
        sim.control("PUT", f"hubspot/messages/9598272091/{message}", hubspot_message(text, attachments=list(files)))
        assert daemon.post_hubspot([hubspot_event(9598272091, message)]) == 200
    photo = {"type": "FILE", "fileUsageType": "IMAGE", "name": "x.png", "url": "https://files.example/x"}
    with Sim() as sim, Daemon(sim, ATTACHED) as daemon:
        say("m1", "", photo)
        assert texts(sim, 1) == ["Thank you for x.png."]
        notes = sim.requests("/conversations/v3/conversations/threads/9598272091/messages")
        assert [n["body"]["text"] for n in notes if n["method"] == "POST"] == ["A photo: https://files.example/x"], notes
        say("m2", "and this", dict(photo, name="x.gif"))
        assert texts(sim, 2)[1] == "No photoimage/gif."
        daemon.kill()
        daemon.serve()
        say("m3", "which")
        assert texts(sim, 3)[2] == "https://files.example/x"


# --- keyboards -------------------------------------------------------------------------------------------------------------------

KEYS = """\
rules:
  - name: menu
    text: menu
    reply: { text: 'Menu', keyboard: [ [ { text: 'No, thanks', callback_data: bye }, Plain ] ] }
  - { name: bye, tap: bye, dedup: 0s, reply: { text: 'Fine.' } }
  - { name: other, tap: other, reply: { text: Other, keyboard: [ [ Else ] ] } }
"""


@test
def test_keys_carry_data_while_their_keyboard_is_there():
    with Sim() as sim, Daemon(sim, KEYS) as daemon:
        daemon.tap("<p>No, thanks</p>")  # said to a person
        wait_for(lambda: daemon.metric('callbackd_unmatched_total{source="intercom"}') == 1, "nobody took it")
        daemon.tap("<p>menu</p>")
        assert message(sim.wait_sends(1)[0])["keyboard"] == [["No, thanks", "Plain"]]
        daemon.tap("<p> No, thanks </p>")
        assert texts(sim, 2)[1] == "Fine."  # and this message takes the keyboard away
        daemon.tap("<p>No, thanks</p>")
        wait_for(lambda: daemon.metric('callbackd_unmatched_total{source="intercom"}') == 2, "nobody took it")
        daemon.tap("<p>menu</p>")
        sim.wait_sends(3)
        daemon.tap("<p>other</p>")
        sim.wait_sends(4)
        daemon.tap("<p>No, thanks</p>")
        wait_for(lambda: daemon.metric('callbackd_unmatched_total{source="intercom"}') == 3, "nobody took it")


# --- a person has the chat -----------------------------------------------------------------------------------------------------

QUIET = """\
rules:
  - { name: human, tap: human, quiet: 1h, reply: { text: 'A colleague will write.' } }
  - { name: back, tap: back, dedup: 0s, quiet: 0s, reply: { text: 'Here I am.' } }
  - { name: hello, text: hello, reply: { text: 'Hello!' } }
  - { name: rest, default: any, reply: { text: What? } }
"""


def teammate(daemon, body, topic="conversation.admin.replied", **more):
    assert daemon.post_intercom(intercom_replied(body, topic=topic, author="admin", **more)) == 200


def left_to_people(daemon, count):
    wait_for(lambda: daemon.metric('callbackd_unmatched_total{source="intercom"}') == count, f"{count} left alone")


@test
def test_quiet_leaves_texts_to_people():
    with Sim() as sim, Daemon(sim, QUIET) as daemon:
        assert taps(daemon, sim, "hello", "human") == ["Hello!", "A colleague will write."]
        daemon.tap("<p>hello</p>")
        daemon.tap("<p>what else</p>")
        left_to_people(daemon, 2)
        daemon.kill()
        daemon.serve()
        daemon.tap("<p>hello</p>")
        left_to_people(daemon, 1)
        assert taps(daemon, sim, "back", "hello") == ["Here I am.", "Hello!"]


@test
def test_a_teammate_takes_over_and_closing_ends_it():
    with Sim() as sim, Daemon(sim, QUIET) as daemon:
        assert taps(daemon, sim, "hello") == ["Hello!"]
        teammate(daemon, "<p>Hello!</p>")  # our own message, as the inbox shows it
        assert taps(daemon, sim, "hello") == ["Hello!"]
        teammate(daemon, "<p>Let me see.</p>")
        daemon.tap("<p>hello</p>")
        left_to_people(daemon, 1)
        assert taps(daemon, sim, "back", "hello") == ["Here I am.", "Hello!"]
        teammate(daemon, "<p>Let me see again.</p>")
        daemon.tap("<p>hello</p>")
        left_to_people(daemon, 2)
        teammate(daemon, None, topic="conversation.admin.closed", part_type="close")
        assert taps(daemon, sim, "hello") == ["Hello!"]


# --- the helpdesk ----------------------------------------------------------------------------------------------------------------

INBOX = """\
rules:
  - name: all
    tap: 'all:(?<x>.*)'
    inbox: { note: 'Note <b>${x}</b>', assign_team: 814, assign_teammate: '7', tag: vip, snooze: 1h, close: true }
    reply: { text: 'done ${x}' }
    on_error: { reply: { text: 'not done' } }
"""


def inbox(sim):
    return [r for r in sim.requests("/conversations") + sim.requests("/tags") if r["method"] != "GET"]


@test
def test_intercom_does_all_of_it_in_order():
    with Sim() as sim, Daemon(sim, INBOX, intercom=INTERCOM) as daemon:
        daemon.tap("<p>all:1</p>", conversation="2154001")
        assert texts(sim, 1) == ["done 1"]
        asked = sorted(inbox(sim), key=lambda r: r["seq"])
        assert [r["uri"] for r in asked] == ["/conversations/2154001/reply", "/conversations/2154001/parts",
                                              "/conversations/2154001/parts", "/tags", "/conversations/2154001/tags",
                                              "/conversations/2154001/parts", "/conversations/2154001/parts"]
        bodies = [r["body"] for r in asked]
        assert bodies[0] == {"message_type": "note", "type": "admin", "admin_id": "814860",
                             "body": "Note &lt;b&gt;1&lt;/b&gt;"}, bodies[0]
        assert (bodies[1]["type"], bodies[1]["assignee_id"]) == ("team", "814")
        assert (bodies[2]["type"], bodies[2]["assignee_id"]) == ("admin", "7")
        assert bodies[3] == {"name": "vip"} and bodies[4]["id"] and bodies[4]["admin_id"] == "814860"
        assert bodies[5]["message_type"] == "snoozed" and abs(bodies[5]["snoozed_until"] - time.time() - 3600) < 60
        assert bodies[6]["message_type"] == "close"
        # all of it before the message
        assert sim.sends()[0]["seq"] > asked[-1]["seq"]


@test
def test_the_inbox_is_asked_again_until_it_answers():
    with Sim() as sim, Daemon(sim, INBOX, intercom=INTERCOM) as daemon:
        sim.fault(path="/conversations", status=500, times=1)
        sim.fault(path="/tags", status=429, headers={"Retry-After": "1"}, times=1)
        daemon.tap("<p>all:2</p>")
        assert texts(sim, 1) == ["done 2"]
        assert len(inbox(sim)) == 9


@test
def test_what_the_inbox_refuses_leads_to_on_error():
    with Sim() as sim, Daemon(sim, INBOX, intercom=INTERCOM) as daemon:
        sim.fault(path="/conversations", status=404)
        daemon.tap("<p>all:3</p>")
        assert texts(sim, 1) == ["not done"]
    with Sim() as sim, Daemon(sim, INBOX, intercom={"token": "env:INTERCOM_TOKEN"}) as daemon:
        daemon.tap("<p>all:4</p>")  # no admin_id
        assert texts(sim, 1) == ["not done"]
        assert "admin_id" in runs(daemon, "done")[0]["reason"]
        out = daemon.run("check")[1]
        assert "source 'intercom' has no admin_id: there they will fail" in out, out


@test
def test_hubspot_does_what_it_can():
    with Sim() as sim, Daemon(sim, INBOX.replace("'7'", "A-7")) as daemon:
        sim.control("PUT", "hubspot/messages/9598272091/m1", hubspot_message("all:5"))
        assert daemon.post_hubspot([hubspot_event(9598272091, "m1")]) == 200
        assert texts(sim, 1) == ["done 5"]
        asked = [r for r in sim.requests("/conversations") if r["method"] != "GET"]
        assert [(r["method"], r["uri"]) for r in asked] == [
            ("POST", "/conversations/v3/conversations/threads/9598272091/messages"),
            ("PUT", "/conversations/conversations/v3/threads/9598272091/assignee"),
            ("PATCH", "/conversations/v3/conversations/threads/9598272091")], asked
        assert asked[0]["body"] == {"type": "COMMENT", "text": "Note <b>5</b>", "attachments": []}
        assert asked[1]["body"] == {"actorId": "A-7"} and asked[2]["body"] == {"status": "CLOSED"}
        daemon.wait_log("inbox action left out")


if __name__ == "__main__":
    main()
