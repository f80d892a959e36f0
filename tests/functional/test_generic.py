#!/usr/bin/env python3
"""Any other desk: how its requests are signed and where things stand in them is configuration."""

from harness import *

PATH = "/webhooks/desk"
SECRET = SECRETS["DESK_SECRET"]
RULES_BOTH = """\
rules:
  - { name: pressed, tap: '(?<all>x:.*)', reply: { type: remove_reply_keyboard, text: 'pressed ${all}' } }
  - { name: typed, text: '(?<all>x:.*)', reply: { type: remove_reply_keyboard, text: 'typed ${all}' } }
  - { name: old, default: true, reply: { type: remove_reply_keyboard, text: too old } }
"""


def desk(sim, source, env=None, rules=RULES_BOTH):
    """A daemon with one generic source; a signature over the raw body is the least that it must say."""
    source = {"name": "desk", "kind": "generic", "path": PATH, "channel": "shop", **source}
    if "static_token" not in source:
        source.setdefault("secrets", ["env:DESK_SECRET"])
        source.setdefault("signature", {"header": "X-Desk-Signature"})
    return Daemon(sim, rules=rules, config={"sources": [source]}, env=env)


def post(daemon, payload, header="X-Desk-Signature", hash="sha256", encode=bytes.hex, prefix="", secret=SECRET):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    mac = hmac.new(secret.encode(), body, hash).digest()
    return daemon.post(PATH, body, {"Content-Type": "application/json", header: prefix + encode(mac)})


def base64_text(mac):
    return base64.b64encode(mac).decode()


def accept(daemon, *payloads):
    for payload in payloads:
        assert post(daemon, payload) == 200, payload


def answered(sim):
    """In no order: that is each chat's own."""
    return sorted((s["body"]["destination_user_id"], s["body"]["telegram_interactive_message"]["text"]) for s in sim.sends())


def message(number, text, user="700000001", **more):
    return {"id": number, "conversation_id": "c1", "user_id": user, "text": text, "created_at": int(time.time()), **more}


# --- how requests are signed -----------------------------------------------------------------------------------------------

def check_scheme(hash, encoding, prefix, defaults):
    encode, other = (bytes.hex, base64_text) if encoding == "hex" else (base64_text, bytes.hex)
    signature = {"header": "X-Their-Mac", "hash": hash, "encoding": encoding, "prefix": prefix}
    if defaults:
        signature = {"header": "X-Their-Mac"}
    with Sim() as sim, desk(sim, {"signature": signature}) as daemon:
        def answer(payload=message(1, "x:1"), **how):
            return post(daemon, payload, **{"header": "x-their-mac", "hash": hash, "encode": encode, "prefix": prefix, **how})
        assert answer(header="X-Desk-Signature") == 401
        assert answer(secret="another") == 401 and answer(secret="") == 401
        assert answer(encode=other) == 401
        assert answer(hash="md5") == 401 and answer(hash="sha1" if hash == "sha256" else "sha256") == 401
        assert answer(encode=lambda mac: encode(mac)[:-1]) == 401 and answer(encode=lambda mac: encode(mac[:-1])) == 401
        assert answer(encode=lambda mac: encode(mac[:-1] + bytes([mac[-1] ^ 1]))) == 401
        assert answer(encode=lambda mac: "") == 401
        assert answer(prefix="v9=") == 401
        if prefix:
            assert answer(prefix="") == 401 and answer(prefix=prefix.upper()) == 401
        body = b'{"id": 1, "user_id": 700000001, "conversation_id": 1, "text": "x:\\u0031"}\n'  # over these bytes, not their meaning
        assert answer(body) == 200
        assert daemon.reasons() == [None] and answered(sim) == [("700000001", "pressed x:1")]
        assert SECRET not in daemon.log_text()


@test
def test_sha1_hex():
    check_scheme("sha1", "hex", "sha1=", False)


@test
def test_sha1_base64():
    check_scheme("sha1", "base64", "", False)


@test
def test_sha256_hex():
    check_scheme("sha256", "hex", "sha256=", False)


@test
def test_sha256_base64():
    check_scheme("sha256", "base64", "v1,", False)


@test
def test_sha256_hex_is_the_default():
    check_scheme("sha256", "hex", "", True)


@test
def test_static_token():
    source = {"static_token": {"header": "Authorization", "prefix": "Bearer ", "token": "env:DESK_TOKEN"}}
    with Sim() as sim, desk(sim, source, env={"DESK_TOKEN": "a-token"}) as daemon:
        def answer(value, header="Authorization"):
            return daemon.post(PATH, json.dumps(message(1, "x:1")), {header: value} if value is not None else {})
        for wrong in (None, "", "Bearer", "Bearer ", "Bearer wrong", "Bearer a-toke", "Bearer a-tokens", "Bearer A-TOKEN", "a-token",
                      "bearer a-token", "Basic a-token", "Bearer a-token, Bearer a-token"):
            assert answer(wrong) == 401, wrong
        assert answer("Bearer a-token", "X-Token") == 401
        assert answer("Bearer a-token") == 200
        sim.wait_sends(1)
        assert "a-token" not in daemon.log_text()
    source = {"static_token": {"header": "X-Token"}, "secrets": ["env:DESK_SECRET", "env:NEXT"]}
    with Sim() as sim, desk(sim, source, env={"NEXT": "next"}) as daemon:
        for token, status in ((SECRET, 200), ("next", 200), ("third", 401), ("Bearer next", 401)):
            assert daemon.post(PATH, b"{}", {"X-Token": token}) == status, token


@test
def test_two_secrets():
    with Sim() as sim, desk(sim, {"secrets": ["env:DESK_SECRET", "env:NEXT"]}, env={"NEXT": "next"}) as daemon:
        assert post(daemon, {}) == 200 and post(daemon, {}, secret="next") == 200 and post(daemon, {}, secret="third") == 401


# --- where things are ------------------------------------------------------------------------------------------------------

@test
def test_without_pointers():
    with Sim() as sim, desk(sim, {}) as daemon:
        accept(daemon, message(1, "x:1"), [message("2", "x:2"), message(3, "x:3", user=700000003)])
        daemon.settled()
        assert answered(sim) == [("700000001", "pressed x:1"), ("700000001", "pressed x:2"), ("700000003", "pressed x:3")]
        accept(daemon, message(1, "x:1"), [message(2, "x:2")], {}, [], "x", [None, 7, {"id": 9}], b"rubbish")
        reasons = daemon.reasons()[2:]
        assert reasons[:2] == ["duplicate message"] * 2 and all(reasons) and reasons[6].startswith("not JSON"), reasons
        assert len(sim.sends()) == 3


POINTERS = {"entries": "/batch/messages", "id": "/meta/id", "conversation": "/meta/chat~1thread", "text": "/content/0/text",
            "data": "/content/0/button/payload", "said_at": "/meta/at", "delivery_id": "/batch/number",
            "user_id": ["/sender/telegram", {"at": "/sender/ref", "pattern": "tg:(?<id>[0-9]+)"}, "body:/batch/user"]}


def batch(number, *messages, **more):
    return {"batch": {"number": number, "messages": list(messages), **more}}


def entry(number, text=None, payload=None, sender=None, at=None):
    content = {"text": text}
    if payload is not None:
        content["button"] = {"payload": payload}
    return {"meta": {"id": number, "chat/thread": "c1", "at": at or int(time.time())}, "content": [content],
            "sender": sender if sender is not None else {"telegram": "700000001"}}


@test
def test_pointers():
    with Sim() as sim, desk(sim, POINTERS) as daemon:
        accept(daemon, batch("b1", entry(1, payload="x:1"), entry(2, text="x:2"), entry(3, text="x:text", payload="x:3"),
                             {"meta": {"id": 4}}, "rubbish"))
        accept(daemon, batch("b2", entry(5, text="x:5", sender={"telegram": None, "ref": "tg:700000002"}),
                             entry(6, text="x:6", sender={}), entry(7, text="x:7", sender={"ref": "nobody"}), user=700000009))
        accept(daemon, batch("b3", entry(8, text="x:8", sender={"telegram": "dana"})))
        items = daemon.settled()
        assert answered(sim) == [("700000001", "pressed x:1"), ("700000001", "pressed x:3"), ("700000001", "typed x:2"),
                                 ("700000002", "typed x:5"), ("700000009", "typed x:6"), ("700000009", "typed x:7")], answered(sim)
        assert [i["state"] for i in items if i["kind"] == "entry"] == ["done"] * 6 + ["unaddressed"]
        assert "first reads" not in daemon.run("explain", str(items[0]["id"]))[1]
        # A single entry instead of a list; nothing where the list should be.
        accept(daemon, {"batch": {"number": "b4", "messages": entry(9, payload="x:9")}}, {"batch": {"number": "b5"}}, {"x": 1}, [])
        assert daemon.reasons()[3:] == [None, "no entries", "no entries", "no entries"]
        assert ("700000001", "pressed x:9") in answered(sim)
        assert daemon.terminate() == 0


@test
def test_deliveries_and_messages_are_taken_once():
    with Sim() as sim, desk(sim, POINTERS) as daemon:
        # Where a delivery is one message, the message decides; where it is several, its own number does.
        accept(daemon, batch("b1", entry(1, payload="x:1")), batch("b1", entry(1, payload="x:1")),
               batch("b2", entry(1, payload="x:1"), entry(3, payload="x:3")), batch("b2", entry(1, payload="x:1"), entry(5, payload="x:5")),
               batch(None, entry(3, payload="x:3")), batch(None, entry(4, payload="x:4")))
        assert daemon.reasons() == [None, "duplicate message", None, "duplicate delivery", "duplicate message", None]
        assert [text for _, text in answered(sim)] == ["pressed x:1", "pressed x:3", "pressed x:4"]


@test
def test_data_is_a_tap_and_text_is_not():
    with Sim() as sim, desk(sim, POINTERS) as daemon:
        at = int(time.time()) - 100
        accept(daemon, batch("b1", entry(1, payload="x:1", at=at), entry(2, payload="x:1", at=at + 1),  # twice: a tap
                             entry(3, text="x:1", at=at), entry(4, text="x:1", at=at + 1),  # twice: two texts
                             entry(5, payload="unknown", at=at), entry(6, text="unknown", at=at),
                             entry(7, text="x:7", payload="", at=at), entry(8, text="", payload=None, at=at)))
        daemon.settled()
        assert [text for _, text in answered(sim)] == ["pressed x:1", "too old", "typed x:1", "typed x:1", "typed x:7"], answered(sim)
        daemon.wait_metric('callbackd_entries_total{source="desk",kind="tap"}', 3)
        daemon.wait_metric('callbackd_entries_total{source="desk",kind="text"}', 4)
    # Where nothing says where the data is, a text may be both.
    with Sim() as sim, desk(sim, {}) as daemon:
        accept(daemon, [message(1, "x:1"), message(2, "unknown:1"), message(3, "unknown"), message(4, '{"callback_data":"x:4"}'),
                        message(5, "Pressed\ncallback_data: x:5")])
        daemon.settled()
        assert [text for _, text in answered(sim)] == ["pressed x:1", "pressed x:4", "pressed x:5", "too old"], answered(sim)


@test
def test_places_of_data_in_the_text():
    places = {"callback_data": ["/payload", "json", {"pattern": "\\[(?<data>[^\\]]+)\\]"}]}
    with Sim() as sim, desk(sim, places) as daemon:
        accept(daemon, [message(1, "[x:text]", payload="x:1"), message(2, 'a {"callback_data":"x:2"} [x:no]'), message(3, "see [x:3]"),
                        message(4, "x:4"), message(5, "[unknown]"), message(6, "[" + "x:" * 200 + "]")])
        daemon.settled()
        assert [text for _, text in answered(sim)] == ["pressed x:1", "pressed x:2", "pressed x:3", "too old", "typed x:4"], answered(sim)


if __name__ == "__main__":
    main()
