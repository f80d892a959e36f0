#!/usr/bin/env python3
"""Plays a customer who taps buttons, against the real daemon and the simulator; contrib/demo builds and starts it.

Exits 0 only if every follow-up was to the letter what rules/10-orders.yaml says.
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


# What rules/10-orders.yaml says, by rule.
WANTED = {
    "track": {
        "type": "reply_buttons",
        "text": f"Here's your order {ORDER}. What would you like to do next?",
        "buttons": [
            [link("🧾 View receipt", f"https://example.com/receipt/{ORDER}")],
            [data("🚚 Track shipment", f"ship:{ORDER}"), data("🔄 Refresh", f"track:{ORDER}")],
            [data("↩️ Return it", f"return:{ORDER}"), data("💬 Contact support", f"support:{ORDER}")]]},
    "shipment": {
        "type": "reply_buttons",
        "text": f"Order {ORDER} is on its way. The carrier shows its last stop and the day of delivery.",
        "buttons": [
            [link("📍 Follow the parcel", f"https://example.com/shipments/{ORDER}")],
            [data("‹ Back to the order", f"track:{ORDER}")],
            [data("🏠 Menu", "menu"), data("💬 Contact support", "support")]]},
    "return-order": {
        "type": "reply_buttons",
        "text": f"You want to return something of order {ORDER}. The form takes a minute; the label comes by mail.",
        "buttons": [
            [link("📝 Open the form", f"https://example.com/returns/{ORDER}")],
            [data("‹ Back to the order", f"track:{ORDER}")],
            [data("🏠 Menu", "menu"), data("💬 Contact support", "support")]]},
}


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

    def follow_up(self, rule, since):
        """Waits for the next follow-up, shows it, and checks it to the letter. Returns the message."""
        line = self.sim.wait_sends(self.right + 1)[self.right]
        say(f"   Octopods received the follow-up {max(0, line['time'] - since):.0f} ms after the tap was posted:")
        draw(line)
        body = dict(line["body"])
        message = body.pop("telegram_interactive_message", {})
        wrong = difference(message, WANTED[rule]) or difference(body, {"destination_user_id": CUSTOMER})
        if wrong:
            raise Wrong(f"this is not what rule {rule} says: {wrong}")
        say(f"   Right: type, text and all {sum(map(len, message['buttons']))} buttons are what rule '{rule}' says.")
        self.right += 1
        return message


def button(message, label):
    """What the button with this label, in a message that really came, sends when it is tapped."""
    return next(b["callback_data"] for row in message["buttons"] for b in row if b["text"] == label)


def play(sim, daemon):
    it = Play(sim, daemon)
    heading(1, f"Dana taps a button; its callback data, track:{ORDER}, shows up in the Intercom inbox")
    payload, at = it.intercom(f"track:{ORDER}")
    order = it.follow_up("track", at)

    heading(2, "She taps 'Track shipment' in that message")
    _, at = it.intercom(button(order, "🚚 Track shipment"))
    it.follow_up("shipment", at)

    heading(3, "Intercom delivers the first notification once more; somebody forges one")
    it.intercom("", payload=payload)
    it.intercom(f"track:{ORDER}", secret="guessed", wanted=401)

    heading(4, "She taps 'Return it'; this time the inbox is HubSpot")
    at = it.hubspot(button(order, "↩️ Return it"))
    it.follow_up("return-order", at)

    code = daemon.terminate()
    if code != 0:
        raise Wrong(f"the daemon should have ended with 0, and did with {code}")
    sent = len(sim.requests(SEND))
    if sent != it.right:
        raise Wrong(f"Octopods received {sent} messages instead of {it.right}")
    say(f"\nAll {it.right} follow-ups were right, and Octopods received no other; the daemon ended in good order.")


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
        daemon = harness.Daemon(sim, start=False, config={"rules": [os.path.join(TOP, "rules")]},
                                channel={"rate": "25/s", "chat_rate": {"rate": "1/s", "burst": 3}})
        try:
            daemon.serve()
            say(f"callbackd serves on {daemon.intake[0]}:{daemon.intake[1]}, with the rules in {os.path.join(TOP, 'rules')}")
            say(f"Octopods, Intercom and HubSpot are played by callbackd-sim on {sim.address[0]}:{sim.address[1]}")
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
