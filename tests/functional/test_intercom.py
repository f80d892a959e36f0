#!/usr/bin/env python3
"""Intercom: signatures, the shapes of its notifications, whose message counts, contacts, and that one message is answered once."""

import signal

from harness import *

PATH = "/webhooks/intercom"
ECHO = """\
rules:
  - name: echo
    tap: '(?s)(?<all>.*x:.*)'
    reply: { type: remove_reply_keyboard, text: '[${all}]' }
"""
PING = {"type": "notification_event", "app_id": "abcd1234", "id": None, "topic": "ping", "delivery_status": None,
        "delivery_attempts": 1, "delivered_at": 0, "created_at": 1784012345, "self": None,
        "data": {"type": "notification_event_data", "item": {"type": "ping", "message": "something something interzen"}}}


def said(sim):
    """Who was answered, and what."""
    return [(s["body"]["destination_user_id"], s["body"]["telegram_interactive_message"]["text"]) for s in sim.sends()]


def texts(sim):
    return [text for _, text in said(sim)]


def created(body, user="700000001", message="2693300001", **more):
    """The first message of a conversation: it is in `source`, and there are no parts."""
    payload = intercom_replied(user=user, parts=[], topic="conversation.user.created", **more)
    payload["data"]["item"]["source"].update(id=message, body=body)
    return payload


def accept(daemon, *payloads):
    for payload in payloads:
        assert daemon.post_intercom(payload) == 200, payload


def signed(daemon, body, signature):
    headers = {"Content-Type": "application/json"}
    if signature is not None:
        headers["X-Hub-Signature"] = signature
    return daemon.post(PATH, body, headers)


# --- the request -----------------------------------------------------------------------------------------------------------

@test
def test_signatures():
    with Sim() as sim, Daemon(sim) as daemon:
        body = json.dumps(intercom_replied("track:ORD-1001")).encode()
        secret = SECRETS["INTERCOM_SECRET"]
        right = intercom_signature(body, secret)
        sha256 = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        for wrong in (None, "", "sha1=", right[5:], "SHA1=" + right[5:], "sha256=" + right[5:], "sha256=" + sha256,
                      "sha1=" + sha256, right[:-1], right + "0", right[:-1] + ("0" if right[-1] != "0" else "1"),
                      intercom_signature(body, "another"), intercom_signature(body, ""),
                      intercom_signature(body + b"\n", secret)):
            assert signed(daemon, body, wrong) == 401, wrong
        status, _, text = request(daemon.intake, "POST", PATH, body, {"X-Hub-Signature": "sha1=" + "0" * 40})
        assert status == 401 and secret.encode() not in text and right[5:].encode() not in text
        assert daemon.settled() == [] and sim.sends() == []
        assert daemon.metric('callbackd_notifications_total{source="intercom",result="unauthorized"}') == 15
        assert "X-Hub-Signature does not fit the body" in daemon.log_text() and secret not in daemon.log_text()

        assert signed(daemon, body, right) == 200
        assert signed(daemon, body, "sha1=" + right[5:].upper()) == 200  # the same once more: a duplicate
        assert daemon.reasons() == [None, "duplicate message"]
        assert texts(sim) == ["Order ORD-1001 is on its way."]


@test
def test_signature_is_over_the_raw_bytes():
    with Sim() as sim, Daemon(sim) as daemon:
        pretty = json.dumps(intercom_replied("track:ORD-1002"), indent="\t", separators=(",", " : ")).encode() + b"\r\n"
        accept(daemon, pretty)
        signature = intercom_signature(pretty, SECRETS["INTERCOM_SECRET"])
        assert signed(daemon, json.dumps(json.loads(pretty)).encode(), signature) == 401
        assert daemon.reasons() == [None] and texts(sim) == ["Order ORD-1002 is on its way."]


@test
def test_two_secrets_are_good_while_they_rotate():
    with Sim() as sim, Daemon(sim, intercom={"secrets": ["env:INTERCOM_SECRET", "env:NEXT_SECRET"]},
                              env={"NEXT_SECRET": "the-next-secret"}) as daemon:
        assert daemon.post_intercom(intercom_replied("track:ORD-1003")) == 200
        assert daemon.post_intercom(intercom_replied("track:ORD-1004"), secret="the-next-secret") == 200
        assert daemon.post_intercom(intercom_replied("track:ORD-1005"), secret="a-third-secret") == 401
        daemon.settled()
        assert texts(sim) == ["Order ORD-1003 is on its way.", "Order ORD-1004 is on its way."], texts(sim)
        # The old one is taken out, and a reload makes that true.
        daemon.config["sources"][0]["secrets"] = ["env:NEXT_SECRET"]
        daemon.write_config()
        daemon.send_signal(signal.SIGHUP)
        daemon.wait_log("msg=reloaded")
        assert wait_for(lambda: daemon.post_intercom(intercom_replied("track:ORD-1006")) == 401, "the old secret refused")
        assert daemon.post_intercom(intercom_replied("track:ORD-1007"), secret="the-next-secret") == 200


@test
def test_methods_and_paths():
    with Sim() as sim, Daemon(sim) as daemon:
        status, _, body = request(daemon.intake, "HEAD", PATH)  # when the URL is saved, unsigned
        assert (status, body) == (200, b"")
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
            status, headers, _ = request(daemon.intake, method, PATH)
            assert status == 405 and {"POST", "HEAD"} == set(headers["Allow"].replace(" ", "").split(",")), (method, status)
        payload = json.dumps(intercom_replied("track:ORD-1008")).encode()
        signature = {"X-Hub-Signature": intercom_signature(payload, SECRETS["INTERCOM_SECRET"])}
        for path in ("/", "/webhooks", PATH + "/", PATH + "x", "/metrics", "/WEBHOOKS/INTERCOM"):
            for method in ("GET", "HEAD", "POST"):
                assert request(daemon.intake, method, path, payload if method == "POST" else None, signature)[0] == 404, path
        assert daemon.settled() == []
        assert daemon.post(PATH + "?tenant=a", payload, signature) == 200
        sim.wait_sends(1)


@test
def test_ping():
    with Sim() as sim, Daemon(sim) as daemon:
        accept(daemon, PING, PING, json.dumps(PING, indent="\t").encode())
        assert daemon.post_intercom(PING, secret="wrong") == 401
        assert daemon.reasons() == ["ping"] * 3
        assert sim.requests() == []


@test
def test_rubbish_is_stored_and_visible():
    rubbish = [b"", b"{", b"rubbish", b"\xff\xfe\x00", b"[1,2", b'{"topic":"conversation.user.replied"} more',
               b"[" * 100000, b'{"data":' * 5000 + b"1" + b"}" * 5000]
    odd = [b"null", b"[]", b"7", b"0" * 4000, b'"text"', b"{}", b'{"topic":7}', b'{"topic":"conversation.user.replied"}',
           b'{"topic":"conversation.user.replied","data":[]}', b'{"topic":"conversation.user.replied","data":{"item":"x"}}',
           b'{"topic":"conversation.user.replied","id":{},"data":{"item":{"id":{},"contacts":7,"conversation_parts":"x"}}}']
    with Sim() as sim, Daemon(sim) as daemon:
        accept(daemon, *rubbish, *odd)
        items = daemon.settled()
        assert [i["kind"] for i in items] == ["notification"] * (len(rubbish) + len(odd))
        assert all(i["state"] == "done" and i["reason"] for i in items), items
        assert all(i["reason"].startswith("not JSON") for i in items[:len(rubbish)]), items
        code, out, _ = daemon.run("explain", str(items[2]["id"]))
        assert code == 0 and "rubbish" in out and "not JSON" in out, out
        for item in items:
            assert daemon.run("explain", str(item["id"]))[0] == 0
        assert sim.requests() == []
        daemon.tap("track:ORD-1009")  # and it lives on
        sim.wait_sends(1)
        assert daemon.terminate() == 0


@test
def test_redirected_to_nobody_and_unknown_members():
    """Members that no page of Intercom's knows, in every place, disturb nothing."""
    with Sim() as sim, Daemon(sim) as daemon:
        payload = intercom_replied("track:ORD-1010")
        deep = {"a": [{"b": None}] * 10}
        for place in (payload, payload["data"], payload["data"]["item"], payload["data"]["item"]["conversation_parts"],
                      payload["data"]["item"]["conversation_parts"]["conversation_parts"][0]):
            place.update(unknown=deep, another=1.5e300, third="\u0000\u202e")
        accept(daemon, payload)
        assert sim.wait_sends(1)[0]["body"]["destination_user_id"] == "700000001"


# --- what was said ---------------------------------------------------------------------------------------------------------

@test
def test_body_shapes():
    shapes = [
        ("<p>x:1</p>", "x:1"),
        ('<p class="no-margin">x:2</p>', "x:2"),
        (" \n\t<p>x:3</p>\n", "x:3"),
        ("<div><p>x:4<br>one</p><p>two</p></div>", "x:4\none\ntwo"),
        ('<p>x:5 <a href="https://shop.example/?a=1&amp;b=2">shop</a></p>', "x:5 shop"),
        ("<p>x:6&amp;y=&lt;1&gt;&quot;&#39;&#x27;&nbsp;z</p>", "x:6&y=<1>\"'' z"),
        ("<p>x:7&amp;amp;lt;</p>", "x:7&amp;lt;"),  # decoded once
        ("<p>x:8 a &lt;b&gt; c</p>", "x:8 a <b> c"),  # tags first, entities second
        ("<b>x:9</b>", "x:9"),
        ("<p>x:10 a < b</p>", "x:10 a < b"),
        ("x:11", "x:11"),
        ("x:12&y=&amp;", "x:12&y=&amp;"),  # plain text is taken as it is
        ("x:13 &lt;p&gt;", "x:13 &lt;p&gt;"),
        ("x:14 a<b", "x:14 a<b"),
        ("x:15<p>no tag</p>", "x:15<p>no tag</p>"),
        ("<x:16>", "<x:16>"),
        ("  x:17\r\nnext\u00a0word \n", "x:17\nnext word"),
        ("x:18 \u041f\u0440\u0438\u0432\u0435\u0442 \U0001f600", "x:18 \u041f\u0440\u0438\u0432\u0435\u0442 \U0001f600"),
        ('{"callback_data":"x:19"}', "x:19"),
        ('<p>{&quot;callback_data&quot;:&quot;x:20&quot;}</p>', "x:20"),
        ("Button tapped\ncallback_data: x:21", "x:21"),
    ]
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        accept(daemon, *[intercom_replied(body) for body, _ in shapes])
        daemon.settled()
        for (body, wanted), got in zip(shapes, texts(sim)):
            assert got == f"[{wanted}]", (body, wanted, got)
        assert len(texts(sim)) == len(shapes)


@test
def test_bodies_without_text_say_nothing():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        accept(daemon, *[intercom_replied(body) for body in (None, "", " \n", "<p></p>", "<p>&nbsp;</p>", 7, ["x:1"], {"x:": 1})])
        part = intercom_part("x:1")
        del part["body"]
        accept(daemon, intercom_replied(parts=[part]))
        assert daemon.reasons() == ["no text"] * 9
        assert sim.sends() == []


@test
def test_source_counts_only_when_it_is_new():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        accept(daemon, created("<p>x:first</p>"))
        daemon.settled()
        assert texts(sim) == ["[x:first]"]
        # Later notifications of the conversation carry the first message along. With another id, so that it is not
        # the dedup that passes it over.
        later = intercom_replied("<p>x:second</p>")
        later["data"]["item"]["source"].update(id="2693300002", body="<p>x:first</p>")
        accept(daemon, later)
        empty = intercom_replied(parts=[])
        empty["data"]["item"]["source"].update(id="2693300003", body="<p>x:first</p>")
        accept(daemon, empty)
        assert daemon.reasons() == [None, None, "no message in it"]
        assert texts(sim) == ["[x:first]", "[x:second]"]


@test
def test_created_by_a_teammate_is_no_customers_message():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        payload = created("x:1")
        payload["data"]["item"]["source"]["author"]["type"] = "admin"
        redacted = created("x:2", message="2693300004")
        redacted["data"]["item"]["source"]["redacted"] = True
        accept(daemon, payload, redacted)
        assert daemon.reasons() == ["author admin", "redacted"]
        assert sim.sends() == []


@test
def test_part_types():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        for part_type in ("comment", "open", "quick_reply", "something_new"):
            accept(daemon, intercom_replied("x:" + part_type, part_type=part_type))
        accept(daemon, intercom_replied("x:note", part_type="note"), intercom_replied("x:note", part_type="note_and_reopen"))
        assert daemon.reasons() == [None] * 4 + ["a note"] * 2
        assert texts(sim) == ["[x:comment]", "[x:open]", "[x:quick_reply]", "[x:something_new]"], texts(sim)


@test
def test_authors():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        customers, others = ("user", "lead", "contact", "visitor"), ("bot", "admin", "team", "operator", "")
        for author in customers + others:
            accept(daemon, intercom_replied("x:" + author, author=author))
        nobody = intercom_part("x:nobody")
        del nobody["author"]
        accept(daemon, intercom_replied(parts=[nobody]))
        reasons = daemon.reasons()
        assert reasons[:4] == [None] * 4 and reasons[4:8] == ["author " + author for author in others[:4]], reasons
        assert all(reasons[8:]), reasons
        assert texts(sim) == [f"[x:{author}]" for author in customers]


@test
def test_redacted_and_several_parts():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        gone = intercom_part("<p><i>This message was deleted x:</i></p>", redacted=True)
        accept(daemon, intercom_replied(parts=[gone]))
        assert daemon.reasons() == ["redacted"] and sim.sends() == []
        parts = [intercom_part("x:1"), intercom_part("x:bot", author="bot"), intercom_part(None), intercom_part("x:2"), gone,
                 intercom_part("x:note", part_type="note"), intercom_part("x:3", part_type="open")]
        accept(daemon, intercom_replied(parts=parts))
        items = daemon.settled()
        assert texts(sim) == ["[x:1]", "[x:2]", "[x:3]"], texts(sim)
        assert len([i for i in items if i["kind"] == "entry"]) == 3
        # An older shape: the list itself.
        payload = intercom_replied()
        payload["data"]["item"]["conversation_parts"] = [intercom_part("x:4")]
        accept(daemon, payload)
        daemon.settled()
        assert texts(sim)[3:] == ["[x:4]"]


@test
def test_apps_topics_and_authors_are_configuration():
    intercom = {"apps": ["abcd1234", "77"], "topics": ["conversation.operator.replied", "conversation.admin.noted"],
                "authors": ["bot", "admin"]}
    with Sim() as sim, Daemon(sim, rules=ECHO, intercom=intercom) as daemon:
        ours = {"topic": "conversation.operator.replied", "author": "bot"}
        accept(daemon, intercom_replied("x:1", **ours))
        foreign, number, none = (intercom_replied("x:" + app, **ours) for app in ("foreign", "number", "none"))
        foreign["app_id"], number["app_id"] = "zzzz9999", 77
        del none["app_id"]
        accept(daemon, foreign, number, none)
        accept(daemon, intercom_replied("x:5", topic="conversation.user.replied", author="bot"),
               intercom_replied("x:6", topic="conversation.operator.replied", author="user"),
               intercom_replied("x:7", topic="conversation.admin.noted", author="admin", part_type="note"),
               intercom_replied("x:8", topic="conversation.operator.replied", author="admin", part_type="note"))
        assert daemon.reasons() == [None, "app zzzz9999", None, "app ", "topic conversation.user.replied", "author user",
                                    None, "a note"], daemon.reasons()
        assert texts(sim) == ["[x:1]", "[x:number]", "[x:7]"], texts(sim)


@test
def test_other_topics_are_stored_and_left():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        topics = ("conversation.admin.noted", "conversation.read", "conversation_part.redacted", "conversation.admin.opened",
                  "contact.created", "ticket.contact.replied")
        accept(daemon, *[intercom_replied("x:1", topic=topic) for topic in topics])
        accept(daemon, {"topic": "conversation.deleted", "id": "notif_aa", "app_id": "abcd1234",
                        "data": {"item": {"type": "conversation", "conversation_id": "2154"}}})
        assert daemon.reasons() == ["topic " + topic for topic in topics + ("conversation.deleted",)]
        assert sim.sends() == []


@test
def test_what_teammates_do_is_no_entry_for_rules():
    with Sim() as sim, Daemon(sim, rules=ECHO, intercom={"admin_id": "7"}) as daemon:
        accept(daemon, intercom_replied("x:1", topic="conversation.admin.replied", author="admin"),
               intercom_replied("x:2", topic="conversation.admin.closed", author="admin", part_type="close"),
               intercom_replied("x:3", topic="conversation.admin.replied", author="bot"),
               intercom_replied("x:4"))
        wait_for(lambda: texts(sim) == ["[x:4]"], "the customer's own is answered")
        assert daemon.reasons() == [None, None, "author bot", None], daemon.reasons()
        for kind in ("teammate", "closed"):
            daemon.wait_metric('callbackd_entries_total{source="intercom",kind="%s"}' % kind, 1)


@test
def test_attachment_values():
    rules = """\
rules:
  - name: photo
    text: '.*'
    when: { attachment.type: 'image/.*', conversation.state: open }
    reply: { type: remove_reply_keyboard, text: '${attachment.name} ${attachment.url} ${conversation.order}' }
"""
    with Sim() as sim, Daemon(sim, rules=rules) as daemon:
        payload = intercom_replied("")
        item = payload["data"]["item"]
        item.update(state="open", custom_attributes={"order": "A-1"})
        item["conversation_parts"]["conversation_parts"][0]["attachments"] = [
            {"type": "upload", "name": "cat.png", "url": "https://files.example/cat", "content_type": "image/png"}]
        accept(daemon, payload)
        wait_for(lambda: texts(sim) == ["cat.png https://files.example/cat A-1"], "the photo is answered")


# --- whose it is -----------------------------------------------------------------------------------------------------------

@test
def test_contacts_and_ids():
    def reply(text, contacts, **item):
        payload = intercom_replied(text)
        payload["data"]["item"].update(contacts=contacts, **item)
        return payload
    one = {"type": "contact", "id": "66b0c0ff", "external_id": "700000001"}
    other = {"type": "contact", "id": "66b0c000", "external_id": "700000002"}
    cases = [
        (reply("x:1", {"type": "contact.list", "contacts": [one]}), "700000001"),
        (reply("x:2", [one]), "700000001"),  # an older shape
        (reply("x:3", {"contacts": [other, one]}), "700000001"),  # the author's, not the first
        (reply("x:4", {"contacts": [dict(one, external_id=700000003)]}), "700000003"),
        (reply("x:5", {"contacts": [one]}, id=215470000000101), "700000001"),
        (reply("x:6", {"contacts": [dict(one, external_id=9007199254740993)]}), "9007199254740993"),  # more than a double holds
        (reply("x:7", {"contacts": [dict(one, id=66, external_id="-1001234567890")]}), "-1001234567890"),
    ]
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        cases[4][0]["data"]["item"]["conversation_parts"]["conversation_parts"][0]["id"] = 31700000077
        accept(daemon, *[payload for payload, _ in cases])
        daemon.settled()
        assert sorted(said(sim), key=lambda s: s[1]) == [(user, f"[x:{n}]") for n, (_, user) in enumerate(cases, 1)], said(sim)


@test
def test_user_id_that_is_none_is_unaddressed():
    with Sim() as sim, Daemon(sim) as daemon:
        users = ["tg-700000001", "", None, "12 34", "+49123", "1e5", "9" * 30, 7.5, "１２３"]
        accept(daemon, *[intercom_replied("track:ORD-2001", user=user) for user in users])
        accept(daemon, intercom_replied("no rule for this", user="tg-1"))
        items = daemon.settled()
        entries = [i for i in items if i["kind"] == "entry"]
        assert [i["state"] for i in entries] == ["unaddressed"] * len(users) + ["done"], entries
        assert sim.sends() == []
        waiting = daemon.queue()
        assert [i["state"] for i in waiting] == ["unaddressed"] * len(users) and "user id" in waiting[0]["reason"]
        code, out, _ = daemon.run("queue", "list")
        assert code == 0 and out.count("unaddressed") == len(users) and "source key user_id" in out
        notification = next(i for i in items if i["kind"] == "notification")
        code, out, _ = daemon.run("explain", str(notification["id"]))
        assert code == 0 and "unaddressed" in out and "none was found (source key user_id)" in out and "track" in out, out
        daemon.wait_metric('callbackd_entries_total{source="intercom",kind="unaddressed"}', len(users))


@test
def test_user_id_by_pattern_and_pointer():
    places = [{"at": "external_id", "pattern": "tg-(?<id>[0-9]+)"}, "/custom_attributes/telegram", "part:/author/telegram",
              "body:/telegram"]
    with Sim() as sim, Daemon(sim, rules=ECHO, intercom={"user_id": places}) as daemon:
        accept(daemon, intercom_replied("x:1", user="tg-700000001"), intercom_replied("x:2", user="700000002"))
        for n, place in enumerate((lambda p: p["data"]["item"].update(custom_attributes={"telegram": "700000003"}),
                                   lambda p: p["data"]["item"]["conversation_parts"]["conversation_parts"][0]["author"].update(
                                       telegram=700000004),
                                   lambda p: p.update(telegram="700000005")), 3):
            payload = intercom_replied(f"x:{n}", user="tg-")
            place(payload)
            accept(daemon, payload)
        daemon.settled()
        assert sorted(said(sim), key=lambda s: s[1]) == [("700000001", "[x:1]")] + [(f"70000000{n}", f"[x:{n}]") for n in (3, 4, 5)]


# --- the contact -----------------------------------------------------------------------------------------------------------

CONTACT = {"token": "env:INTERCOM_TOKEN", "user_id": ["contact.custom_attributes.telegram_id"]}


@test
def test_contact_is_fetched_once():
    with Sim() as sim, Daemon(sim, rules=ECHO, intercom=CONTACT) as daemon:
        sim.control("PUT", "intercom/contacts/66b0c0ff", {"custom_attributes": {"telegram_id": "700000007"}})
        accept(daemon, intercom_replied("x:1", user="ignored"))
        daemon.settled()
        accept(daemon, intercom_replied("x:2", user="ignored"))
        daemon.settled()
        assert said(sim) == [("700000007", "[x:1]"), ("700000007", "[x:2]")], said(sim)
        gets = sim.requests("/contacts/")
        assert len(gets) == 1, gets
        assert (gets[0]["method"], gets[0]["uri"], gets[0]["auth"]) == ("GET", "/contacts/66b0c0ff", "ok")
        assert gets[0]["headers"]["Intercom-Version"] == "2.15" and gets[0]["headers"]["Accept"] == "application/json"
        daemon.wait_metric('callbackd_fetches_total{source="intercom",result="ok"}', 1)
        assert SECRETS["INTERCOM_TOKEN"] not in daemon.log_text()


@test
def test_contact_values_are_for_rules():
    rules = "rules: [ { name: shop, tap: 'shop', reply: { type: remove_reply_keyboard, text: 'Shop ${contact.shop_id}' } } ]"
    with Sim() as sim, Daemon(sim, rules=rules, intercom={"token": "env:INTERCOM_TOKEN"}) as daemon:
        sim.control("PUT", "intercom/contacts/66b0c0ff", {"custom_attributes": {"shop_id": 42}})
        daemon.tap("shop")
        assert sim.wait_sends(1)[0]["body"]["telegram_interactive_message"]["text"] == "Shop 42"
        assert len(sim.requests("/contacts/")) == 1


@test
def test_contact_that_is_not_there_holds_up_nothing():
    places = CONTACT["user_id"] + ["external_id"]
    with Sim() as sim, Daemon(sim, rules=ECHO, intercom={**CONTACT, "user_id": places}) as daemon:
        accept(daemon, intercom_replied("x:1", user="700000001"), intercom_replied("x:2", user="tg-1"))
        items = daemon.settled()
        assert said(sim) == [("700000001", "[x:1]")]
        assert [i["state"] for i in items if i["kind"] == "entry"] == ["done", "unaddressed"]
        assert {r["status"] for r in sim.requests("/contacts/")} == {404}


@test
def test_contact_with_a_strange_id_stays_in_its_path():
    with Sim() as sim, Daemon(sim, rules=ECHO, intercom=CONTACT) as daemon:
        for n, contact in enumerate(("../admins", "a/b?c=d#e", "..", "%2e%2e")):
            payload = intercom_replied(f"x:{n}")
            payload["data"]["item"]["contacts"]["contacts"][0]["id"] = contact
            payload["data"]["item"]["conversation_parts"]["conversation_parts"][0]["author"]["id"] = contact
            accept(daemon, payload)
        daemon.settled()
        paths = sorted(r["uri"] for r in sim.requests())
        assert paths == ["/contacts/%252e%252e", "/contacts/-", "/contacts/..%2Fadmins", "/contacts/a%2Fb%3Fc%3Dd%23e"], paths


@test
def test_contact_is_fetched_again_after_an_error():
    with Sim() as sim, Daemon(sim, rules=ECHO, intercom=CONTACT) as daemon:
        sim.control("PUT", "intercom/contacts/66b0c0ff", {"custom_attributes": {"telegram_id": "700000007"}})
        sim.fault(path="/contacts/", status=503)
        sim.fault(path="/contacts/", html=True)
        sim.fault(path="/contacts/", close="mid")
        accept(daemon, intercom_replied("x:1"))
        daemon.settled()
        assert said(sim) == [("700000007", "[x:1]")]
        assert len(sim.requests("/contacts/")) == 4
        daemon.wait_metric('callbackd_fetches_total{source="intercom",result="retry"}', 3)


@test
def test_contact_refused_pauses_the_source():
    with Sim() as sim, Daemon(sim, rules=ECHO, intercom={**CONTACT, "token": "env:BAD_TOKEN"}, env={"BAD_TOKEN": "bad"}) as daemon:
        sim.control("PUT", "intercom/contacts/66b0c0ff", {"custom_attributes": {"telegram_id": "700000007"}})
        accept(daemon, intercom_replied("x:1"))
        _, page = wait_for(lambda: "paused" in daemon.page("/readyz")[1] and daemon.page("/readyz"), "the pause")
        assert "source intercom" in page and "401" in page, page
        assert [i["state"] for i in daemon.queue("--all") if i["kind"] == "entry"] == ["fetch"]
        daemon.wait_log("SOURCE PAUSED")
        # What comes meanwhile is stored and waits, without a request to the inbox.
        accept(daemon, intercom_replied("x:2", user="2"))
        wait_for(lambda: [i["state"] for i in daemon.queue("--all") if i["kind"] == "entry"] == ["fetch"] * 2)
        assert len(sim.requests("/contacts/")) == 1 and sim.sends() == []
        # The token is mended: all goes on at once.
        daemon.config["sources"][0]["token"] = "env:INTERCOM_TOKEN"
        daemon.write_config()
        daemon.send_signal(signal.SIGHUP)
        sim.wait_sends(2)
        assert sorted(texts(sim)) == ["[x:1]", "[x:2]"]
        wait_for(lambda: daemon.page("/readyz") == (200, "ready\n"), "the end of the pause")


# --- once ------------------------------------------------------------------------------------------------------------------

@test
def test_deliveries_are_taken_once():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        payload = intercom_replied("x:1", notif="notif_one")
        accept(daemon, payload, {**payload, "delivery_attempts": 2, "delivery_status": "retry"})
        accept(daemon, {**payload, "id": "notif_two"})
        assert daemon.reasons() == [None, "duplicate message", "duplicate message"]
        daemon.send_signal(signal.SIGKILL)
        daemon.process.wait()
        daemon.serve()
        accept(daemon, payload)
        assert daemon.reasons()[3:] == ["duplicate message"]
        assert texts(sim) == ["[x:1]"]


@test
def test_without_a_delivery_id_the_message_id_decides():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        def null(text, part, **more):
            return {**intercom_replied(text, part=part, **more), "id": None}
        missing = null("x:3", 103)
        del missing["id"]
        accept(daemon, null("x:1", 101), null("x:1", 101), null("x:2", 102), missing, missing)
        assert daemon.reasons() == [None, "duplicate message", None, None, "duplicate message"]
        # The same number in another conversation or another app is another message.
        other = null("x:4", 101, conversation="999")
        accept(daemon, other, {**null("x:5", 101), "app_id": "efgh5678"})
        assert daemon.reasons()[5:] == [None, None]
        assert texts(sim) == [f"[x:{n}]" for n in (1, 2, 3, 4, 5)], texts(sim)


@test
def test_one_message_in_two_topics_is_answered_once():
    topics = ["conversation.user.created", "conversation.user.replied", "conversation_part.tag.created"]
    with Sim() as sim, Daemon(sim, rules=ECHO, intercom={"topics": topics}) as daemon:
        first = created("<p>x:1</p>", message="2693300009")
        tagged = intercom_replied("<p>x:1</p>", part="2693300009", topic="conversation_part.tag.created")
        reply = intercom_replied("x:2", part=31700000077)
        reply_tagged = intercom_replied("x:2", part="31700000077", topic="conversation_part.tag.created")
        accept(daemon, first, tagged, reply_tagged, reply)
        assert daemon.reasons() == [None, "duplicate message", None, "duplicate message"]
        assert texts(sim) == ["[x:1]", "[x:2]"]


@test
def test_tap_window():
    at = int(time.time()) - 1000
    with Sim() as sim, Daemon(sim) as daemon:
        def tap(data, seconds, user="700000001"):
            daemon.tap(data, user, created_at=at + seconds)
        tap("track:ORD-3001", 0)
        tap("track:ORD-3001", 1)  # an impatient finger
        tap("track:ORD-3001", 1, user="700000002")  # somebody else
        tap("track:ORD-3002", 1)  # something else
        tap("track:ORD-3001", 2)  # the window ends two seconds after the tap that counted
        tap("track:ORD-3001", 3)
        tap("track:ORD-3001", 60)
        tap("hello", 100)  # no tap: each counts
        tap("hello", 100)
        reasons = daemon.reasons("entry")
        assert reasons == [None, "the same tap again", None, None, None, "the same tap again", None, None, None], reasons
        of_first = [text for user, text in said(sim) if user == "700000001"]
        assert of_first == ["Order ORD-3001 is on its way.", "Order ORD-3002 is on its way.", "Order ORD-3001 is on its way.",
                            "Order ORD-3001 is on its way.", "Good day.", "Good day."], of_first
        assert [text for user, text in said(sim) if user == "700000002"] == ["Order ORD-3001 is on its way."]
        assert len(sim.requests("/api/v1/telegram")) == 7


@test
def test_tap_window_is_the_rules():
    rules = RULES.replace("name: track\n", "name: track\n    dedup: 1h\n")
    at = int(time.time()) - 10000
    with Sim() as sim, Daemon(sim, rules=rules) as daemon:
        for seconds in (0, 3599, 3600):
            daemon.tap("track:ORD-3003", created_at=at + seconds)
        daemon.settled()
        assert len(sim.sends()) == 2
        # Times as ISO strings, and the notification's own where the part has none.
        accept(daemon, intercom_replied("track:ORD-3004", created_at="2026-07-14T07:00:00Z"),
               intercom_replied("track:ORD-3004", created_at="2026-07-14T07:59:59.999Z"),
               intercom_replied("track:ORD-3004", created_at="2026-07-14T08:00:00Z"))
        daemon.settled()
        assert len(sim.sends()) == 4


if __name__ == "__main__":
    main()
