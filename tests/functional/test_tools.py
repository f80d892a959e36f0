#!/usr/bin/env python3
"""The tools for people who write rules: they need no store, and no network or secret but for `try --live`."""

import re
import stat
import xml.etree.ElementTree

from harness import *

CONFIG = """\
sources:
  - { name: any, kind: intercom, path: /any, secrets: [ env:NONE_SUCH ], channel: shop }
channels:
  shop: { key: env:NONE_SUCH }
  plain: { key: env:NONE_SUCH, dialect: markup }
"""

TOOL_RULES = """\
rules:
  - name: track
    tap: 'track:(?<id>ORD-[0-9]{4,12})'
    text: '(?<id>ORD-[0-9]{4,12})'
    reply:
      text: 'Order ${id} is on its way.'
      buttons:
        - [ { text: Refresh, callback_data: 'track:${id}' }, { text: Shop, url: 'https://example.com/' } ]
        - [ { text: Menu, callback_data: menu } ]
  - name: menu
    tap: menu
    text: '(?i)menu'
    reply:
      - { text: Welcome. }
      - text: Pick a topic.
        keyboard: [ [ Orders, Returns ], [ Bye ] ]
        one_time_keyboard: true
  - { name: bye, text: Bye, reply: { text: See you. } }
  - { name: who, text: who, reply: { text: 'You are ${contact.name}.' } }
  - { name: old, default: true, reply: { text: That button is too old. } }
"""


class Folder:
    """A configuration and its rules."""

    def __init__(self, rules=TOOL_RULES):
        self.path = tempfile.mkdtemp(prefix="callbackd-tools-")
        self.write("callbackd.yaml", CONFIG)
        self.write("rules/10.yaml", rules)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def write(self, name, text):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(os.path.join(self.path, name), encoding="utf-8") as file:
            return file.read()

    def run(self, command, *words, given=None, wanted=0, env=None):
        """Standard output and standard error; the exit code is as wanted."""
        done = subprocess.run([CALLBACKD, command, "-c", "callbackd.yaml", *words], cwd=self.path, encoding="utf-8",
                              input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE, check=False,
                              env={**os.environ, **(env or {})})
        assert done.returncode == wanted, f"exits {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout, done.stderr


def messages(out):
    return [json.loads(line)["telegram_interactive_message"] for line in out.splitlines()]


# --- try -------------------------------------------------------------------------------------------------------------------


@test
def try_prints_the_request_bodies():
    with Folder() as folder:
        out, err = folder.run("try", "track:ORD-1234")
        assert json.loads(out) == {"destination_user_id": "1000000001", "telegram_interactive_message": {
            "type": "reply_buttons", "text": "Order ORD-1234 is on its way.", "buttons": [
                [{"text": "Refresh", "callback_data": "track:ORD-1234"}, {"text": "Shop", "url": "https://example.com/"}],
                [{"text": "Menu", "callback_data": "menu"}]]}}, out
        assert err == 'rule: track (its tap pattern takes it)\ncaptures: {"1":"ORD-1234","id":"ORD-1234"}\n', err
        out, err = folder.run("try", "--text", "Menu")
        assert [m["type"] for m in messages(out)] == ["remove_reply_keyboard", "reply_keyboard"], out
        assert err == "rule: menu (its text pattern takes it)\n", err


@test
def try_knows_chats_channels_contacts():
    with Folder() as folder:
        out, _ = folder.run("try", "--chat", "-42", "--channel", "plain", "track:ORD-1234")
        assert json.loads(out)["destination_user_id"] == "-42", out
        assert messages(out)[0]["reply_markup"]["inline_keyboard"][1] == [{"text": "Menu", "callback_data": "menu"}], out
        out, _ = folder.run("try", "--text", "--contact", '{"name":"Änne"}', "who")
        assert messages(out)[0]["text"] == "You are Änne.", out


@test
def try_says_why_nothing_is_sent():
    with Folder() as folder:
        assert folder.run("try", "--text", "hello", wanted=1) == ("", "nothing is sent: no rule takes it\n")
        out, err = folder.run("try", "--text", "who", wanted=1)
        assert out == "" and err.startswith("rule: who") and "the run is failed: " in err and "contact.name" in err, err
        _, err = folder.run("try", "strange")
        assert err == "rule: old (as the default)\n", err


@test
def try_refuses_what_it_cannot_use():
    with Folder() as folder:
        for words, complaint in [(["--source", "x", "a"], "there is no source 'x'"),
                                 (["--channel", "x", "a"], "there is no channel 'x'"),
                                 (["--contact", "[]", "a"], "no JSON object"),
                                 (["--contact", "{", "a"], "--contact"), ([], "usage"), (["a", "b"], "usage"),
                                 (["--chat", "anna", "a"], "'anna' is no user id"), (["--chat", "", "a"], "'' is no user id"),
                                 (["\udcff"], "the data is not UTF-8")]:
            out, err = folder.run("try", *words, wanted=2)
            assert out == "" and complaint in err, err
        folder.write("rules/10.yaml", "rules: [ { nam: x } ]")
        _, err = folder.run("try", "a", wanted=3)
        assert "did you mean" in err, err


SHOP_RULES = """\
lookups:
  orders:
    url: '%(shop)s/api/customers/${contact.shop_id}/orders'
    headers: { Authorization: 'Bearer ${secret.SHOP_TOKEN}' }
    cache: 1h
    fields: { list.*.id: 'ORD-[0-9]{4,12}' }
    sample: { list: [ { id: ORD-1001 }, { id: ORD-1002 } ] }
  order: { url: '%(shop)s/api/orders/${id}', timeout: 1s, sample: { status: shipped } }
  return:
    url: '%(shop)s/api/returns'
    method: POST
    headers: { Authorization: 'Bearer ${secret.SHOP_TOKEN}' }
    body: { order: '${id}' }
    sample: { number: RET-1 }
rules:
  - name: orders
    tap: orders
    text: orders
    lookup: orders
    reply:
      text: '${orders.list.count} orders'
      buttons: [ { repeat: orders.list, as: o, row: [ { text: '${o.id}', callback_data: 'track:${o.id}' } ] } ]
    not_found: { reply: { text: No such customer. } }
    on_error: { reply: { text: The shop is down. } }
  - name: track
    tap: 'track:(?<id>ORD-[0-9]{4,12})'
    lookup: order
    set: { last: '${id}' }
    reply: { text: 'Order ${id} is ${order.status}.' }
    not_found: { reply: { text: 'No order ${id}.' } }
    on_error: { reply: { text: The shop is down. } }
  - { name: bare, tap: 'bare:(?<id>.+)', lookup: order, reply: { text: '${order.status}' } }
  - { name: send-back, tap: 'return:(?<id>.+)', lookup: return, reply: { text: 'Booked: ${return.number}' }, on_error: { reply: { text: not booked } } }
  - name: photo
    text: '.*'
    when: { attachment.type: 'image/.+' }
    do:
      - inbox: { note: 'A photo: ${attachment.url:-nowhere}', tag: photo, close: true }
      - set: { photos: { value: '${attachment.name:-a photo}', keep: 30d } }
      - quiet: 12h
      - reply: { text: Thank you. }
  - { name: de, text: de, set: { lang: { value: de, keep: 365d }, topic: language }, reply: { text: Gut. } }
  - { name: forget, text: forget, set: { topic: null }, reply: { text: Forgotten. } }
"""
SHOP_CONFIG = CONFIG + "secrets: { SHOP_TOKEN: env:SHOP_TOKEN }\n"
SHOP_URL = "https://shop.example.com"
CUSTOMER = ["--contact", '{"shop_id":77}']


def shop_folder(url=SHOP_URL, config=SHOP_CONFIG):
    folder = Folder(SHOP_RULES % {"shop": url})
    folder.write("callbackd.yaml", config)
    return folder


def text_of(out):
    return messages(out)[0]["text"]


@test
def try_is_told_what_lookups_answer():
    with shop_folder() as folder:
        out, err = folder.run("try", *CUSTOMER, "orders")
        assert text_of(out) == "2 orders", out
        assert err == ("rule: orders (its tap pattern takes it)\n"
                       "lookup: orders, answered by its sample: https://shop.example.com/api/customers/77/orders\n"), err
        out, err = folder.run("try", *CUSTOMER, "--lookup", 'orders={"list":[{"id":"ORD-7777"}]}', "orders")
        assert text_of(out) == "1 orders" and "ORD-7777" in out, out
        assert "lookup: orders, answered as given, with status 200: https://shop" in err, err
        out, err = folder.run("try", *CUSTOMER, "--lookup", "order=error", "--lookup", "orders=not_found", "orders")
        assert text_of(out) == "No such customer.", out
        assert err.endswith("\nnot_found: lookup orders finds nothing\n"), err
        out, err = folder.run("try", "--lookup=order = error", "track:ORD-1001")
        assert text_of(out) == "The shop is down." and err.endswith("\non_error: lookup order: status 500\n"), err
        out, err = folder.run("try", "--lookup", "order=error", "bare:ORD-1001", wanted=1)
        assert out == "" and err.endswith("\nthe run is failed: lookup order: status 500\n"), err
        out, _ = folder.run("try", "--lookup", "order=error", "--lookup", "order=sample", "track:ORD-1001")
        assert text_of(out) == "Order ORD-1001 is shipped.", out
        # the URL misses a value: nobody is asked, but what was said to fail fails
        out, err = folder.run("try", "orders")
        assert text_of(out) == "No such customer." and "lookup: " not in err, err
        out, err = folder.run("try", "--lookup", "orders=error", "orders")
        assert text_of(out) == "The shop is down." and err.endswith("\non_error: lookup orders: status 500\n"), err
        _, err = folder.run("try", "return:ORD-1001")
        assert "lookup: return, answered by its sample: https://shop.example.com/api/returns\n  body: {\"order\":\"ORD-1001\"}\n" in err, err


@test
def try_refuses_answers_that_cannot_be():
    with shop_folder() as folder:
        for words, complaint in [
                ("ordr=error", "no rule asks a lookup 'ordr'; did you mean 'order'?"), ("x=error", "no rule asks a lookup 'x'"),
                ("order", "write NAME=JSON"), ("=error", "no rule asks a lookup ''"),
                ("order=eror", "lookup order: neither JSON nor not_found, error, sample; did you mean error?"),
                ("order=", "lookup order: "), ("order={", "lookup order: "), ('order={"a":1} x', "lookup order: "),
                ("order=7", "lookup order: JSON, but neither an object nor a list"), ("order=null", "lookup order: "),
                ('order={"a":NaN}', "lookup order: "), ('order={"a":"\udcff"}', "lookup order: "),
                ("order=" + "[" * 70 + "]" * 70, "lookup order: "),
                ('orders={"list":[{"id":"ORD-1"}]}', "the answer breaks 'fields': list.*.id is not what its pattern takes")]:
            out, err = folder.run("try", "--lookup", words, "orders", wanted=2)
            assert out == "" and err.startswith("callbackd: --lookup: ") and complaint in err, err


@test
def try_really_asks():
    token = {"SHOP_TOKEN": "shop-secret-7d1f"}
    config = SHOP_CONFIG + "private_hosts: [ 127.0.0.1 ]\n"
    with Sim("--shop-token", token["SHOP_TOKEN"]) as sim, shop_folder(sim.url + "/shop", config) as folder:
        out, err = folder.run("try", "--live", *CUSTOMER, "orders", env=token)
        assert text_of(out) == "3 orders", out
        assert re.search(r"^lookup: orders, answered live with status 200 in [0-9]+ ms: http://127[^ ]*/customers/77/orders$", err, re.M), err
        assert token["SHOP_TOKEN"] not in out + err, err
        sim.fault(path="/shop/api/orders", delay_ms=20000)
        out, err = folder.run("try", "--live", "track:ORD-1001", env=token)
        assert text_of(out) == "The shop is down." and "lookup: order, asked live without an answer (" in err, err
        assert "on_error: lookup order: no answer: " in err, err
        # a POST is made
        out, err = folder.run("try", "--live", "return:ORD-1001", env=token)
        assert text_of(out).startswith("Booked: RET-") and '  body: {"order":"ORD-1001"}\n' in err, err
        assert len(sim.control("GET", "shop/returns")) == 1
        # what is given is not asked for
        asked = len(sim.requests("/shop"))
        out, _ = folder.run("try", "--live", "--lookup", "order=sample", "track:ORD-1001", env=token)
        assert text_of(out) == "Order ORD-1001 is shipped." and len(sim.requests("/shop")) == asked, out


@test
def try_asks_within_the_bounds_of_the_daemon():
    token = {"SHOP_TOKEN": "shop-secret-7d1f"}
    with Sim() as sim:
        for url in [sim.url, "http://localhost:%d" % sim.address[1]]:
            with shop_folder(url + "/shop") as folder:
                out, err = folder.run("try", "--live", "track:ORD-1001", env=token)
                assert text_of(out) == "The shop is down." and "private_hosts" in err, err
        assert not sim.requests("/shop")
        config = SHOP_CONFIG + "private_hosts: [ 127.0.0.1 ]\n"
        with shop_folder(sim.url + "/shop", config) as folder:
            for fault, reason in [({"status": 200, "body": "{\"status\":\"" + "x" * 200_000 + "\"}"}, "larger than 128 KiB"),
                                  ({"status": 302, "headers": {"Location": "/shop/api/orders/ORD-1002"}, "body": ""}, "status 302")]:
                sim.fault(path="/shop", **fault)
                _, err = folder.run("try", "--live", "track:ORD-1001", env=token)
                assert "on_error: lookup order: " in err and reason in err, err
            # secrets that rules may use are read, and no others
            _, err = folder.run("try", "--live", "track:ORD-1001", wanted=3, env={"SHOP_TOKEN": ""})
            assert "SHOP_TOKEN" in err and "NONE_SUCH" not in err, err


# --- test ------------------------------------------------------------------------------------------------------------------

CASES = """\
- name: an order is looked at
  steps:
    - text: ORD-1234
      expect:
        rule: track
        replies: [ { type: reply_buttons, buttons: [ [ Refresh, { url: 'https://example.com/' } ], [ { callback_data: menu } ] ] } ]
        buttons: [ Refresh, Shop, Menu ]
    - { press: Refresh, expect: { rule: track } }
    - { press: Refresh, after: 1s, expect: { rule: none, replies: [] } }
    - { press: Menu, expect: { rule: menu, replies: [ { text: Welcome. }, { type: reply_keyboard } ] } }
    - { press: Bye, expect: { rule: bye, buttons: [] } }
- name: 'a contact # has a name'
  contact: { name: Anna }
  text: who
  expect: { replies: [ { text: You are Anna. } ] }
- { name: silence, text: hello, expect: { rule: none } }
"""


@test
def cases_that_hold():
    with Folder() as folder:
        folder.write("a.test.yaml", CASES)
        out, err = folder.run("test", "a.test.yaml", "--junit", "junit.xml")
        assert out == """\
1..3
ok 1 - an order is looked at
ok 2 - a contact \\# has a name
ok 3 - silence
# rules: 4 of 5 reached (80 %)
#   not reached: rule 'old' (rules/10.yaml:20)
# buttons: 3 of 5 pressed (60 %)
#   not pressed: 'Orders' of rule 'menu' (rules/10.yaml:16)
#   not pressed: 'Returns' of rule 'menu' (rules/10.yaml:16)
""", out
        assert err == "", err
        assert '<testsuite name="callbackd" tests="3" failures="0">' in folder.read("junit.xml")


def failing(step, *lines):
    """A case of this step, and what is said of it."""
    with Folder() as folder:
        folder.write("a.test.yaml", "- name: 'a & b'\n  steps:\n    - { text: Menu }\n    - " + step + "\n")
        out, _ = folder.run("test", "a.test.yaml", "--junit", "junit.xml", wanted=1)
        assert out.startswith("1..1\nnot ok 1 - a & b\n"), out
        for line in lines:
            assert "# " + line + "\n" in out, out
        assert 'failures="1"' in folder.read("junit.xml") and "a &amp; b" in folder.read("junit.xml")


@test
def cases_that_fail_say_why():
    at = "a.test.yaml:4: step 2, "
    failing("{ text: hello, expect: { rule: track } }",
            at + "text 'hello': rule: expected 'track', got 'none' (no rule takes it)")
    failing("{ text: Bye, expect: { rule: track, replies: [ { text: Hm. } ], buttons: [ A, B ] } }",
            at + "text 'Bye': rule: expected 'track', got 'bye'",
            at + "text 'Bye': reply 1: text: expected 'Hm.', got 'See you.'",
            at + "text 'Bye': buttons: expected A, B; got none",
            '  sent 1: {"type":"remove_reply_keyboard","text":"See you."}')
    failing("{ text: Bye, expect: { replies: [] } }", at + "text 'Bye': replies: expected 0, got 1")
    failing("{ press: Refresh }", at + "press 'Refresh': there is no button 'Refresh'; there is: Orders, Returns, Bye")
    failing("{ text: Bye, expect: { chat: { a: 1, b: null }, refused: used, inbox: { note: Hm., close: true } } }",
            at + "text 'Bye': inbox: expected note: Hm., close: true; got nothing", at + "text 'Bye': chat.a: expected '1', got none",
            at + "text 'Bye': refused: expected 'used', got none")
    failing("{ text: who }", at + "text 'who': the run of rule 'who' is failed: text: ${contact.name} is missing: it has no value here and no default")


@test
def cases_that_cannot_be_read():
    with Folder() as folder:
        folder.write("a.test.yaml", "- { name: a, tap: b, expect: { rule: trakc } }\n- { nam: b, tap: c }\n")
        out, err = folder.run("test", "a.test.yaml", wanted=3)
        assert out == "" and "a.test.yaml:2:5: error: unknown key 'nam'" in err, err
        folder.write("a.test.yaml", "- { name: a, tap: b, expect: { rule: trakc } }\n")
        _, err = folder.run("test", "a.test.yaml", wanted=3)
        assert "a.test.yaml:1:38: error: there is no rule 'trakc'" in err and "did you mean 'track'?" in err, err
        _, err = folder.run("test", "none.yaml", wanted=3)
        assert "none.yaml" in err, err
        folder.run("test", wanted=2)


@test
def cases_of_a_folder():
    with Folder() as folder:
        _, err = folder.run("test", "rules", wanted=3)
        assert err.startswith("error: rules: the folder has no test cases (*.test.yaml, *.test.yml, *.test.json)\n"), err
        folder.write("rules/b.test.json", '[ { "name": "b", "text": "Bye", "expect": { "rule": "bye" } } ]')
        folder.write("rules/a.test.yaml", "- { name: a, text: Bye, expect: { rule: bye } }\n")
        folder.write("rules/.c.test.yaml", "- { name: c, nothing }\n")
        out, _ = folder.run("test", "rules/")
        assert out.startswith("1..2\nok 1 - a\nok 2 - b\n"), out
        folder.write("rules/a.test.yaml", "- { name: a, text: Bye, expect: { rule: buy } }\n")
        _, err = folder.run("test", "rules", wanted=3)
        assert "rules/a.test.yaml:1:41: error: there is no rule 'buy'" in err, err


SHOP_CASES = """\
- name: the shop fails between two presses
  contact: { shop_id: 77 }
  steps:
    - { tap: orders, expect: { buttons: [ ORD-1001, ORD-1002 ] } }
    - { tap: orders, lookups: { orders: error }, expect: { replies: [ { text: The shop is down. } ] } }
    - { tap: orders, lookups: { orders: sample }, expect: { buttons: [ ORD-1001, ORD-1002 ] } }
    - { tap: orders, lookups: { orders: { list: [ { id: ORD-9999 } ] } }, expect: { buttons: [ ORD-9999 ] } }
- name: what is kept is used again
  contact: { shop_id: 77 }
  steps:
    - { tap: orders, lookups: { orders: { list: [ { id: ORD-8888 } ] } }, expect: { buttons: [ ORD-8888 ] } }
    - { tap: orders, expect: { buttons: [ ORD-8888 ] } }
    - { tap: 'track:ORD-1001', lookups: { order: error }, expect: { replies: [ { text: The shop is down. } ] } }
"""


@test
def lookups_of_a_step_hold_at_once():
    with shop_folder() as folder:
        folder.write("a.test.yaml", SHOP_CASES)
        out, _ = folder.run("test", "a.test.yaml")
        assert out.startswith("1..2\nok 1 - the shop fails between two presses\nok 2 - what is kept is used again\n"), out
        large = "- { name: large, tap: 'bare:1', lookups: { order: { status: fine, more: %s } } }\n"
        folder.write("a.test.yaml", large % ("x" * 100_000))
        folder.run("test", "a.test.yaml")
        folder.write("a.test.yaml", large % ("x" * 140_000))
        assert "the answer is too large" in folder.run("test", "a.test.yaml", wanted=3)[1]
        folder.write("a.test.yaml", "- { name: a, tap: b, lookups: { order: eror } }\n")
        _, err = folder.run("test", "a.test.yaml", wanted=3)
        assert "a map or a list is expected here, or one of not_found, error, sample\n" in err and "did you mean 'error'?" in err, err
        folder.write("a.test.yaml", "- { name: a, tap: b, lookups: { ordr: error } }\n")
        _, err = folder.run("test", "a.test.yaml", wanted=3)
        assert "no rule asks a lookup 'ordr'" in err and "did you mean 'order'?" in err, err


RICH_RULES = """\
zone: Europe/Berlin
hours: { shop: { open: [ 'Mon-Fri 09:00-18:00' ] } }
languages: [ en, de ]
rules:
  - { name: log, text: '(?i)hello', continue: true, reply: { text: Noted. } }
  - name: hello
    text: '(?i)hello'
    choose:
      - when: { hours.shop: open }
        reply:
          text: { en: We are open., de: Wir haben offen. }
          buttons:
            - { repeat: contact.orders, as: o, per_row: 2, row: [ { text: 'Order ${o.id}', callback_data: 'order:${o.id}' } ] }
            - [ { text: { en: Help, de: Hilfe }, callback_data: help } ]
            - [ { text: VIP, callback_data: vip, when: { contact.vip: 'true' } } ]
      - reply: { text: { en: Closed., de: Geschlossen. }, buttons: [ [ { text: { en: Help, de: Hilfe }, callback_data: help } ] ] }
  - { name: order, tap: 'order:(?<id>[0-9]+)', final: true, reply: { text: 'Order ${id}' } }
  - { name: vip-help, tap: help, when: { contact.vip: 'true' }, final: true, reply: { text: At once. } }
  - { name: help, tap: 'help', final: true, reply: { text: Later. } }
  - { name: vip, tap: vip, final: true, reply: { text: VIP. } }
  - { name: old, default: true, final: true, reply: { text: Old. } }
"""

RICH_CASES = """\
- name: open, in German
  at: '2026-12-01T10:00:00+01:00'
  contact: { language: de-AT, orders: [ { id: 1 }, { id: 2 }, { id: 3 } ] }
  steps:
    - text: hello
      expect: { rule: log, replies: [ { text: Noted. }, { text: Wir haben offen. } ], buttons: [ Order 1, Order 2, Order 3, Hilfe ] }
    - { press: Hilfe, expect: { rule: help } }
    - { text: hello, after: 9h, expect: { replies: [ {}, { text: Geschlossen. } ] } }
- name: a good customer
  at: '2026-12-01T10:00:00+01:00'
  contact: { vip: true, orders: [ { id: 77 } ] }
  steps:
    - { text: hello, expect: { buttons: [ Order 77, Help, VIP ] } }
    - { press: Order 77, expect: { rule: order, replies: [ { text: Order 77 } ] } }
    - { text: hello }
    - { press: VIP, expect: { rule: vip } }
    - { text: hello }
    - { press: Help, expect: { rule: vip-help } }
- { name: old, tap: 'order:x', expect: { rule: old } }
- { name: not quite, tap: 'help!', expect: { rule: old } }
"""


@test
def the_whole_language():
    with Folder(RICH_RULES) as folder:
        folder.write("a.test.yaml", RICH_CASES)
        out, _ = folder.run("test", "a.test.yaml", "--mutate")
        assert "# rules: 7 of 7 reached (100 %)\n" in out, out
        assert "# buttons: 3 of 4 pressed (75 %)\n#   not pressed: 'Help' of rule 'hello'" in out, out
        tried = int(re.search(r"# mutants: [0-9]+ of ([0-9]+) noticed", out)[1])
        assert tried >= 14 and "swapped" not in out, out
        out, _ = folder.run("graph", "--format", "dot")
        for edge in ['"hello" -> "vip-help" [label="Help"]', '"hello" -> "help" [label="Help"]', '"hello" -> "vip" [label="VIP"]']:
            assert edge in out, out


@test
def mistakes_that_no_case_notices():
    with Folder() as folder:
        folder.write("a.test.yaml", CASES)
        out, _ = folder.run("test", "a.test.yaml", "--mutate")
        assert "#   not noticed: rule 'old' left out (rules/10.yaml:20)\n" in out, out
        assert "#   not noticed: rule 'track' with text: '(?<id>ORD-[0-9]+)' (rules/10.yaml:2)\n" in out, out
        assert "rule 'track' left out" not in out and "rule 'menu' left out" not in out, out
        folder.write("a.test.yaml", "- { name: a, tap: menu, expect: { rule: none } }\n")
        out, _ = folder.run("test", "a.test.yaml", "--mutate", wanted=1)
        assert out.endswith("# mutants: none made while a case fails\n"), out


# --- graph -----------------------------------------------------------------------------------------------------------------

@test
def pictures():
    rules = TOOL_RULES + "  - { name: lost, tap: lost, reply: { text: 'A & B', buttons: [ [ { text: '<&>', callback_data: menu } ] ] } }\n"
    with Folder(rules) as folder:
        out, err = folder.run("graph")
        root = xml.etree.ElementTree.fromstring(out)
        words = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
        assert root.tag.endswith("}svg") and err == "", err
        for word in ["track", "tap, text", "Refresh", "↻", "Shop", "↗", "Menu", "<&>", "tap (nothing leads here)"]:
            assert word in words, words
        out, _ = folder.run("graph", "--format", "dot")
        assert '"track" -> "menu" [label="Menu"];' in out and '"menu" -> "bye" [label="Bye"];' in out, out
        assert '"menu" -> " nowhere" [label="Orders"' in out, out
        out, _ = folder.run("graph", "--format", "mermaid")
        assert out.startswith("flowchart LR\n") and 'r5 -->|"<&>"| r1' in out, out
        folder.run("graph", "--format", "png", wanted=2)


# --- chat ------------------------------------------------------------------------------------------------------------------


@test
def a_talk_in_the_terminal():
    with Folder() as folder:
        out, err = folder.run("chat", given="ORD-1234\n:why\n3\n2\n1\n:back\n:quit\n")
        assert err == "", err
        assert "│ Order ORD-1234 is on its way. │\n" in out, out
        assert "│ [1] Refresh  │ │  [2] Shop ↗  │" in out and "[3] Menu" in out, out
        assert '> :why\nrule: track (its text pattern takes it)\ncaptures: {"1":"ORD-1234","id":"ORD-1234"}\n' in out, out
        assert "┃ [1] Orders  ┃ ┃ [2] Returns ┃" in out and "  keyboard: one time keyboard\n" in out, out
        assert "> 2\n(nothing is sent: no rule takes it)\n> 1\n(nothing is sent: no rule takes it)\n> :back\n" in out, out


@test
def a_talk_becomes_a_case():
    with Folder() as folder:
        talk = "Menu\n3\n:after 31m\nORD-1234\n2\n1\n:tap something\nhello \"${you}\" \\\n:save a.test.yaml\n"
        out, _ = folder.run("chat", "--contact", '{"name":"Änne"}', given=talk)
        assert "(saved)" in out and "('Shop' opens https://example.com/)" in out, out
        case = folder.read("a.test.yaml")
        assert "after: 1860000ms" in case and "rule: none" in case and 'press: "Bye"' in case, case
        out, _ = folder.run("test", "a.test.yaml")
        assert out.startswith("1..1\nok 1 - a talk\n"), out


@test
def a_talk_that_goes_wrong():
    with Folder() as folder:
        out, _ = folder.run("chat", given=":back\n:why\n:save x\n:what\n:why not\nwho\n:save x\n:after later\n:after 401d\n:after -1s\n")
        assert "(there is nothing to take back)" in out and "(nothing was said yet)" in out, out
        assert "(there is no :what, perhaps :why; :help lists what there is)" in out, out
        assert "(failed: text: ${contact.name} is missing" in out and "(turn 1, 'who', did not end well" in out, out
        assert out.count("(:after wants a time such as 31m, up to 400d)") == 3, out
        out, _ = folder.run("chat", given=":back\nMenu\n:back\n:back\n:quit\nMenu\n")
        assert out.endswith("> :back\n(nothing is said yet)\n> :back\n(there is nothing to take back)\n> :quit\n"), out
        out, _ = folder.run("chat", given=":help")
        commands = re.findall("^  :([a-z]+) ", out, re.M)
        assert commands == "text tap attach after lookup vars why back save help quit".split(), out
        with open(os.path.join(os.environ.get("srcdir", "."), "contrib/man/callbackd.8"), encoding="utf-8") as page:
            assert re.findall("^\\.It Ic :([a-z]+)", page.read(), re.M) == commands
        folder.run("chat", "--contact", "7", wanted=2)
        folder.write("rules/10.yaml", "rules: [ 7 ]")
        folder.run("chat", wanted=3)



@test
def a_talk_of_numbers():
    with Folder() as folder:
        out, _ = folder.run("chat", given="7\nORD-1234\n0\n4\n4711\n:text 1\n3\n")
        assert out.startswith("> 7\n(nothing is sent: no rule takes it)\n> ORD-1234\n"), out
        assert "> 0\n(there is no button 0; :text 0 writes it)\n> 4\n(there is no button 4; " in out, out
        assert "> 4711\n(nothing is sent: no rule takes it)\n> :text 1\n(nothing is sent: no rule takes it)\n> 3\n" in out, out


@test
def a_talk_with_what_is_no_text():
    with Folder() as folder:
        given = b"\xff\xfe\n" + b"x" * 300_000 + b"\n\x1b[A\nme\x00nu\nMenu\nBye"
        done = subprocess.run([CALLBACKD, "chat", "-c", "callbackd.yaml"], cwd=folder.path, input=given, capture_output=True,
                              timeout=PATIENCE, check=False)
        out = done.stdout.decode()  # and is UTF-8 itself
        assert done.returncode == 0 and done.stderr == b"", done.stderr
        assert out.count("(the line is not UTF-8)\n") == 1 and out.count("(the line has control characters") == 2, out
        assert "(the line is too long)\n" in out and len(out) < 10_000 and "\x1b" not in out and "\0" not in out, out
        assert "Pick a topic." in out and "See you." in out, out


@test
def a_talk_that_is_long():
    with Folder() as folder:
        out, _ = folder.run("chat", given="Bye\n" * 1001 + ":back\n:save a.test.yaml\n")
        assert out.count("See you.") == 1001 and out.count("(a talk has 1000 turns at most; :save it, or take some :back)") == 1, out
        assert out.endswith("> :save a.test.yaml\n(saved)\n> \n"), out
        assert folder.run("test", "a.test.yaml")[0].startswith("1..1\nok 1 - a talk\n")


@test
def a_talk_on_a_terminal():
    with Folder() as folder:
        ours, theirs = os.openpty()
        with subprocess.Popen([CALLBACKD, "chat", "-c", "callbackd.yaml"], cwd=folder.path, stdin=theirs, stdout=theirs,
                              stderr=theirs) as process:
            os.close(theirs)
            os.write(ours, b"ORD-1234\n3\n\x04")
            out = b""
            try:
                while more := os.read(ours, 4096):
                    out += more
            except OSError:  # how Linux says that nobody has the other end any more
                pass
            os.close(ours)
        out = out.decode().replace("\r\n", "\n")
        assert process.returncode == 0 and "a number presses that button" in out and ":lookup NAME=ANSWER" in out, out
        assert out.count("> ") == 3 and "Pick a topic." in out and out.endswith("> \n"), out


@test
def a_talk_with_the_shop():
    with shop_folder() as folder:
        out, _ = folder.run("chat", *CUSTOMER, given="""\
:lookup
orders
:lookup orders=error
orders
:why
:lookup
:back
:lookup orders = sample
orders
:lookup orders={"list":[{"id":"ORD-7777"}]}
orders
:lookup ordr=error
:lookup orders={"list":[{"id":"?"}]}
:lookup orders
""")
        assert out.startswith("> :lookup\n(orders: sample)\n(order: sample)\n(return: sample)\n> orders\n"), out
        for part in ["> :lookup orders=error\n(orders: error)\n", "on_error: lookup orders: status 500\n",
                     "lookup: orders, answered as given, with status 500: https://shop.example.com/api/customers/77/orders\n",
                     "> :lookup\n(orders: error)\n(order: sample)\n", '(orders: {"list":[{"id":"ORD-7777"}]})\n',
                     "(no rule asks a lookup 'ordr'; did you mean 'order'?)\n", "breaks 'fields'", "(write NAME=JSON"]:
            assert part in out, (part, out)
        assert re.findall("The shop is down|[0-9] orders", out) == ["2 orders", "The shop is down", "2 orders", "2 orders", "1 orders"], out
        with Folder() as plain:
            assert "(no rule asks a lookup)\n" in plain.run("chat", given=":lookup\n")[0]


INBOX_CONFIG = SHOP_CONFIG.replace("channel: shop }", "channel: shop, token: env:NONE_SUCH, admin_id: '7' }")


@test
def a_talk_shows_what_is_kept():
    with shop_folder(config=INBOX_CONFIG) as folder:
        out, _ = folder.run("chat", given="""\
:vars
track:ORD-1001
:tap track:ORD-1001
de
:vars
:after 29m
forget
:vars
:attach image https://x.example/a.png my photo.png
:vars
:why
de
:after 1d
forget
:vars
:attach
:attach words
""")
        shown = re.findall(r"^(?:chat\.|quiet |no variables|\(no variables).*", out, re.M)
        shown = [re.sub("; it is .*", "", line) for line in shown]
        assert shown == [
            "(no variables",
            "chat.lang = de  (for 365d)", "chat.last = ORD-1001  (until the session ends, in 30m)",
            "chat.topic = language  (until the session ends, in 30m)",
            "chat.lang = de  (for 364d 23h)", "chat.last = ORD-1001  (until the session ends, in 30m)",
            "chat.lang = de  (for 364d 23h)", "chat.last = ORD-1001  (until the session ends, in 30m)",
            "chat.photos = my photo.png  (for 30d)", "quiet for 12h: texts are left to people, presses are answered",
            "chat.lang = de  (for 363d 23h)", "chat.photos = my photo.png  (for 28d 23h)"], shown
        assert "inbox: note: A photo: https://x.example/a.png\ninbox: tag: photo\ninbox: close\n" in out, out
        assert "(nothing is sent: no rule takes it: a person has the chat)" in out, out
        assert out.count("(:attach wants image, audio, video, pdf, file or a media type") == 2, out


@test
def all_of_a_talk_becomes_a_case():
    with shop_folder(config=INBOX_CONFIG) as folder:
        out, _ = folder.run("chat", "--contact", '{"shop_id":77,"name":"\\u0085\\ud83d\\ude00\\"","n":1.50}', given="""\
orders
1
:lookup orders=error
orders
:lookup orders={"list":[{"id":"ORD-7777"}],"x":"\\u2028\\ufeff\\ud83d\\ude00\\\\","big":123456789012345678901234,"f":0.50,"a":[],"o":{},"n":null}
orders
:lookup orders=sample
:lookup order=not_found
orders
2
de
:after 40m
forget
:attach image https://x.example/a.png my photo.png
:attach video/mp4
de
:save a.test.yaml
:save a.test.yaml
:save a.test.json
""")
        assert out.count("(saved)\n") == 2 and "(the case is YAML" in out, out
        case = folder.read("a.test.yaml")
        for part in ['lookups: { "orders": error }', '"big": "123456789012345678901234"',
                     'lookups: { "orders": sample, "order": not_found }', 'chat: { "lang": "de", "last": null, "topic": null }',
                     'inbox: { note: "A photo: https://x.example/a.png", tag: "photo", close: true }',
                     '- attachment: { type: "image/jpeg", url: "https://x.example/a.png", name: "my photo.png" }',
                     '- attachment: { type: "video/mp4" }']:
            assert part in case, (part, case)
        out, _ = folder.run("test", "a.test.yaml")
        assert out.startswith("1..1\nok 1 - a talk\n"), out
        # what another one wrote is not written over
        out, _ = folder.run("chat", given="de\n:save a.test.yaml\n:save b.test.yaml\n:save no/such/c.yaml\n")
        assert "(a.test.yaml is there already; choose another name)\n> :save b.test.yaml\n(saved)\n" in out, out
        assert "No such file" in out and folder.read("a.test.yaml") == case, out


GUARDED_RULES = """\
rules:
  - name: offer
    text: offer
    reply: { text: Really?, buttons: [ [ { text: 'Yes', callback_data: yes, token: true }, { text: 'Yes', callback_data: sure, token: true } ] ] }
  - { name: yes, tap: 'yes|sure', single_use: true, dedup: 0s, reply: { text: Done. }, on_refused: { reply: { text: Not again. } } }
"""


@test
def a_talk_with_buttons_for_one_use():
    with Folder(GUARDED_RULES) as folder:
        out, _ = folder.run("chat", given="offer\n1\n:back\n1\n:tap yes\n:why\n:save a.test.yaml\n")
        assert "refused: not_issued\n" in out and "(saved)" in out and "refused: not_issued" in folder.read("a.test.yaml"), out
        folder.run("test", "a.test.yaml")
        # the label does not tell the second button, and its token is another one in each talk
        out, _ = folder.run("chat", given="offer\n2\n:save b.test.yaml\n")
        assert "(played again it does not pass: " in out and not os.path.exists(os.path.join(folder.path, "b.test.yaml")), out


@test
def the_schema_is_for_editors():
    done = subprocess.run([CALLBACKD, "check", "--schema"], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    schema = json.loads(done.stdout)
    named = schema["$defs"][schema["allOf"][0]["$ref"].rsplit("/", 1)[1]]
    assert {"rules", "replies", "rows", "zone", "hours", "languages"} <= set(named["properties"]), named
    assert '"callback_data"' in done.stdout and '"send_within"' in done.stdout
    # what an editor reads in `default: true` is no text
    defaults = [form["properties"]["default"]["enum"] for form in schema["$defs"].values() if "default" in form.get("properties", {})]
    assert defaults == [["true", True, "any"]], defaults


# --- what all have in common -----------------------------------------------------------------------------------------------


def outcome(folder, words, **streams):
    """Exit code and standard error."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **streams}
    done = subprocess.run([CALLBACKD, *words], cwd=folder.path, encoding="utf-8", stderr=subprocess.PIPE, timeout=PATIENCE,
                          check=False, **streams)
    return done.returncode, done.stderr


@test
def options_that_cannot_be_meant():
    with Folder() as folder:
        for words, complaint in [(["try", "-c", "callbackd.yaml", "-c", "b", "menu"], "'-c' is given twice"),
                                 (["check", "--format=json", "--format", "text"], "'--format' is given twice"),
                                 (["check", "--stirct"], "unknown option '--stirct'; did you mean '--strict'?"),
                                 (["check", "--strict=yes"], "'--strict' takes no value"),
                                 (["graph", "--format"], "'--format' needs a value"), (["graph", "--format", "png"], "no format 'png'"),
                                 (["check", "--format", "xml"], "no format 'xml'"), (["check", "rules/"], "'rules/' is a word too many"),
                                 (["chat", "now"], "'now' is a word too many"), (["graph", "x"], "'x' is a word too many"),
                                 (["try", "--text", "where", "is", "it"], "'is' is a word too many; words that belong together"),
                                 (["chek"], "no subcommand 'chek'; did you mean 'check'?")]:
            code, err = outcome(folder, words)
            assert code == 2 and complaint in err and "usage" in err, err


@test
def help_for_each():
    with Folder() as folder:
        for words in [["--help"], ["-h"], ["help"], *[[name, "--help"] for name in "serve check queue explain try test chat graph".split()]]:
            done = subprocess.run([CALLBACKD, *words], cwd=folder.path, capture_output=True, text=True, timeout=PATIENCE, check=False)
            assert done.returncode == 0 and done.stdout.startswith("usage:") and done.stderr == "", (words, done)


@test
def rule_files_that_are_none():
    with Folder() as folder:
        os.mkfifo(os.path.join(folder.path, "rules/20.yaml"))
        os.mkdir(os.path.join(folder.path, "rules/30.yaml"))
        out, _ = folder.run("check", wanted=3)
        assert "rules/20.yaml: this is no file\n" in out and "rules/30.yaml: this is a folder\n" in out, out


@test
def results_that_cannot_be_written():
    with Folder() as folder:
        folder.write("a.test.yaml", CASES)
        for path, complaint in [("", "the name of the file is empty"), ("none/junit.xml", "No such file"), (".", "Is a directory"),
                                ("/dev/full", "No space left")]:
            out, err = folder.run("test", "a.test.yaml", "--junit", path, wanted=4)
            assert out.startswith("1..3\nok 1 - ") and complaint in err, err
        with open("/dev/full", "rb") as full:
            assert stat.S_ISCHR(os.fstat(full.fileno()).st_mode)


@test
def output_that_cannot_be_written():
    with Folder() as folder, open("/dev/full", "w", encoding="utf-8") as full:
        folder.write("a.test.yaml", CASES)
        for words in [["check"], ["check", "--format", "json"], ["try", "menu"], ["test", "a.test.yaml"], ["graph"], ["chat"]]:
            code, err = outcome(folder, [words[0], "-c", "callbackd.yaml", *words[1:]], stdout=full)
            assert code == 4 and "callbackd: standard output: " in err, (words, code, err)
        for words in [["--version"], ["--help"], ["check", "--schema"]]:
            assert outcome(folder, words, stdout=full)[0] == 4, words


main()
