#!/usr/bin/env python3
"""HubSpot: signatures of three versions, arrays of events, and the text that has to be fetched first."""

import signal

from harness import *

PATH = "/webhooks/hubspot"
THREADS = "/conversations/v3/conversations/threads/"
SECRET = SECRETS["HUBSPOT_SECRET"]
ECHO = """\
rules:
  - name: echo
    tap: '(?s)(?<all>.*x:.*)'
    reply: { type: remove_reply_keyboard, text: '[${all}]' }
"""


def answered(sim):
    return sorted(s["body"]["telegram_interactive_message"]["text"] for s in sim.sends())


def users(sim):
    return [s["body"]["destination_user_id"] for s in sim.sends()]


def gets(sim):
    """What was asked of HubSpot, without the host."""
    return [r["uri"] for r in sim.requests("/conversations/") + sim.requests("/crm/")]


def keep(sim, thread, message, text, **more):
    sim.control("PUT", f"hubspot/messages/{thread}/{message}", hubspot_message(text, **more))


def send(daemon, *events):
    status = daemon.post_hubspot(list(events))
    assert status == 200, status


def v3(body, target=PATH, at=None, secret=SECRET, method="POST"):
    """Headers of a signature over the target as it is given here."""
    at = str(int(time.time() * 1000)) if at is None else str(at)
    text = method.encode() + (PUBLIC + target).encode() + body + at.encode()
    mac = hmac.new(secret.encode(), text, hashlib.sha256).digest()
    return {"X-HubSpot-Request-Timestamp": at, "X-HubSpot-Signature-v3": base64.b64encode(mac).decode()}


def v1(body, secret=SECRET):
    return {"X-HubSpot-Signature": hashlib.sha256(secret.encode() + body).hexdigest(), "X-HubSpot-Signature-Version": "v1"}


def v2(body, target=PATH, secret=SECRET):
    text = secret.encode() + b"POST" + (PUBLIC + target).encode() + body
    return {"X-HubSpot-Signature": hashlib.sha256(text).hexdigest(), "X-HubSpot-Signature-Version": "v2"}


EMPTY = b"[]"


# --- signatures ------------------------------------------------------------------------------------------------------------

@test
def test_v3():
    with Sim() as sim, Daemon(sim) as daemon:
        right = v3(EMPTY)
        signature = right["X-HubSpot-Signature-v3"]

        def post(headers, body=EMPTY, path=PATH):
            return daemon.post(path, body, headers)
        assert post(right) == 200 and post(v3(b""), b"") == 200
        wrong = [{}, {"X-HubSpot-Request-Timestamp": right["X-HubSpot-Request-Timestamp"]}, {"X-HubSpot-Signature-v3": signature},
                 v3(EMPTY, secret="another"), v3(EMPTY, secret=""), v3(b"[] "), v3(EMPTY, PATH + "/"), v3(EMPTY, PATH + "?a=b"),
                 v3(EMPTY, method="GET"), {**right, "X-HubSpot-Signature-v3": signature[:-4]},
                 {**right, "X-HubSpot-Signature-v3": ""}, {**right, "X-HubSpot-Signature-v3": base64.b64decode(signature).hex()},
                 {**right, "X-HubSpot-Request-Timestamp": str(int(right["X-HubSpot-Request-Timestamp"]) + 1)}]
        for headers in wrong:
            assert post(headers) == 401, headers
        assert daemon.metric('callbackd_notifications_total{source="hubspot",result="unauthorized"}') == len(wrong)
        assert SECRET not in daemon.log_text() and len(daemon.settled()) == 2


@test
def test_v3_timestamps():
    with Sim() as sim, Daemon(sim) as daemon:
        now = int(time.time() * 1000)
        for age, status in ((0, 200), (280000, 200), (302000, 401), (86400000, 401), (now, 401), (now + 5000, 401),
                            (-30000, 200), (-120000, 401), (-10 ** 15, 401)):
            assert daemon.post(PATH, EMPTY, v3(EMPTY, at=now - age)) == status, age
        for at in ("", "abc", "1e12", f"{now}.5", f"+{now}", f"0x{now:x}", str(now) * 5, str(now // 1000)):
            assert daemon.post(PATH, EMPTY, v3(EMPTY, at=at)) == 401, at
        assert "older than five minutes" in daemon.log_text() and "in the future" in daemon.log_text()


@test
def test_v3_is_over_the_uri():
    with Sim() as sim, Daemon(sim) as daemon:
        raw = PATH + "?tenant=a%3Ab%2fc%20d&x=%26%3D%2B&y=%253A&z=%21%24%27%28%29%2A%2C%3B%40%3F&u=%D0%9F"
        # HubSpot's page has twelve codes decoded, once; its SDKs decode none: both are taken.
        decoded = PATH + "?tenant=a:b/c%20d&x=%26%3D%2B&y=%253A&z=!$'()*,;@?&u=%D0%9F"
        assert daemon.post(raw, EMPTY, v3(EMPTY, raw)) == 200
        assert daemon.post(raw, EMPTY, v3(EMPTY, decoded)) == 200
        for other in (PATH, decoded.replace("%20", " "), decoded.replace("%253A", "%3A"), decoded.replace("%253A", ":"),
                      decoded.replace("%26%3D%2B", "&=+"), decoded.replace("a:b", "a%3Ab"), raw.replace("%2f", "%2F")):
            assert daemon.post(raw, EMPTY, v3(EMPTY, other)) == 401, other
        assert daemon.post(PATH + "?a=1&b=2", EMPTY, v3(EMPTY, PATH + "?a=1&b=2")) == 200
        assert daemon.post(PATH + "?a=1&b=2", EMPTY, v3(EMPTY, PATH + "?b=2&a=1")) == 401
        assert daemon.post(PATH + "?", EMPTY, v3(EMPTY, PATH + "?")) == 200
        # The host is the configured one, whatever a proxy makes of it.
        headers = {**v3(EMPTY), "Host": "10.0.0.1", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
        assert daemon.post(PATH, EMPTY, headers) == 200


@test
def test_v1_and_v2_only_where_they_are_wanted():
    with Sim() as sim, Daemon(sim) as daemon:
        for headers in (v1(EMPTY), v2(EMPTY), {"X-HubSpot-Signature": v1(EMPTY)["X-HubSpot-Signature"]}):
            assert daemon.post(PATH, EMPTY, headers) == 401
        assert daemon.post(PATH, EMPTY, {**v1(EMPTY), **v3(EMPTY)}) == 200  # as HubSpot sends it
        assert daemon.post(PATH, EMPTY, {**v1(EMPTY, "wrong"), **v3(EMPTY)}) == 200
        assert daemon.post(PATH, EMPTY, {**v1(EMPTY), **v3(EMPTY, secret="wrong")}) == 401
    with Sim() as sim, Daemon(sim, hubspot={"signatures": ["v1", "v3"]}) as daemon:
        bare = {"X-HubSpot-Signature": v1(EMPTY)["X-HubSpot-Signature"]}
        assert daemon.post(PATH, EMPTY, v1(EMPTY)) == 200 and daemon.post(PATH, EMPTY, bare) == 200
        for headers in (v1(EMPTY, "wrong"), v1(b"[ ]"), v2(EMPTY), {**v2(EMPTY), "X-HubSpot-Signature-Version": "v1"},
                        {**v1(EMPTY), "X-HubSpot-Signature-Version": "v4"}, {**v1(EMPTY), **v3(EMPTY, secret="wrong")},
                        {**v1(EMPTY), **v3(EMPTY, at=1000)}):
            assert daemon.post(PATH, EMPTY, headers) == 401, headers
    with Sim() as sim, Daemon(sim, hubspot={"signatures": ["v2"]}) as daemon:
        target = PATH + "?a=%3A"
        assert daemon.post(PATH, EMPTY, v2(EMPTY)) == 200 and daemon.post(target, EMPTY, v2(EMPTY, target)) == 200
        for headers in (v2(EMPTY, secret="wrong"), v2(EMPTY, PATH + "/"), v1(EMPTY), v3(EMPTY)):
            assert daemon.post(PATH, EMPTY, headers) == 401, headers
        assert daemon.post(target, EMPTY, v2(EMPTY, PATH + "?a=:")) == 401  # v2 decodes nothing


@test
def test_two_secrets_are_good_while_they_rotate():
    with Sim() as sim, Daemon(sim, hubspot={"secrets": ["env:NEXT", "env:HUBSPOT_SECRET"]}, env={"NEXT": "next"}) as daemon:
        assert daemon.post_hubspot([]) == 200 and daemon.post_hubspot([], secret="next") == 200
        assert daemon.post_hubspot([], secret="third") == 401


# --- events ----------------------------------------------------------------------------------------------------------------

@test
def test_of_a_hundred_events_new_messages_are_fetched():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        kinds = ["conversation.creation", "conversation.newMessage", "conversation.propertyChange", "contact.creation",
                 "conversation.deletion"]
        events = []
        for n in range(100):
            events.append(hubspot_event(5000000000 + n, f"m{n}", subscriptionType=kinds[n % 5]))
            keep(sim, 5000000000 + n, f"m{n}", f"x:{n}", user=str(700000000 + n))
        send(daemon, *events)
        items = daemon.settled()
        wanted = range(1, 100, 5)
        assert answered(sim) == sorted(f"[x:{n}]" for n in wanted)
        assert sorted(users(sim)) == [str(700000000 + n) for n in wanted]
        assert sorted(gets(sim)) == sorted(f"{THREADS}{5000000000 + n}/messages/m{n}" for n in wanted)
        assert len([i for i in items if i["kind"] == "entry"]) == 20
        assert all(r["auth"] == "ok" for r in sim.requests("/conversations/"))
        assert SECRETS["HUBSPOT_TOKEN"] not in daemon.log_text()


@test
def test_events_are_taken_once():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        keep(sim, 1, "m1", "x:1")
        event = hubspot_event(1, "m1")
        again = {**event, "eventId": 77, "attemptNumber": 1, "subscriptionId": 9}
        send(daemon, event, event)
        send(daemon, again)
        daemon.settled()
        daemon.send_signal(signal.SIGKILL)
        daemon.process.wait()
        daemon.serve()
        send(daemon, again)
        assert daemon.reasons() == [None, "duplicate message", "duplicate message"]
        assert answered(sim) == ["[x:1]"] and len(gets(sim)) == 1
        # The same id in another portal is another message, in another thread too.
        keep(sim, 2, "m1", "x:2")
        send(daemon, {**event, "portalId": 1}, hubspot_event(2, "m1"))
        daemon.settled()
        assert len(gets(sim)) == 3


@test
def test_ids_and_names_in_their_forms():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        keep(sim, 9598272090, "m1", "x:1", user="1")
        keep(sim, 9007199254740993, "m2", "x:2", user="2")
        send(daemon, hubspot_event("9598272090", "m1"))
        send(daemon, hubspot_event(9007199254740993, "m2", portalId="242711451", appId="19635961", unknown=[{}]))
        event = hubspot_event(4, "m4")
        del event["subscriptionType"]
        keep(sim, 4, "m4", "x:4", user="4")
        send(daemon, {**event, "eventType": "conversation.newMessage"})
        event = hubspot_event(5, "m5")
        del event["messageType"]
        keep(sim, 5, "m5", "x:5", user="5")
        send(daemon, event)
        daemon.settled()
        assert answered(sim) == ["[x:1]", "[x:2]", "[x:4]", "[x:5]"]
        assert THREADS + "9007199254740993/messages/m2" in gets(sim)
        sim.fault(path=THREADS + "3/", status=400)
        send(daemon, hubspot_event(3, "7e0b-41/..?"))  # stays one segment of the path
        daemon.settled()
        assert gets(sim)[-1] == THREADS + "3/messages/7e0b-41%2F..%3F", gets(sim)


@test
def test_what_is_no_array_of_events_is_stored_and_left():
    with Sim() as sim, Daemon(sim) as daemon:
        one = hubspot_event(1, "m1")
        bodies = [json.dumps(one).encode(), b"{}", b"null", b"7", b'"x"', b"[", b"rubbish", b"", EMPTY, b"[null,7,[],{}]",
                  b"[" * 3000, json.dumps([{**one, "objectId": None}, {**one, "messageId": {}}, {**one, "objectId": 1.5e300}]).encode()]
        for body in bodies:
            assert daemon.post(PATH, body, v3(body)) == 200, body
        items = daemon.settled()
        assert len(items) == len(bodies) and all(i["kind"] == "notification" and i["reason"] for i in items), items
        assert items[0]["reason"] == "not an array of events" and items[8]["reason"] == "no events"
        for item in items:
            assert daemon.run("explain", str(item["id"]))[0] == 0
        assert sim.requests() == []
        # An array may hold usable events beside others.
        keep(sim, 1, "m1", "track:ORD-1001")
        send(daemon, None, {**one, "objectId": None}, one, "x")
        assert sim.wait_sends(1)[0]["body"]["destination_user_id"] == "700000001"


@test
def test_portals_and_apps():
    with Sim() as sim, Daemon(sim, rules=ECHO, hubspot={"portals": ["242711451"], "apps": ["19635961"]}) as daemon:
        for n in range(1, 6):
            keep(sim, n, "m", f"x:{n}")
        send(daemon, hubspot_event(1, "m"), hubspot_event(2, "m", portalId=62515), hubspot_event(3, "m", appId=1),
             hubspot_event(4, "m", portalId="242711451"), hubspot_event(5, "m", portalId=None))
        daemon.settled()
        assert answered(sim) == ["[x:1]", "[x:4]"] and len(gets(sim)) == 2
        send(daemon, hubspot_event(2, "m2", portalId=62515))
        assert daemon.reasons() == [None, "portal 62515"]


# --- messages --------------------------------------------------------------------------------------------------------------

@test
def test_comments_and_outgoing_messages():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        keep(sim, 1, "comment", "x:1", type="COMMENT")
        send(daemon, hubspot_event(1, "comment", messageType="COMMENT"))
        assert daemon.reasons() == ["message type COMMENT"]
        assert gets(sim) == []  # known without a GET
        keep(sim, 2, "out", "x:2", direction="OUTGOING")
        keep(sim, 3, "comment", "x:3", type="COMMENT")
        keep(sim, 4, "status", "x:4", type="THREAD_STATUS_CHANGE")
        keep(sim, 5, "none", "x:5", direction=None)
        send(daemon, *[hubspot_event(n, m) for n, m in ((2, "out"), (3, "comment"), (4, "status"), (5, "none"))])
        reasons = daemon.reasons("entry")
        assert sorted(reasons) == ["direction ", "direction OUTGOING", "message type COMMENT", "message type THREAD_STATUS_CHANGE"]
        assert sim.sends() == [] and len(gets(sim)) == 4
        daemon.wait_metric('callbackd_fetches_total{source="hubspot",result="ignored"}', 4)
    hubspot = {"message_types": ["COMMENT"], "directions": ["OUTGOING"]}
    with Sim() as sim, Daemon(sim, rules=ECHO, hubspot=hubspot) as daemon:
        comment = hubspot_message("x:1", type="COMMENT")
        del comment["direction"]
        sim.control("PUT", "hubspot/messages/1/comment", {**comment, "direction": None})
        keep(sim, 2, "in", "x:2")
        send(daemon, hubspot_event(1, "comment", messageType="COMMENT"), hubspot_event(2, "in", messageType="MESSAGE"))
        daemon.settled()
        assert answered(sim) == ["[x:1]"] and len(gets(sim)) == 1


@test
def test_texts_are_plain():
    shapes = [("x:1&amp;<b>", "x:1&amp;<b>"), ("<p>x:2</p>", "<p>x:2</p>"), ("  x:3\r\nmore\u00a0 ", "x:3\nmore"),
              ('{"callback_data": "x:4"}', "x:4")]
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        for n, (text, _) in enumerate(shapes):
            keep(sim, n, "m", text, richText="<p>x:rich</p>")
            send(daemon, hubspot_event(n, "m"))
        daemon.settled()
        assert answered(sim) == sorted(f"[{wanted}]" for _, wanted in shapes)
        keep(sim, 10, "m", "")
        send(daemon, hubspot_event(10, "m"))
        assert daemon.reasons("entry")[-1] == "no text"


@test
def test_shortened_text_is_read_whole():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        for n, status in ((1, "TRUNCATED"), (2, "TRUNCATED_TO_MOST_RECENT_REPLY"), (3, "NOT_TRUNCATED"), (4, "TRUNCATED")):
            keep(sim, n, "m", f"x:{n}...", truncationStatus=status)
            sim.control("PUT", f"hubspot/originals/{n}/m", {"text": f"x:{n} whole", "richText": "<p>x:</p>"})
        sim.fault(path=THREADS + "4/messages/m/original-content", status=400)  # the shortened text is better than none
        send(daemon, *[hubspot_event(n, "m") for n in (1, 2, 3, 4)])
        daemon.settled()
        assert answered(sim) == ["[x:1 whole]", "[x:2 whole]", "[x:3...]", "[x:4...]"]
        originals = [uri for uri in gets(sim) if uri.endswith("/original-content")]
        assert sorted(originals) == [f"{THREADS}{n}/messages/m/original-content" for n in (1, 2, 4)]


@test
def test_senders():
    def by(*values):
        return [{"actorId": "V-1", "deliveryIdentifier": {"type": "CHANNEL_SPECIFIC_OPAQUE_ID", "value": v}} if v else {"name": "x"}
                for v in values]
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        cases = [by("700000001"), by(None, "700000002"), by("dana@example.com"), [], None, by(700000003)]
        for n, senders in enumerate(cases):
            keep(sim, n, "m", f"x:{n}", senders=senders)
            send(daemon, hubspot_event(n, "m"))
        items = daemon.settled()
        assert sorted(users(sim)) == ["700000001", "700000002", "700000003"]
        assert [i["state"] for i in items if i["kind"] == "entry"] == ["done", "done"] + ["unaddressed"] * 3 + ["done"]


@test
def test_contact_property_is_the_user_id():
    hubspot = {"user_id": ["contact.telegram_id", "sender"], "contact_properties": ["shop_id"]}
    rules = ECHO.replace("[${all}]", "[${all}] ${contact.shop_id:-none}")
    with Sim() as sim, Daemon(sim, rules=rules, hubspot=hubspot) as daemon:
        sim.control("PUT", "hubspot/threads/1", {"associatedContactId": "101"})
        sim.control("PUT", "hubspot/threads/2", {"associatedContactId": 101})
        sim.control("PUT", "hubspot/threads/3", {"associatedContactId": None})
        sim.control("PUT", "hubspot/threads/4", {"associatedContactId": "404"})
        sim.control("PUT", "hubspot/contacts/101", {"properties": {"telegram_id": "700000007", "shop_id": "42", "other": "no"}})
        sim.fault(path=THREADS + "5", skip=1, status=404)  # the thread's, behind the message's
        for n in (1, 2, 3, 4, 5):
            keep(sim, n, "m", f"x:{n}", user="700000001")
            send(daemon, hubspot_event(n, "m"))
            daemon.settled()
        assert users(sim) == ["700000007"] * 2 + ["700000001"] * 3, users(sim)
        assert answered(sim) == ["[x:1] 42", "[x:2] 42", "[x:3] none", "[x:4] none", "[x:5] none"]
        contacts = [r["uri"] for r in sim.requests("/crm/")]
        assert len(contacts) == 2 and contacts[0].startswith("/crm/v3/objects/contacts/101?properties="), contacts
        assert set(contacts[0].split("=", 1)[1].split(",")) == {"shop_id", "telegram_id"}


# --- when HubSpot does not answer as it should -----------------------------------------------------------------------------

@test
def test_message_that_cannot_be_read_yet():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        send(daemon, hubspot_event(1, "m"))
        first = sim.wait_requests(1, THREADS)[0]
        assert first["status"] == 404
        assert [i["state"] for i in daemon.queue() if i["kind"] == "entry"] in (["fetch"], [])
        keep(sim, 1, "m", "x:1")
        daemon.settled()
        assert answered(sim) == ["[x:1]"]
        assert [r["status"] for r in sim.requests(THREADS)][-1] == 200


@test
def test_errors_are_tried_again():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        keep(sim, 1, "m", "x:1")
        for fault in ({"status": 500}, {"html": True}, {"close": "before"}, {"close": "mid"}):
            sim.fault(path=THREADS, **fault)
        send(daemon, hubspot_event(1, "m"))
        daemon.settled()
        assert answered(sim) == ["[x:1]"] and len(gets(sim)) == 5
        # A connection that was kept and has ended meanwhile is none to blame: there the GET may be repeated at once.
        wait_for(lambda: daemon.metric('callbackd_fetches_total{source="hubspot",result="retry"}') in (3, 4), "three retries, or four")
        # 200 that is no JSON object is no answer either; a final refusal is final.
        keep(sim, 2, "m", "x:2")
        keep(sim, 3, "m", "x:3")
        sim.fault(path=THREADS + "2/", body="<html>", status=200)
        sim.fault(path=THREADS + "3/", status=410)
        send(daemon, hubspot_event(2, "m"), hubspot_event(3, "m"))
        assert "message not readable: status 410" in daemon.reasons("entry")
        assert answered(sim) == ["[x:1]", "[x:2]"]


@test
def test_too_many_requests():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        sim.fault(path=THREADS, status=429, headers={"Retry-After": "2"})
        for n in (1, 2, 3):
            keep(sim, n, "m", f"x:{n}")
        send(daemon, hubspot_event(1, "m"))
        wait_for(lambda: daemon.metric('callbackd_fetches_total{source="hubspot",result="retry"}') == 1)
        send(daemon, hubspot_event(2, "m"), hubspot_event(3, "m"))  # these wait, too
        daemon.settled()
        assert answered(sim) == ["[x:1]", "[x:2]", "[x:3]"]
        times = [r["time"] for r in sim.requests(THREADS)]
        assert len(times) == 4 and min(times[1:]) - times[0] >= 1950, times
        # Without the header the policy says how long.
        sim.control("DELETE", "requests")
        sim.fault(path=THREADS, status=429, body={"status": "error", "errorType": "RATE_LIMIT", "policyName": "SECONDLY"})
        keep(sim, 4, "m", "x:4")
        send(daemon, hubspot_event(4, "m"))
        daemon.settled()
        times = [r["time"] for r in sim.requests(THREADS)]
        assert len(times) == 2 and 950 <= times[1] - times[0] < 9000, times


@test
def test_refused_token_pauses_the_source():
    for status in (401, 403, 302):
        with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
            sim.fault(path=THREADS, status=status, times=-1, headers={"Location": sim.url + "/stolen"} if status == 302 else {})
            keep(sim, 1, "m", "x:1")
            keep(sim, 2, "m", "x:2")
            send(daemon, hubspot_event(1, "m"))
            wait_for(lambda: "source hubspot" in daemon.page("/readyz")[1], "the pause")
            assert str(status) in daemon.page("/readyz")[1]
            asked = len(sim.requests())
            send(daemon, hubspot_event(2, "m"))
            daemon.tap("x:intercom")  # other sources go on
            sim.wait_sends(1)
            assert len(sim.requests(THREADS)) == asked == 1 and not sim.requests("/stolen")
            sim.control("DELETE", "faults")
            daemon.send_signal(signal.SIGHUP)
            sim.wait_sends(3)
            assert answered(sim) == ["[x:1]", "[x:2]", "[x:intercom]"]
            wait_for(lambda: daemon.page("/readyz") == (200, "ready\n"), "the end of the pause")


@test
def test_restart_between_webhook_and_fetch():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        sim.fault(path=THREADS, hang=True, times=-1)
        for n in range(20):  # some are under way, some wait for their turn
            keep(sim, n, "m", f"x:{n}", user=str(700000000 + n))
        send(daemon, *[hubspot_event(n, "m") for n in range(20)])
        sim.wait_requests(1, THREADS)
        daemon.send_signal(signal.SIGKILL)
        daemon.process.wait()
        assert sim.sends() == []
        sim.control("DELETE", "faults")
        daemon.serve()
        daemon.settled()
        assert answered(sim) == sorted(f"[x:{n}]" for n in range(20))
        assert daemon.terminate() == 0


@test
def test_restart_between_two_fetches():
    with Sim() as sim, Daemon(sim, rules=ECHO) as daemon:
        keep(sim, 1, "m", "x:1...", truncationStatus="TRUNCATED")
        sim.control("PUT", "hubspot/originals/1/m", {"text": "x:1 whole"})
        sim.fault(path=THREADS + "1/messages/m/original-content", hang=True, times=-1)
        send(daemon, hubspot_event(1, "m"))
        sim.wait_requests(1, THREADS + "1/messages/m/original-content")
        daemon.send_signal(signal.SIGKILL)
        daemon.process.wait()
        sim.control("DELETE", "faults")
        daemon.serve()
        daemon.settled()
        assert answered(sim) == ["[x:1 whole]"]
        assert len([uri for uri in gets(sim) if uri.endswith("/m")]) == 1  # what was read is kept


if __name__ == "__main__":
    main()
