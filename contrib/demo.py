#!/usr/bin/env python3
"""Plays a customer who taps buttons, against the real daemon and the simulator; contrib/demo builds and starts it.

Exits 0 only if every follow-up was to the letter what the flows in rules/ say, and the shop and the inbox were asked
for what they should be.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tests", "functional"))
import harness  # noqa: E402

CUSTOMER, ORDER = "700000001", "ORD-9876"
SEND = "/api/v1/telegram/interactive"


def data(text, value):
    return {"text": text, "callback_data": value}


def link(text, value):
    return {"text": text, "url": value}


def buttons(text, *rows):
    return {"type": "reply_buttons", "text": text, "buttons": list(rows)}


HOME = [data("🏠 Menu", "menu"), data("💬 Contact support", "human")]
MENU = {"type": "reply_buttons", "text": "What can we do for you?", "buttons": [
    [data("📦 My orders", "orders"), data("↩️ Returns", "returns")],
    [data("🕑 Opening hours", "hours"), data("💬 Contact support", "human")],
    [link("🌐 Our shop", "https://shop.example.com/"), data("🌍 Deutsch · Español", "languages")]]}

# What the flows in rules/ say, by rule; where it depends on the hour, what they may say.
WANTED = {
    "track": [buttons(
        f"Here's your order {ORDER}:\n1 × Wool hat\n2 × Socks\nTotal: 49.90 €\nIt is on its way.\n"
        "What would you like to do next?",
        [link("🧾 View receipt", f"https://shop.example.com/receipts/{ORDER}")],
        [data("🚚 Track shipment", f"ship:{ORDER}"), data("🔄 Refresh", f"track:{ORDER}")],
        [data("↩️ Return it", f"return:{ORDER}")], HOME)],
    "shipment": [buttons(
        f"Order {ORDER} has left our warehouse.\nIt arrives on 01.12.2026.",
        [link("📍 Follow the parcel", "https://www.dhl.de/t/123")], [data("‹ Back to the order", f"track:{ORDER}")], HOME)],
    "return": [buttons(
        f"Why would you like to return {ORDER}?",
        [data("Too small", f"why:{ORDER}:small"), data("Too big", f"why:{ORDER}:big")],
        [data("Damaged", f"why:{ORDER}:damaged"), data("Not as expected", f"why:{ORDER}:other")],
        [data("‹ Back to the order", f"track:{ORDER}")])],
    "confirm": [buttons(
        f"Return of {ORDER}\nReason: too small\nShall we book it?",
        [data("✅ Book it", f"book:{ORDER}:small"), data("No, thanks", "do-not-book")])],
    "book-return": [buttons("Done: return {number}. The label comes by e-mail.", HOME)],
    "menu": [MENU],
    "languages": [buttons(
        "Which language? · Welche Sprache? · ¿Qué idioma?",
        [data("English", "language:en"), data("Deutsch", "language:de"), data("Español", "language:es")])],
    "language": [buttons(
        "Was können wir für Sie tun?",
        [data("📦 Meine Bestellungen", "orders"), data("↩️ Rücksendung", "returns")],
        [data("🕑 Öffnungszeiten", "hours"), data("💬 Support", "human")],
        [link("🌐 Zum Shop", "https://shop.example.com/"), data("🌍 English · Español", "languages")])],
    "human": [buttons(text, [data("‹ Zurück zum Menü", "back")]) for text in (
        "Jemand aus unserem Team schreibt Ihnen hier, meist innerhalb einer Stunde.",
        "Bitte schreiben Sie hier, worum es geht. Wir antworten von Montag bis Freitag, 9 bis 18 Uhr.")],
}
NOTE = f"Asks for a person. Order last looked at: {ORDER}. Language: de."


class Wrong(Exception):
    pass


# ---- telling

def say(text=""):
    print(text, flush=True)


def heading(number, text):
    say(f"\n{number}. {text}")


def draw(line):
    drawn = subprocess.run([sys.executable, "-B", os.path.join(TOP, "contrib", "draw-message.py"), json.dumps(line)],
                           capture_output=True, text=True, encoding="utf-8", check=True).stdout
    for row in ["", *drawn.splitlines(), ""]:
        say("      " + row if row else "")


def difference(found, wanted):
    """The first member that differs, for a person."""
    for key in sorted(set(found) | set(wanted)):
        if found.get(key) != wanted.get(key):
            return f"{key}:\n      came:   {json.dumps(found.get(key), ensure_ascii=False)}" \
                   f"\n      wanted: {json.dumps(wanted.get(key), ensure_ascii=False)}"
    return None


# ---- playing

class Play:
    def __init__(self, sim, daemon):
        self.sim, self.daemon, self.right = sim, daemon, 0

    def post(self, path, kind, body, headers, wanted=200):
        """Posts a notification; returns when it was posted, in milliseconds."""
        at, began = time.time() * 1000, time.monotonic()
        status = self.daemon.post(path, body, headers)
        took = (time.monotonic() - began) * 1000
        shown = next(f"{k}: {v[:14]}..." for k, v in headers.items() if "Signature" in k)
        say(f"   POST {path}  {kind}  {shown}")
        say(f"   {status} after {took:.1f} ms" + (", stored on disk" if status == 200 else ", nothing is stored"))
        if status != wanted:
            raise Wrong(f"the answer should have been {wanted}")
        return at

    def intercom(self, value, secret=harness.SECRETS["INTERCOM_SECRET"], payload=None, wanted=200):
        payload = payload or harness.intercom_replied(f"<p>{value}</p>", CUSTOMER)
        body = json.dumps(payload).encode()
        headers = {"Content-Type": "application/json", "X-Hub-Signature": harness.intercom_signature(body, secret)}
        return payload, self.post("/webhooks/intercom", payload["topic"], body, headers, wanted)

    def hubspot(self, value):
        """HubSpot's webhook says only where the message lies; callbackd fetches it."""
        self.sim.control("PUT", "hubspot/messages/9598272090/m1", harness.hubspot_message(value, CUSTOMER))
        body = json.dumps([harness.hubspot_event(9598272090, "m1")]).encode()
        headers = harness.hubspot_headers(body, "/webhooks/hubspot", harness.SECRETS["HUBSPOT_SECRET"])
        return self.post("/webhooks/hubspot", "conversation.newMessage", body, headers)

    def follow_up(self, rule, since, drawn=True, **values):
        """Waits for the next follow-up, shows it, and checks it to the letter. Returns the message."""
        line = self.sim.wait_sends(self.right + 1)[self.right]
        if drawn:
            say(f"   Octopods received the follow-up {max(0, line['time'] - since):.0f} ms after the tap was posted:")
            draw(line)
        body = dict(line["body"])
        message = body.pop("telegram_interactive_message", {})
        wanted = [{**w, "text": w["text"].format(**values)} for w in WANTED[rule]]
        wrong = min((difference(message, w) for w in wanted), key=lambda d: d is not None) \
            or difference(body, {"destination_user_id": CUSTOMER})
        if wrong:
            raise Wrong(f"this is not what rule {rule} says: {wrong}")
        count = sum(map(len, message["buttons"]))
        all_of_them = {1: "the button", 2: "both buttons"}.get(count, f"all {count} buttons")
        say(f"   Right: type, text and {all_of_them} are what rule '{rule}' says.")
        self.right += 1
        return message

    def asked(self, method, prefix, count):
        """What a service was asked for, and how often it should have been."""
        found = [r for r in self.sim.requests(prefix) if r["method"] == method]
        if len(found) != count:
            raise Wrong(f"{method} {prefix}...: asked {len(found)} times instead of {count}")
        return found


def button(message, label):
    """What the button with this label, in a message that really came, sends when it is tapped."""
    return next(b["callback_data"] for row in message["buttons"] for b in row if b["text"] == label)


def stock(sim):
    """What the shop knows of the customer, and what both inboxes know of the shop's number for her."""
    sim.control("PUT", "shop/customers/77", {"list": [{"id": ORDER, "total": 4990}]})
    sim.control("PUT", f"shop/orders/{ORDER}", {
        "id": ORDER, "status": "shipped", "eta": "2026-12-01", "track_url": "https://www.dhl.de/t/123", "total": 4990,
        "items": [{"title": "Wool hat", "qty": 1}, {"title": "Socks", "qty": 2}]})
    sim.control("PUT", "intercom/contacts/66b0c0ff", {"custom_attributes": {"shop_id": "77"}})
    sim.control("PUT", "hubspot/threads/9598272090", {"associatedContactId": "101"})
    sim.control("PUT", "hubspot/contacts/101", {"properties": {"shop_id": "77"}})


def play_orders(it):
    heading(1, f"Dana taps a button; its callback data, track:{ORDER}, shows up in the Intercom inbox")
    payload, at = it.intercom(f"track:{ORDER}")
    order = it.follow_up("track", at)
    say(f"   For this it asked the shop: GET {it.asked('GET', '/shop/', 1)[0]['uri']}")

    heading(2, "She taps 'Track shipment' in that message")
    _, at = it.intercom(button(order, "🚚 Track shipment"))
    it.follow_up("shipment", at)

    heading(3, "Intercom delivers the first notification once more; somebody forges one")
    it.intercom("", payload=payload)
    it.intercom(f"track:{ORDER}", secret="guessed", wanted=401)

    heading(4, "She taps 'Return it'; this time the inbox is HubSpot")
    at = it.hubspot(button(order, "↩️ Return it"))
    return it.follow_up("return", at)


def play_return(it, reasons):
    heading(5, "In Intercom again: 'Too small', then 'Book it'; the return is booked in the shop")
    _, at = it.intercom(button(reasons, "Too small"))
    question = it.follow_up("confirm", at)
    _, at = it.intercom(button(question, "✅ Book it"))
    it.sim.wait_requests(1, "/shop/api/returns")
    request = it.asked("POST", "/shop/api/returns", 1)[0]
    say(f"   The shop received {json.dumps(request['body'])}")
    wrong = difference(request["body"], {"customer": "77", "order": ORDER, "reason": "small", "photo": ""})
    if wrong:
        raise Wrong(f"this is not the return: {wrong}")
    return it.follow_up("book-return", at, number=next(iter(it.sim.control("GET", "shop/returns"))))


def play_menu(it, booked):
    heading(6, "'Menu', the button for other languages, and 'Deutsch'")
    _, at = it.intercom(button(booked, "🏠 Menu"))
    menu = it.follow_up("menu", at, drawn=False)
    _, at = it.intercom(button(menu, "🌍 Deutsch · Español"))
    languages = it.follow_up("languages", at, drawn=False)
    _, at = it.intercom(button(languages, "Deutsch"))
    return it.follow_up("language", at)


def play_handover(it, menu):
    heading(7, "'Support': a person takes over")
    _, at = it.intercom(button(menu, "💬 Support"))
    it.follow_up("human", at)
    note, team, tag = (r["body"] for r in it.asked("POST", "/conversations", 3))
    say(f"   Intercom received the note   {note.get('body')}")
    say(f"   and put the conversation to  {team.get('type')} {team.get('assignee_id')}, with a tag")
    if (note.get("body"), team.get("assignee_id"), bool(tag.get("id"))) != (NOTE, "814", True):
        raise Wrong(f"this is not what rule human says: {note} {team} {tag}")
    left = it.daemon.metric('callbackd_unmatched_total{source="intercom"}')
    it.intercom(f"Where is {ORDER}?")
    harness.wait_for(lambda: it.daemon.metric('callbackd_unmatched_total{source="intercom"}') == left + 1, "the text left alone")
    say("   What she writes now is left to that person.")


def play(sim, daemon):
    it = Play(sim, daemon)
    reasons = play_orders(it)
    booked = play_return(it, reasons)
    menu = play_menu(it, booked)
    play_handover(it, menu)

    code = daemon.terminate()
    if code != 0:
        raise Wrong(f"the daemon should have ended with 0, and did with {code}")
    sent = len(sim.requests(SEND))
    if sent != it.right:
        raise Wrong(f"Octopods received {sent} messages instead of {it.right}")
    say(f"\nAll {it.right} follow-ups were right, and Octopods received no other; the daemon ended in good order.")


def copy_rules(daemon, shop):
    """The flows as they are, but that their lookups ask the simulator's shop."""
    os.mkdir(daemon.path("rules"))
    for name in sorted(os.listdir(os.path.join(TOP, "rules"))):
        if name.endswith(".yaml"):
            with open(os.path.join(TOP, "rules", name), encoding="utf-8") as file:
                text = file.read().replace("https://shop.example.com/api/", shop + "/api/")
            with open(daemon.path("rules/" + name), "w", encoding="utf-8") as file:
                file.write(text)


def leave(folder, keep):
    if keep:
        say(f"Kept: {folder} (callbackd.yaml, callbackd.db, log). Look into it with")
        say(f"  {harness.CALLBACKD} queue -c {folder}/callbackd.yaml list --all")
    else:
        shutil.rmtree(folder, ignore_errors=True)


def show_end_of_log(daemon):
    say("\nThe end of the daemon's log:")
    for line in daemon.log_text().splitlines()[-60:]:
        say("   " + line)


def run(keep):
    with harness.Sim("--key", harness.SECRETS["SHOP_KEY"]) as sim:
        config = {"rules": ["rules"], "private_hosts": ["127.0.0.1"], "secrets": {"SHOP_TOKEN": "env:SHOP_KEY"}}
        daemon = harness.Daemon(sim, start=False, config=config, channel={"rate": "25/s"},
                                intercom={"token": "env:INTERCOM_TOKEN", "admin_id": "814860"},
                                hubspot={"contact_properties": ["shop_id"]})
        try:
            stock(sim)
            copy_rules(daemon, sim.url + "/shop")
            daemon.serve()
            say(f"callbackd serves on {daemon.intake[0]}:{daemon.intake[1]}, with the flows of {os.path.join(TOP, 'rules')}")
            say(f"Octopods, Intercom, HubSpot and the shop are played by callbackd-sim on {sim.address[0]}:{sim.address[1]}")
            say(f"store {daemon.path('callbackd.db')}, log {daemon.log_path}" + ("" if keep else " (until the end)"))
            play(sim, daemon)
            return 0
        except (Wrong, AssertionError, OSError, subprocess.SubprocessError, StopIteration) as error:
            say(f"\nFAILED: {error or type(error).__name__}")
            show_end_of_log(daemon)
            return 1
        finally:
            if daemon.process:
                daemon.kill()
            daemon.log.close()
            leave(daemon.folder, keep)


def main():
    sys.stdout.reconfigure(encoding="utf-8")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    if sys.argv[1:] not in ([], ["--keep"]):
        say(__doc__.strip() + "\nusage: demo.py [--keep]")
        return 2
    try:
        return run(bool(sys.argv[1:]))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
