#!/usr/bin/env python3
"""What rules do, seen from both ends: which rule takes an entry, and the message that arrives at Octopods, word for word."""

import os
import signal

from harness import *

SEED = """\
rules:
  - name: buttons
    tap: 'summary:(?<id>ORD-[0-9]{4})'
    reply:
      text: 'Here''s your order summary. What would you like to do next?'
      buttons:
        - [ { text: View receipt, url: 'https://example.com/receipt/${id}' } ]
        - [ { text: Track shipment, callback_data: 'track:${id}' }, { text: Contact support, callback_data: 'support:${id}' } ]
      intercom_teammate_id: '814860'
      open_intercom_conversation: true
  - name: keyboard
    text: '(?i)menu'
    reply:
      text: Pick a topic to continue.
      keyboard:
        - [ Orders, Returns ]
        - [ Account, Other ]
      resize_keyboard: true
      one_time_keyboard: true
  - name: remove
    text: '(?i)bye'
    reply: { text: 'Thanks, we''ve got what we need.', open_intercom_conversation: false }
  - name: highlight
    text: '(?i)quote'
    reply: { type: highlight_reply, text: Which order do you mean? }
"""

BUTTONS = [[{"text": "View receipt", "url": "https://example.com/receipt/ORD-9876"}],
           [{"text": "Track shipment", "callback_data": "track:ORD-9876"},
            {"text": "Contact support", "callback_data": "support:ORD-9876"}]]


def bodies(sim, count):
    return [s["body"] for s in sim.wait_sends(count)]


def unmatched(daemon, count):
    wait_for(lambda: daemon.metric('callbackd_unmatched_total{source="intercom"}') >= count, f"{count} unmatched")


def reload_rules(daemon, rules):
    before = daemon.metric("callbackd_reloads_total")
    daemon.write("rules.yaml", rules)
    daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.metric("callbackd_reloads_total") == before + 1, "the reload")


# --- messages --------------------------------------------------------------------------------------------------------------

def send_all_types(daemon):
    for data in ("summary:ORD-9876", "menu", "Bye", "quote"):
        daemon.tap(f"<p>{data}</p>")


@test
def test_all_types_arrive_word_for_word():
    with Sim() as sim, Daemon(sim, SEED) as daemon:
        send_all_types(daemon)
        sends = sim.wait_sends(4)
        assert [s["body"] for s in sends] == [
            {"destination_user_id": "700000001", "telegram_interactive_message": {
                "type": "reply_buttons", "text": "Here's your order summary. What would you like to do next?",
                "buttons": BUTTONS}, "intercom_teammate_id": "814860", "open_intercom_conversation": True},
            {"destination_user_id": "700000001", "telegram_interactive_message": {
                "type": "reply_keyboard", "text": "Pick a topic to continue.",
                "keyboard": [["Orders", "Returns"], ["Account", "Other"]],
                "resize_keyboard": True, "one_time_keyboard": True}},
            {"destination_user_id": "700000001", "telegram_interactive_message": {
                "type": "remove_reply_keyboard", "text": "Thanks, we've got what we need."},
                "open_intercom_conversation": False},
            {"destination_user_id": "700000001", "telegram_interactive_message": {
                "type": "highlight_reply", "text": "Which order do you mean?"}}], sends
        for send in sends:
            assert (send["method"], send["uri"], send["auth"]) == ("POST", "/api/v1/telegram/interactive", "ok"), send
            assert send["headers"]["Content-Type"] == "application/json", send
            assert "Expect" not in send["headers"] and "Transfer-Encoding" not in send["headers"], send


@test
def test_all_types_in_the_markup_dialect():
    with Sim("--key", "sim-key:markup") as sim, Daemon(sim, SEED, channel={"dialect": "markup"}) as daemon:
        send_all_types(daemon)
        assert [b["telegram_interactive_message"] for b in bodies(sim, 4)] == [
            {"type": "reply_buttons", "text": "Here's your order summary. What would you like to do next?",
             "reply_markup": {"inline_keyboard": BUTTONS}},
            {"type": "reply_keyboard", "text": "Pick a topic to continue.", "reply_markup": {
                "keyboard": [[{"text": "Orders"}, {"text": "Returns"}], [{"text": "Account"}, {"text": "Other"}]],
                "resize_keyboard": True, "one_time_keyboard": True}},
            {"type": "remove_reply_keyboard", "text": "Thanks, we've got what we need.",
             "reply_markup": {"remove_keyboard": True}},
            {"type": "highlight_reply", "text": "Which order do you mean?", "reply_markup": {"force_reply": True}}]
        first = sim.sends()[0]["body"]
        assert first["intercom_teammate_id"] == "814860" and first["open_intercom_conversation"] is True, first


@test
def test_switches_of_keyboard_and_highlight_in_markup():
    rules = """\
rules:
  - name: keyboard
    text: k
    reply: { text: Pick, keyboard: [ [ A ] ], is_persistent: true, resize_keyboard: false, input_field_placeholder: Choose one }
  - name: highlight
    text: h
    reply: { type: highlight_reply, text: Which one?, input_field_placeholder: ORD-1234 }
"""
    with Sim("--key", "sim-key:markup") as sim, Daemon(sim, rules, channel={"dialect": "markup"}) as daemon:
        daemon.tap("k")
        daemon.tap("h")
        keyboard, highlight = [b["telegram_interactive_message"]["reply_markup"] for b in bodies(sim, 2)]
        assert keyboard == {"keyboard": [[{"text": "A"}]], "is_persistent": True, "resize_keyboard": False,
                            "input_field_placeholder": "Choose one"}, keyboard
        assert highlight == {"force_reply": True, "input_field_placeholder": "ORD-1234"}, highlight


@test
def test_list_of_replies_goes_out_in_order_and_replies_have_names():
    rules = """\
rows:
  home: [ { text: Home, callback_data: home } ]
replies:
  closing: { text: Anything else?, buttons: [ home ] }
rules:
  - name: many
    tap: 'many:(?<n>[0-9]+)'
    reply:
      - { type: highlight_reply, text: 'first of ${n}' }
      - { text: second, keyboard: [ [ Yes, No ] ] }
      - closing
      - { text: fourth }
  - { name: home, tap: home, reply: closing }
"""
    with Sim() as sim, Daemon(sim, rules) as daemon:
        daemon.tap("many:4")
        assert texts(sim, 4) == ["first of 4", "second", "Anything else?", "fourth"]
        assert [b["telegram_interactive_message"]["type"] for b in bodies(sim, 4)] == [
            "highlight_reply", "reply_keyboard", "reply_buttons", "remove_reply_keyboard"]
        daemon.tap("home", user="700000002")
        named = bodies(sim, 5)[4]
        assert named == {"destination_user_id": "700000002", "telegram_interactive_message": {
            "type": "reply_buttons", "text": "Anything else?", "buttons": [[{"text": "Home", "callback_data": "home"}]]}}, named
        assert len(runs(daemon, "done", 2)) == 2


# --- templates -------------------------------------------------------------------------------------------------------------

VALUES = """\
rules:
  - name: captures
    tap: '(?<shop>[a-z]+):(?<id>[0-9]+):([A-Z]+)'
    reply:
      text: 'Shop ${shop}, order ${id}, $3, $1; costs $$5, conversation ${conversation.id}'
      buttons: [ [ { text: '${id}!', callback_data: 'again:${shop}:$2' } ] ]
  - name: otherwise
    tap: 'maybe(:(?<id>[0-9]+))?'
    reply: { text: 'Order ${id:-of yours} is on its way.' }
  - name: hole
    tap: 'hole(:(?<id>[0-9]+))?'
    reply:
      - { text: This stands alone. }
      - { text: 'Order ${id} is on its way.' }
  - name: link
    text: 'link (?<what>.*)'
    reply: { text: Follow., buttons: [ [ { text: Open, url: 'https://example.com/find/${what}/now?q=${what}#x' } ] ] }
  - name: long
    text: 'say (?<what>.*)'
    reply: { text: '${what}' }
  - name: data
    text: 'data (?<what>.*)'
    reply: { text: Press., buttons: [ [ { text: Go, callback_data: '${what}' } ] ] }
  - name: label
    text: 'label(?<what>.*)'
    reply: { text: Press., buttons: [ [ { text: '${what}', callback_data: go } ] ] }
  - name: keys
    text: 'keys (?<a>\\S+) (?<b>\\S+)'
    reply: { text: Press., keyboard: [ [ '${a}', '${b}' ] ] }
"""


@test
def test_captures_by_name_and_number():
    with Sim() as sim, Daemon(sim, VALUES) as daemon:
        daemon.tap("<p>toys:42:XL</p>", conversation="215468")
        body = bodies(sim, 1)[0]["telegram_interactive_message"]
        assert body == {"type": "reply_buttons", "text": "Shop toys, order 42, XL, toys; costs $5, conversation 215468",
                        "buttons": [[{"text": "42!", "callback_data": "again:toys:42"}]]}, body


@test
def test_defaults_stand_in_for_missing_values():
    with Sim() as sim, Daemon(sim, VALUES) as daemon:
        daemon.tap("maybe")
        daemon.tap("maybe:7")
        assert texts(sim, 2) == ["Order of yours is on its way.", "Order 7 is on its way."]


@test
def test_missing_value_fails_the_run_and_nothing_is_sent():
    with Sim() as sim, Daemon(sim, VALUES) as daemon:
        daemon.tap("hole")
        failed = runs(daemon, "failed")
        assert len(failed) == 1 and failed[0]["rule"] == "hole" and "${id} is missing" in failed[0]["reason"], failed
        code, shown, _ = daemon.run("queue", "show", str(failed[0]["id"]))
        assert code == 0 and "${id} is missing" in shown, shown
        assert "${id} is missing" in daemon.log_text()
        assert sim.requests("/api") == []  # nor the message before the one with the hole
        daemon.tap("hole:7")
        assert texts(sim, 2) == ["This stands alone.", "Order 7 is on its way."]


@test
def test_values_in_a_url_are_escaped():
    with Sim() as sim, Daemon(sim, VALUES) as daemon:
        daemon.tap("link a b/c?d=e&f#g%~ä")
        url = bodies(sim, 1)[0]["telegram_interactive_message"]["buttons"][0][0]["url"]
        escaped = "a%20b%2Fc%3Fd%3De%26f%23g%25~%C3%A4"
        assert url == f"https://example.com/find/{escaped}/now?q={escaped}#x", url
        daemon.tap("link ..")
        failed = runs(daemon, "failed")
        assert "lead elsewhere" in failed[0]["reason"], failed
        assert len(sim.requests("/api")) == 1


@test
def test_message_over_the_limits_fails_and_is_not_sent():
    with Sim() as sim, Daemon(sim, VALUES) as daemon:
        bad = {"700000001": ("say " + "x" * 4097, "4096"), "700000002": ("data " + "x" * 65, "65 bytes"),
               "700000003": ("data " + "ä" * 33, "66 bytes"), "700000004": ("label", "label"),
               "700000005": ("keys one one", "twice")}
        for user, (text, _) in bad.items():
            daemon.tap(text, user=user)
        failed = runs(daemon, "failed", len(bad))
        assert len(failed) == len(bad), failed
        for item in failed:
            assert bad[item["chat"]][1] in item["reason"], item
        assert sim.requests("/api") == []
        daemon.tap("say " + "ä" * 4096)  # at the limits all goes out
        daemon.tap("data " + "ä" * 32)
        long, data = [b["telegram_interactive_message"] for b in bodies(sim, 2)]
        assert long["text"] == "ä" * 4096
        assert data["buttons"][0][0]["callback_data"] == "ä" * 32


# --- which rule ------------------------------------------------------------------------------------------------------------

@test
def test_taps_come_before_texts_and_the_first_match_wins():
    rules = """\
rules:
  - { name: text-first, text: 'menu:.*', reply: { text: by its text } }
  - { name: narrow, tap: 'menu:a', reply: { text: narrow } }
  - { name: wide, tap: 'menu:.*', reply: { text: wide } }
  - { name: never, tap: 'menu:b', reply: { text: never } }
  - { name: words, text: '(?i)hello there', reply: { text: words } }
"""
    with Sim() as sim, Daemon(sim, rules) as daemon:
        for data in ("menu:a", "menu:b", "<p>Hello there</p>"):
            daemon.tap(data)
        assert texts(sim, 3) == ["narrow", "wide", "words"]
        for rule, count in (("narrow", 1), ("wide", 1), ("words", 1), ("text-first", 0), ("never", 0)):
            daemon.wait_metric(f'callbackd_rule_matches_total{{rule="{rule}"}}', count)
        daemon.wait_metric('callbackd_entries_total{source="intercom",kind="either"}', 3)
        daemon.tap('{"callback_data": "Hello there"}')  # surely a tap: no text pattern is tried
        unmatched(daemon, 1)
        daemon.wait_metric('callbackd_entries_total{source="intercom",kind="tap"}', 1)
        assert len(sim.sends()) == 3


@test
def test_patterns_take_the_whole_string():
    rules = """\
rules:
  - { name: short, tap: 'go', text: 'go', reply: { text: short } }
  - { name: long, tap: 'go:[0-9]+', reply: { text: long } }
"""
    with Sim() as sim, Daemon(sim, rules) as daemon:
        for data in ("go on", "ago", "go:12x"):
            daemon.tap(data)
        unmatched(daemon, 3)
        daemon.tap("go:12")
        daemon.tap("  go\n")
        assert texts(sim, 2) == ["long", "short"]


@test
def test_files_in_byte_order():
    rule = "rules: [ {{ name: {0}, tap: 'x:.*', reply: {{ text: {0} }} }} ]\n"
    with Sim() as sim, Daemon(sim, config={"rules": ["rules/"]}, start=False) as daemon:
        os.mkdir(daemon.path("rules"))
        for name in ("20", "10", "B", "a"):
            daemon.write(f"rules/{name}.yaml", rule.format("r" + name.lower()))
        daemon.write("rules/00.test.yaml", "- this is no rule file")
        daemon.write("rules/.05.yaml", "nor this")
        daemon.serve()
        daemon.tap("x:1")
        assert texts(sim, 1) == ["r10"]
        assert daemon.metric("callbackd_rules_loaded") == 4


DEFAULT = """\
rules:
  - { name: start, text: start, reply: { text: Go on., buttons: [ [ { text: On, callback_data: dead end } ] ] } }
  - { name: known, tap: 'known:.*', reply: { text: known } }
  - { name: old, default: true, reply: { text: too old } }
"""


@test
def test_default_is_for_taps_and_leaves_texts_alone():
    with Sim() as sim, Daemon(sim, DEFAULT) as daemon:
        for text in ("Where is my parcel?", "dead end", "it was: broken"):
            daemon.tap(f"<p>{text}</p>")
        unmatched(daemon, 3)
        assert sim.requests("/api") == [] and daemon.queue("--all", "--state", "ready") == []
        daemon.tap("removed:17")  # looks like data
        daemon.tap('{"callback_data": "any words"}')  # is data
        assert texts(sim, 2) == ["too old", "too old"]
        daemon.tap("start")
        assert texts(sim, 3)[2] == "Go on."
        daemon.tap("dead end")  # the ledger knows it now
        assert texts(sim, 4)[3] == "too old"
        daemon.tap("dead end", user="700000002")  # but not from this chat
        unmatched(daemon, 4)
        assert len(sim.sends()) == 4


@test
def test_default_any_takes_texts_too():
    with Sim() as sim, Daemon(sim, DEFAULT.replace("default: true", "default: any")) as daemon:
        daemon.tap("<p>Where is my parcel?</p>")
        daemon.tap("known:1")
        assert texts(sim, 2) == ["too old", "known"]


@test
def test_looks_like_tap_is_configuration():
    with Sim() as sim, Daemon(sim, DEFAULT, intercom={"looks_like_tap": "btn[.].*"}) as daemon:
        daemon.tap("removed:17")
        unmatched(daemon, 1)
        daemon.tap("btn.gone")
        assert texts(sim, 1) == ["too old"]


@test
def test_costly_pattern_counts_as_no_match():
    rules = """\
rules:
  - { name: costly, tap: 'x:(a|aa)+y', reply: { text: costly } }
  - { name: plain, tap: 'x:.*', reply: { text: plain } }
"""
    with Sim() as sim, Daemon(sim, rules) as daemon:
        daemon.tap("x:aay")
        assert texts(sim, 1) == ["costly"]
        daemon.wait_metric("callbackd_match_limits_total", 0)
        daemon.tap("x:" + "a" * 200 + "zy")
        assert texts(sim, 2)[1] == "plain"
        daemon.wait_metric("callbackd_match_limits_total", 1)


# --- versions --------------------------------------------------------------------------------------------------------------

def version(word):
    return f"""\
rules:
  - {{ name: track, tap: 'track:(?<id>[0-9]+)', reply: {{ text: '{word} ${{id}}' }} }}
"""


@test
def test_reload_changes_rules_for_new_taps():
    with Sim() as sim, Daemon(sim, version("old")) as daemon:
        daemon.tap("track:1")
        sim.wait_sends(1)
        reload_rules(daemon, version("new") + "  - { name: more, tap: more, reply: { text: more } }\n")
        daemon.tap("track:2")
        daemon.tap("more")
        assert texts(sim, 3) == ["old 1", "new 2", "more"]
        assert daemon.metric("callbackd_rules_loaded") == 2


@test
def test_waiting_run_keeps_its_rules_over_reload_and_restart():
    with Sim() as sim, Daemon(sim, version("old")) as daemon:
        paused = 'callbackd_sends_total{channel="shop",outcome="paused"}'
        sim.fault(status=401, times=-1)
        daemon.tap("track:1")
        daemon.wait_metric(paused, 1)
        daemon.tap("track:2")  # waits behind the first, not rendered yet
        wait_for(lambda: daemon.metric('callbackd_runs{state="ready"}') == 2)
        reload_rules(daemon, version("new"))
        daemon.wait_metric(paused, 2)  # the reload opened it; from here on nothing is under way
        daemon.tap("track:3")
        wait_for(lambda: daemon.metric('callbackd_runs{state="ready"}') == 3)
        daemon.send_signal(signal.SIGKILL)
        daemon.process.wait()
        sim.control("DELETE", "faults")
        daemon.serve()
        assert texts(sim, 3) == ["old 1", "old 2", "new 3"]
        assert len(runs(daemon, "done", 3)) == 3


if __name__ == "__main__":
    main()
