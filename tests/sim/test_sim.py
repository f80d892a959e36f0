#!/usr/bin/env python3
"""Tests of callbackd-sim itself, as TAP. Run from the build folder."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

SIM = os.environ.get("SIM", "tests/sim/callbackd-sim")
SEND = "/api/v1/telegram/interactive"


class Sim:
    def __init__(self, *options):
        self.folder = tempfile.TemporaryDirectory()
        bound = os.path.join(self.folder.name, "bound")
        self.record = os.path.join(self.folder.name, "record")
        self.process = subprocess.Popen([SIM, "--bound-file", bound, "--record", self.record, *options])
        end = time.monotonic() + 20
        while not os.path.exists(bound):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("callbackd-sim did not start")
            time.sleep(0.005)
        with open(bound) as file:
            host, port = file.read().strip().rsplit(":", 1)
        self.address = (host, int(port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(20)
        self.folder.cleanup()
        if status:
            raise RuntimeError(f"callbackd-sim ended with {status}")

    def connect(self, timeout=20):
        return http.client.HTTPConnection(*self.address, timeout=timeout)

    def ask(self, method, path, body=None, headers=None, connection=None):
        """Status, headers, parsed body."""
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        own = connection is None
        connection = connection or self.connect()
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            if own:
                connection.close()
        try:
            parsed = json.loads(raw) if raw else None
        except ValueError:
            parsed = raw
        return answer.status, answer.headers, parsed

    def send(self, body, key="sim-key", **more):
        return self.ask("POST", SEND, body, {"X-Octopods-Auth": key} if key else {}, **more)

    def control(self, method, path, body=None):
        status, _, answer = self.ask(method, "/-/" + path, body)
        if status >= 300:
            raise RuntimeError(f"control {method} {path}: {status} {answer}")
        return answer

    def wait_for(self, count):
        end = time.monotonic() + 20
        while self.control("GET", "count") < count:
            if time.monotonic() > end:
                raise AssertionError(f"{count} requests did not come")
            time.sleep(0.002)

    def requests(self, query=""):
        return self.control("GET", "requests" + query)


def message(user="123456789", **inner):
    return {"destination_user_id": user, "telegram_interactive_message": inner}


def buttons(*rows, text="Hello", **more):
    return message(type="reply_buttons", text=text, buttons=list(rows), **more)


def markup(type_, **inner):
    return message(type=type_, text="Hello", reply_markup=inner)


OK = {"text": "A", "callback_data": "a"}
tests = []


def test(function):
    tests.append(function)
    return function


def equal(got, want):
    if got != want:
        raise AssertionError(f"got {got!r}, want {want!r}")


@test
def seed_examples_are_taken():
    with Sim() as sim:
        bodies = [
            buttons([{"text": "View receipt", "url": "https://example.com/receipt/ORD-9876"}],
                    [{"text": "Track shipment", "callback_data": "track:ORD-9876"},
                     {"text": "Contact support", "callback_data": "support:ORD-9876"}]),
            message(type="reply_keyboard", text="Pick a topic.", keyboard=[["Orders", "Returns"], ["Account", "Other"]],
                    resize_keyboard=True, one_time_keyboard=True),
            message(type="remove_reply_keyboard", text="Thanks."),
            message(type="highlight_reply", text="Which order?"),
            dict(buttons([OK]), open_intercom_conversation=True, intercom_teammate_id="77"),
            buttons([OK], text="x" * 4096), buttons([OK], text="\U0001F600" * 4096),
            buttons([dict(OK, callback_data="d" * 64)]),
            buttons([{"text": "T", "url": "tg://resolve?domain=x"}, {"text": "H", "url": "http://a.b:80/c?d=e#f"}]),
        ]
        for body in bodies:
            status, _, answer = sim.send(body)
            equal((status, answer.get("destination_user_id")), (200, "123456789"))
            equal(sorted(answer), ["destination_user_id", "message_id", "message_status_url", "request_id"])
        equal(answer["message_id"][:4], "msg_")
        equal(answer["message_status_url"],
              "http://%s:%d/api/v1/telegram/messages/%s" % (*sim.address, answer["message_id"]))
        path = "/api/v1/telegram/messages/" + answer["message_id"]
        status, _, state = sim.ask("GET", path, headers={"X-Octopods-Auth": "sim-key"})
        equal((status, state["status"], state["message_id"]), (200, "DELIVERED", answer["message_id"]))
        sim.control("PUT", "statuses/*", {"list": ["QUEUED", {"status": "failed", "failure_reason": {"title": "why"}}]})
        states = [sim.ask("GET", path, headers={"X-Octopods-Auth": "sim-key"})[2] for _ in range(3)]
        equal([s["status"] for s in states], ["QUEUED", "failed", "failed"])
        equal((states[2]["failure_reason"], states[2]["message_id"]), ({"title": "why"}, answer["message_id"]))
        equal(sim.ask("GET", path)[0], 401)
        equal(sim.ask("GET", path[:-16] + "0" * 16, headers={"X-Octopods-Auth": "sim-key"})[0], 400)
        equal(sim.control("GET", "count?path=" + SEND), len(bodies))
        equal(sim.control("GET", "count?accepted=1"), len(bodies))


@test
def wrong_flat_payloads_are_refused():
    url = "inline keyboard button URL"
    cases = [
        ({}, 1, "destination_user_id"),
        ({"destination_user_id": "1"}, 1, "telegram_interactive_message"),
        (dict(buttons([OK]), destination_user_id=1), 4, "destination_user_id"),
        (dict(buttons([OK]), destination_user_id=""), 4, "destination_user_id"),
        (dict(buttons([OK]), destination_user_id="12a"), 4, "destination_user_id"),
        (dict(buttons([OK]), destination_user_id="+12"), 4, "destination_user_id"),
        (dict(buttons([OK]), extra=1), 4, "unknown parameter extra"),
        (dict(buttons([OK]), open_intercom_conversation="true"), 4, "open_intercom_conversation"),
        (dict(buttons([OK]), intercom_teammate_id=7), 4, "intercom_teammate_id"),
        ({"destination_user_id": "1", "telegram_interactive_message": "{}"}, 4, "type object"),
        (message(text="x"), 1, "type"),
        (message(type="buttons", text="x"), 4, "type must be one of"),
        (message(type="reply_buttons", text="x"), 1, "buttons"),
        (message(type="reply_buttons", buttons=[[OK]]), 1, "text"),
        (buttons([OK], text=""), 2, "message text is empty"),
        (buttons([OK], text=" \n "), 2, "text must be non-empty"),
        (buttons([OK], text=None), 4, "text"),
        (buttons([OK], text="x" * 4097), 7, "message is too long"),
        (buttons([OK], reply_markup={}), 4, "unknown parameter reply_markup"),
        (buttons([OK], keyboard=[["a"]]), 4, "unknown parameter keyboard"),
        (buttons(), 1, "buttons"),
        (buttons([]), 4, "row 1 is empty"),
        (buttons([OK], []), 4, "row 2 is empty"),
        (buttons(OK), 4, "Array of Arrays"),
        (buttons(["a"]), 4, "must be an Object"),
        (buttons([{"callback_data": "a"}]), 1, "text"),
        (buttons([{"text": "", "callback_data": "a"}]), 7, "must be non-empty"),
        (buttons([{"text": "A"}]), 7, "exactly one"),
        (buttons([dict(OK, url="https://a.b")]), 7, "exactly one"),
        (buttons([dict(OK, style="danger")]), 4, "unknown parameter style"),
        (buttons([dict(OK, callback_data=1)]), 4, "callback_data"),
        (buttons([dict(OK, callback_data="")]), 7, "Text buttons are unallowed"),
        (buttons([dict(OK, callback_data="d" * 65)]), 7, "Bad Request: BUTTON_DATA_INVALID"),
        (buttons([dict(OK, callback_data="\u0434" * 33)]), 7, "BUTTON_DATA_INVALID"),
        (buttons([OK] * 13), 7, "reply markup is too long"),
        (buttons([{"text": "A", "url": "ftp://a.b/c"}]), 7, url + " 'ftp://a.b/c' is invalid: Unsupported"),
        (buttons([{"text": "A", "url": "mailto:a@b.com"}]), 7, url),
        (buttons([{"text": "A", "url": "a.b/c"}]), 7, url),
        (buttons([{"text": "A", "url": "http://localhost/"}]), 7, "Wrong HTTP URL"),
        (buttons([{"text": "A", "url": "https://"}]), 7, "URL host is empty"),
        (buttons([{"text": "A", "url": "https://a.b/c d"}]), 7, url),
        (buttons([{"text": "A", "url": "https://u.v@localhost/"}]), 7, "Wrong HTTP URL"),
        (message(type="reply_keyboard", text="x"), 1, "keyboard"),
        (message(type="reply_keyboard", text="x", keyboard=[[{"text": "A"}]]), 4, "String"),
        (message(type="reply_keyboard", text="x", keyboard=[[""]]), 7, "non-empty"),
        (message(type="reply_keyboard", text="x", keyboard=["A"]), 4, "Array of Arrays"),
        (message(type="reply_keyboard", text="x", keyboard=[["A"]], resize_keyboard="yes"), 4, "resize_keyboard"),
        (message(type="reply_keyboard", text="x", keyboard=[["A"]], is_persistent=True), 4, "is_persistent"),
        (message(type="remove_reply_keyboard", text="x", remove_keyboard=True), 4, "remove_keyboard"),
        (message(type="highlight_reply", text="x", force_reply=True), 4, "force_reply"),
    ]
    with Sim() as sim:
        connection = sim.connect()
        for body, code, text in cases:
            status, _, answer = sim.send(body, connection=connection)
            if (status, answer.get("error_code")) != (400, code) or text not in answer["error"]:
                raise AssertionError(f"{body}: {status} {answer}")
            equal(sorted(answer), ["error", "error_code", "request_id"])
        equal(sim.control("GET", "count"), len(cases))
        equal(sim.control("GET", "count?accepted=1"), 0)


@test
def bodies_that_are_no_json():
    with Sim() as sim:
        auth = {"X-Octopods-Auth": "sim-key", "Content-Type": "application/json"}
        good = json.dumps(buttons([OK]))
        for body in ["", "{", good + "x", "[]", "null", b'{"a":"\xff"}']:
            equal(sim.ask("POST", SEND, body, auth)[0], 400)
        equal(sim.ask("POST", SEND, good, {"X-Octopods-Auth": "sim-key", "Content-Type": "text/plain"})[0], 400)
        equal(sim.ask("POST", SEND, good + "\n", dict(auth, **{"Content-Type": "application/json; charset=utf-8"}))[0], 200)
        bodies = [r["body"] for r in sim.requests()]
        equal(bodies[1:3], ["{", good + "x"])
        equal(bodies[-1], json.loads(good))


@test
def markup_dialect():
    data, link = OK, {"text": "B", "url": "https://a.b"}
    query = {"text": "C", "switch_inline_query_current_chat": ""}
    good = [
        markup("reply_buttons", inline_keyboard=[[data, link], [query]]),
        markup("reply_keyboard", keyboard=[["A", {"text": "B"}]], resize_keyboard=True, one_time_keyboard=False,
               is_persistent=True, input_field_placeholder="x" * 64, selective=True),
        markup("remove_reply_keyboard", remove_keyboard=True),
        markup("highlight_reply", force_reply=True, input_field_placeholder="y"),
    ]
    bad = [
        (buttons([data]), "unknown parameter buttons"),
        (message(type="highlight_reply", text="x"), "reply_markup"),
        (markup("reply_buttons", keyboard=[["A"]]), "keyboard"),
        (markup("reply_buttons", inline_keyboard=[]), "inline_keyboard"),
        (markup("remove_reply_keyboard", remove_keyboard=False), "must be true"),
        (markup("highlight_reply", force_reply=True, input_field_placeholder=""), "1 to 64"),
        (markup("highlight_reply", force_reply=True, input_field_placeholder="x" * 65), "1 to 64"),
    ]
    with Sim("--key", "old", "--key", "new:markup") as sim:
        for body in good:
            equal(sim.send(body, "new")[0], 200)
            equal(sim.send(body, "old")[0], 400)
        for body, text in bad:
            status, _, answer = sim.send(body, "new")
            if status != 400 or text not in answer["error"]:
                raise AssertionError(f"{body}: {status} {answer}")
    with Sim("--key", "new:markup", "--markup-strict") as sim:
        equal(sim.send(markup("reply_buttons", inline_keyboard=[[link] * 3, [query] * 3]), "new")[0], 200)
        equal(sim.send(markup("reply_buttons", inline_keyboard=[[link] * 7]), "new")[0], 400)
        equal(sim.send(markup("reply_buttons", inline_keyboard=[[data]]), "new")[0], 400)


@test
def keys_users_and_ids():
    with Sim("--key", "a", "--key", "gone:deprecated", "--key", "shut:closed", "--id-type", "number") as sim:
        for key, want in [(None, 401), ("b", 401), ("sim-key", 401), ("gone", 400), ("shut", 403), ("a", 200)]:
            status, _, answer = sim.send(buttons([OK]), key)
            equal(status, want)
        equal(type(answer["message_id"]), int)
        equal(type(answer["request_id"]), int)
        path = "/api/v1/telegram/messages/%d" % answer["message_id"]
        equal(sim.ask("GET", path, headers={"X-Octopods-Auth": "a"})[2]["message_id"], answer["message_id"])
        for state, text in [("blocked", "Forbidden: bot was blocked by the user"),
                            ("unknown", "Bad Request: chat not found"), ("deactivated", "Forbidden: user is deactivated")]:
            sim.control("PUT", "users/123456789", {"state": state})
            status, _, answer = sim.send(buttons([OK]), "a")
            equal((status, answer["error"]), (400, text))
        sim.control("PUT", "users/123456789", {"state": "ok"})
        equal(sim.send(buttons([OK]), "a")[0], 200)
        lines = sim.requests()
        equal([(r["auth"], r["key"]) for r in lines[:6]],
              [("none", None), ("bad", None), ("bad", None), ("bad", 1), ("ok", 2), ("ok", 0)])
        with open(sim.record) as file:
            equal([json.loads(line)["seq"] for line in file], [r["seq"] for r in lines])


@test
def requests_are_recorded():
    with Sim("--keep", "3") as sim:
        connection = sim.connect()
        for i in range(5):
            sim.send(buttons([OK], text=f"n{i}"), connection=connection)
        sim.ask("GET", "/nowhere/at%20all?x=1")
        lines = sim.requests()
        equal([r["seq"] for r in lines], [4, 5, 6])
        equal([r["status"] for r in lines], [200, 200, 404])
        equal([r["accepted"] for r in lines], [True, True, False])
        equal(lines[0]["body"], buttons([OK], text="n3"))
        equal(lines[0]["conn"], lines[1]["conn"])
        equal(lines[2]["uri"], "/nowhere/at%20all?x=1")
        equal([r["seq"] for r in sim.requests("?since=5")], [6])
        equal([r["seq"] for r in sim.requests("?path=/api&since=4")], [5])
        equal(sim.control("GET", "count?path=/api"), 5)
        with open(sim.record) as file:
            text = file.read()
        equal(len(text.splitlines()), 6)
        equal("sim-key" in text, False)
        sim.control("DELETE", "requests")
        equal((sim.requests(), sim.control("GET", "count")), ([], 0))
    with Sim("--quiet") as sim:
        sim.send(buttons([OK]))
        equal((sim.requests(), sim.control("GET", "count")), ([], 1))


@test
def answers_that_are_faults():
    with Sim() as sim:
        sim.control("POST", "faults", [
            {"path": "/api/v1/telegram", "status": 503, "headers": {"Retry-After": "2"}, "skip": 1, "times": 2},
            {"path": "/api", "method": "POST", "user": "9", "status": 502, "html": True},
            {"user": "8", "times": -1, "status": 429, "body": {"error": "slow"}},
            {"user": "7", "body": "rubbish", "headers": {"Content-Type": "text/weird"}},
        ])
        equal([sim.send(buttons([OK]))[0] for _ in range(4)], [200, 503, 503, 200])
        status, headers, body = sim.send(dict(buttons([OK]), destination_user_id="9"))
        equal((status, headers["Content-Type"], body[:6]), (502, "text/html", b"<html>"))
        for _ in range(3):
            equal(sim.send(dict(buttons([OK]), destination_user_id="8"))[::2], (429, {"error": "slow"}))
        status, headers, body = sim.send(dict(buttons([OK]), destination_user_id="7"))
        equal((status, headers["Content-Type"], body), (200, "text/weird", b"rubbish"))
        equal([f["left"] for f in sim.control("GET", "faults")], [0, 0, -1, 0])
        sim.control("DELETE", "faults")
        equal(sim.send(dict(buttons([OK]), destination_user_id="8"))[0], 200)
        equal(sim.control("GET", "count?accepted=1"), 3)
        equal([r["fault"] for r in sim.requests()][:3], [None, "status", "status"])
        for wrong in [{"colour": 1}, {"status": 99}, {"close": "soon"}, [{"status": 503}, 7], {"times": "x"}]:
            equal(sim.ask("POST", "/-/faults", wrong)[0], 400)
        equal(sim.control("GET", "faults"), [])


def raw_send(sim, timeout=20):
    """All bytes that came until the end of the connection; None if it stays open."""
    body = json.dumps(buttons([OK])).encode()
    with socket.create_connection(sim.address, 20) as s:
        s.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nX-Octopods-Auth: sim-key\r\nContent-Type: application/json\r\n"
                  b"Content-Length: %d\r\n\r\n%s" % (SEND.encode(), len(body), body))
        s.settimeout(timeout)
        got = b""
        try:
            while chunk := s.recv(65536):
                got += chunk
        except socket.timeout:
            return None
        return got


@test
def connections_that_end():
    with Sim() as sim:
        for fault, accepted in [({"close": "before"}, 0), ({"drop": True}, 0), ({"accept_then": "close"}, 1),
                                ({"accept_then": {"drop": True}}, 1)]:
            sim.control("DELETE", "requests")
            sim.control("POST", "faults", fault)
            equal(raw_send(sim), b"")
            equal(sim.control("GET", "count?accepted=1"), accepted)
            equal(sim.requests()[0]["status"], 0)
        sim.control("POST", "faults", {"close": "reset"})
        try:
            raw_send(sim)
            raise AssertionError("no reset")
        except ConnectionResetError:
            pass
        for fault, status, accepted in [({"close": "mid"}, b"200", True), ({"close": "mid", "status": 500}, b"500", False),
                                        ({"accept_then": {"close": "mid", "status": 502}}, b"502", True)]:
            sim.control("DELETE", "requests")
            sim.control("POST", "faults", fault)
            head, _, body = raw_send(sim).partition(b"\r\n\r\n")
            equal(head.split()[1], status)
            length = int(head.lower().partition(b"content-length:")[2].split()[0])
            equal(0 < len(body) < length, True)
            equal(sim.requests()[0]["accepted"], accepted)
        # The same on a connection that was used before.
        connection = sim.connect()
        equal(sim.send(buttons([OK]), connection=connection)[0], 200)
        sim.control("POST", "faults", {"close": "before"})
        try:
            sim.send(buttons([OK]), connection=connection)
            raise AssertionError("answered")
        except (http.client.RemoteDisconnected, ConnectionResetError):
            pass
        # A refusal is not turned into a fault.
        sim.control("POST", "faults", {"accept_then": "close"})
        equal(sim.send(buttons())[0], 400)


@test
def answers_that_do_not_come_or_come_late():
    with Sim() as sim:
        sim.control("POST", "faults", [{"hang": True, "times": 20}, {"accept_then": "hang"},
                                       {"accept_then": {"delay_ms": 60}}, {"delay_ms": 50}, {"delay_ms": 50, "status": 500}])
        hung = [socket.create_connection(sim.address) for _ in range(20)]
        body = json.dumps(buttons([OK])).encode()
        for s in hung:
            s.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nX-Octopods-Auth: sim-key\r\nContent-Type: application/json\r\n"
                      b"Content-Length: %d\r\n\r\n%s" % (SEND.encode(), len(body), body))
            if s is hung[3]:
                s.sendall(b"GET /more HTTP/1.1\r\nHost: x\r\n\r\n")
        sim.wait_for(20)
        equal(sim.control("GET", "count?accepted=1"), 0)
        for s in hung[:10]:
            s.close()
        equal(raw_send(sim, 0.1), None)
        sim.wait_for(21)
        equal(sim.control("GET", "count?accepted=1"), 1)
        for want in (200, 200, 500):
            start = time.monotonic()
            equal(sim.send(buttons([OK]))[0], want)
            equal(time.monotonic() - start >= 0.045, True)
        equal(sim.control("GET", "count?accepted=1"), 3)
        # A client that leaves before its late answer, and one that the end of the process surprises.
        sim.control("POST", "faults", [{"delay_ms": 30}, {"delay_ms": 60000}])
        raw_send(sim, 0.01)
        sim.wait_for(25)
        raw_send(sim, 0.05)
        sim.wait_for(26)
        equal(sim.send(buttons([OK]))[0], 200)
        equal(hung[12].fileno() >= 0, True)


@test
def answers_that_are_held_until_they_are_released():
    with Sim() as sim:
        sim.control("POST", "faults", [{"hold": True, "times": 2}, {"hold": True, "status": 422, "body": "no"},
                                       {"hold": True, "close": "before"}])
        held = [socket.create_connection(sim.address, 20) for _ in range(4)]
        body = json.dumps(buttons([OK])).encode()
        for n, s in enumerate(held, 1):
            s.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nX-Octopods-Auth: sim-key\r\nContent-Type: application/json\r\n"
                      b"Content-Length: %d\r\n\r\n%s" % (SEND.encode(), len(body), body))
            sim.wait_for(n)
        equal(sim.control("GET", "count?accepted=1"), 2)  # taken is taken, though nobody was told
        sim.control("DELETE", "faults")  # which changes nothing for them
        held[0].close()
        for s in held[1:]:
            s.setblocking(False)
            try:
                equal(s.recv(100), "nothing yet")
            except BlockingIOError:
                s.settimeout(20)
        equal([r["waiting"] for r in sim.requests()], [0, 1, 2, 3])
        equal(sim.control("POST", "release"), 4)
        for s, start in zip(held[1:], (b"HTTP/1.1 200", b"HTTP/1.1 422", b"")):
            equal(s.recv(12), start)
            s.close()
        equal(sim.control("POST", "release"), 0)
        equal(sim.send(buttons([OK]))[0], 200)


@test
def hubspot():
    auth = {"Authorization": "Bearer sim-hubspot-token"}
    threads = "/conversations/v3/conversations/threads/"
    with Sim() as sim:
        status, _, answer = sim.ask("GET", threads + "7/messages/m1")
        equal((status, answer["status"], answer["category"]), (401, "error", "INVALID_AUTHENTICATION"))
        status, _, answer = sim.ask("GET", threads + "7/messages/m1", headers=auth)
        equal((status, answer["category"]), (404, "OBJECT_NOT_FOUND"))
        sim.control("PUT", "hubspot/messages/7/m1", {"text": "menu:orders", "truncationStatus": "TRUNCATED"})
        _, _, answer = sim.ask("GET", threads + "7/messages/m1", headers=auth)
        equal((answer["id"], answer["conversationsThreadId"], answer["text"], answer["direction"]),
              ("m1", "7", "menu:orders", "INCOMING"))
        other = "/conversations/conversations/2026-09/threads/7/messages/m1"
        equal(sim.ask("GET", other, headers=auth)[2], answer)
        equal(sim.ask("GET", threads + "7/messages/m1/original-content", headers=auth)[2]["text"], "menu:orders")
        sim.control("PUT", "hubspot/originals/7/m1", {"text": "whole"})
        equal(sim.ask("GET", threads + "7/messages/m1/original-content", headers=auth)[2]["text"], "whole")
        equal(sim.ask("GET", threads + "7", headers=auth)[2]["status"], "OPEN")
        equal(sim.ask("GET", threads + "8", headers=auth)[0], 404)
        equal(sim.ask("PATCH", threads + "7", {"status": "CLOSED"}, auth)[2]["status"], "CLOSED")
        equal(sim.ask("PATCH", threads + "7", {"status": "closed"}, auth)[0], 400)
        equal(sim.ask("GET", threads + "7", headers=auth)[2]["status"], "CLOSED")
        assign = "/conversations/conversations/v3/threads/7/assignee"
        equal(sim.ask("PUT", assign, {"actorId": "A-5"}, auth)[2]["assignedTo"], "A-5")
        equal(sim.ask("PUT", assign, {"actor": "A-5"}, auth)[0], 400)
        equal(sim.ask("DELETE", assign, headers=auth)[0], 204)
        note = {"type": "COMMENT", "text": "Asks for a person.", "attachments": []}
        status, _, answer = sim.ask("POST", threads + "7/messages", note, auth)
        equal((status, answer["type"], answer["direction"]), (201, "COMMENT", "OUTGOING"))
        equal(sim.ask("GET", threads + "7/messages/" + answer["id"], headers=auth)[2], answer)
        equal(sim.ask("POST", threads + "7/messages", {"type": "COMMENT", "text": "x"}, auth)[0], 400)
        equal(sim.ask("POST", threads + "7/messages", dict(note, type="MESSAGE"), auth)[0], 400)
        sim.control("PUT", "hubspot/contacts/5", {"properties": {"telegram_id": "700", "shop_id": "77", "other": "x"}})
        _, _, answer = sim.ask("GET", "/crm/v3/objects/contacts/5?properties=telegram_id,shop_id", headers=auth)
        equal({k: v for k, v in answer["properties"].items() if "date" not in k},
              {"hs_object_id": "5", "telegram_id": "700", "shop_id": "77"})
        _, _, answer = sim.ask("GET", "/crm/v3/objects/contacts/5?properties=other&properties=shop_id", headers=auth)
        equal((answer["properties"]["other"], answer["properties"]["shop_id"]), ("x", "77"))
        equal(sim.ask("GET", "/crm/v3/objects/contacts/6", headers=auth)[0], 404)
        sim.control("PUT", "hubspot/messages/*/*", {"text": "any"})
        equal(sim.ask("GET", threads + "99/messages/zz", headers=auth)[2]["id"], "zz")
        equal(sim.ask("POST", threads + "7", {}, auth)[0], 405)


@test
def intercom():
    auth = {"Authorization": "Bearer sim-intercom-token"}
    with Sim() as sim:
        status, _, answer = sim.ask("GET", "/contacts/c1", headers={"Authorization": "Bearer x"})
        equal((status, answer["type"], answer["errors"][0]["code"]), (401, "error.list", "unauthorized"))
        equal(sim.ask("GET", "/contacts/c1", headers=auth)[0], 404)
        sim.control("PUT", "intercom/contacts/c1", {"external_id": "700", "custom_attributes": {"shop_id": 77}})
        _, _, answer = sim.ask("GET", "/contacts/c1", headers=auth)
        equal((answer["id"], answer["external_id"], answer["custom_attributes"]), ("c1", "700", {"shop_id": 77}))
        equal(sim.ask("GET", "/conversations/5", headers=auth)[2]["errors"][0]["code"], "conversation_not_found")
        note = {"message_type": "note", "type": "admin", "admin_id": "1", "body": "Hi"}
        _, _, answer = sim.ask("POST", "/conversations/5/reply", note, auth)
        equal(answer["conversation_parts"]["conversation_parts"][0]["body"], "Hi")
        for wrong in [dict(note, message_type="x"), dict(note, admin_id=None), dict(note, body=""), {}]:
            equal(sim.ask("POST", "/conversations/5/reply", wrong, auth)[0], 400)
        parts = "/conversations/5/parts"
        assign = {"message_type": "assignment", "type": "team", "admin_id": "1", "assignee_id": "814"}
        equal(sim.ask("POST", parts, assign, auth)[2]["team_assignee_id"], "814")
        equal(sim.ask("POST", parts, dict(assign, assignee_id="x"), auth)[0], 400)
        equal(sim.ask("POST", parts, {"message_type": "snoozed", "admin_id": 1}, auth)[0], 400)
        equal(sim.ask("POST", parts, {"message_type": "snoozed", "admin_id": 1, "snoozed_until": 9}, auth)[2]["state"],
              "snoozed")
        equal(sim.ask("POST", parts, {"message_type": "close", "type": "admin", "admin_id": "1"}, auth)[2]["open"], False)
        equal(sim.ask("GET", "/conversations/5", headers=auth)[2]["state"], "closed")
        equal(sim.ask("POST", "/conversations/5/tags", {"id": "needs-human", "admin_id": "1"}, auth)[0], 404)
        _, _, tag = sim.ask("POST", "/tags", {"name": "needs-human"}, auth)
        equal(sim.ask("POST", "/tags", {"name": "needs-human"}, auth)[2], tag)
        equal(sim.ask("GET", "/tags", headers=auth)[2]["data"], [tag])
        equal(sim.ask("POST", "/conversations/5/tags", {"id": tag["id"], "admin_id": "1"}, auth)[2]["id"], tag["id"])
        equal(sim.ask("DELETE", "/conversations/5/tags/" + tag["id"], {"admin_id": "1"}, auth)[0], 200)


@test
def shop():
    with Sim() as sim:
        api = "/shop/api/"
        _, _, answer = sim.ask("GET", api + "customers/77/orders")
        equal([o["id"] for o in answer["list"]], ["ORD-1001", "ORD-1002", "ORD-1003"])
        equal(sim.ask("GET", api + "customers/78/orders")[2], {"list": []})
        equal(sim.ask("GET", api + "customers/79/orders")[0], 404)
        equal(sim.ask("GET", api + "customers/77/orders/ORD-1001")[2]["items"][1], {"title": "Socks", "qty": 2})
        equal(sim.ask("GET", api + "customers/78/orders/ORD-1001")[0], 404)
        equal(sim.ask("GET", api + "orders/ORD-1002")[2]["status"], "packed")
        sim.control("PUT", "shop/customers/79/orders", {"list": [{"id": "ORD-5", "total": 1}]})
        sim.control("PUT", "shop/orders/ORD-5", {"status": "new"})
        equal(sim.ask("GET", api + "customers/79/orders/ORD-5")[2], {"status": "new"})
        book, key = {"order": "ORD-1001", "reason": "small"}, {"Idempotency-Key": "k1"}
        first = sim.ask("POST", api + "returns", book, key)
        equal(first[0], 201)
        again = sim.ask("POST", api + "returns", book, key)
        equal((again[0], again[1]["Idempotency-Replayed"], again[2]), (200, "true", first[2]))
        equal(sim.ask("POST", api + "returns", dict(book, reason="big"), key)[0], 422)
        equal(sim.ask("POST", api + "returns", book)[0], 201)
        equal(sim.ask("POST", api + "returns", {"reason": "x"})[0], 400)
        equal(len(sim.control("GET", "shop/returns")), 2)
        sim.control("DELETE", "all")
        equal((sim.control("GET", "shop/returns"), sim.requests()), ({}, []))
    with Sim("--shop-token", "t") as sim:
        equal(sim.ask("GET", "/shop/api/customers/77/orders")[0], 401)
        equal(sim.ask("GET", "/shop/api/customers/77/orders", headers={"Authorization": "Bearer t"})[0], 200)


@test
def messages_are_drawn():
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../contrib/draw-message.py")
    line = json.dumps({"seq": 1, "body": buttons([{"text": "Receipt", "url": "https://a.b"}, OK], text="日本 ✅")})
    drawn = subprocess.run([sys.executable, script], input=line + "\n{}\n", capture_output=True, encoding="utf-8", check=True)
    equal(drawn.stdout.splitlines(), [
        "  to 123456789",
        "╭─────────────────────────╮",
        "│ 日本 ✅                 │",
        "╰─────────────────────────╯",
        "┌───────────┐ ┌───────────┐",
        "│ Receipt ↗ │ │     A     │",
        "└───────────┘ └───────────┘",
    ])


def main():
    wanted = sys.argv[1:]
    chosen = [t for t in tests if not wanted or t.__name__ in wanted]
    failed = 0
    print(f"1..{len(chosen)}", flush=True)
    for number, function in enumerate(chosen, 1):
        try:
            function()
            print(f"ok {number} - {function.__name__}", flush=True)
        except Exception:
            failed += 1
            print(f"not ok {number} - {function.__name__}")
            for line in traceback.format_exc().splitlines():
                print("# " + line, flush=True)
    return 1 if failed else 0


sys.exit(main())
