"""The load of the torture: a helpdesk that delivers until it gets a 200, customers that tap, and the record of both.

What is recorded here, and not what the daemon says, is what verdict.py holds the daemon to."""

import json
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "functional"))
import harness  # noqa: E402

# Every follow-up's text is `RULE KEY N`: so each that arrives tells of which rule and which tap it is, and which of its messages.
# The rules change now and then, in their version.
RULES = """\
lookups:
  order:
    url: '%(shop)s/shop/api/orders/ORD-1001'
    sample: { status: shipped }
  booking:
    url: '%(shop)s/shop/api/returns'
    method: POST
    body: { order: ORD-1001, key: '${k}' }
    sample: { number: RET-1 }
rules:
  - name: two
    tap: 'two:(?<k>[a-z0-9]+)'
    continue: true
    reply: [ { text: 'two ${k} 1' }, { text: 'two ${k} 2' } ]
  - { name: beside, tap: 'two:(?<k>[a-z0-9]+)', reply: { text: 'beside ${k} 1' } }
  - name: look
    tap: 'look:(?<k>[a-z0-9]+)'
    lookup: order
    reply: { text: 'look ${k} 1 ${order.status}' }
    on_error: { reply: { text: 'look ${k} error' } }
  - name: book
    tap: 'book:(?<k>[a-z0-9]+)'
    lookup: booking
    reply: [ { text: 'book ${k} 1 ${booking.number}' }, { text: 'book ${k} 2' } ]
    on_error: { reply: { text: 'book ${k} error' } }
  - name: offer
    tap: 'offer:(?<k>[a-z0-9]+)'
    reply: { text: 'offer ${k} 1', buttons: [ [ { text: Use, callback_data: 'use:${k}', token: true } ] ] }
  - name: use
    tap: 'use:(?<k>[a-z0-9]+)'
    single_use: true
    dedup: 0s
    reply: { text: 'use ${k} 1' }
    on_refused: { reply: { text: 'use ${k} refused' } }
  - name: say
    text: 'say (?<k>[a-z0-9]+)'
    do:
      - reply: { text: 'say ${k} 1 %(version)s ${chat.said:-nothing}' }
      - set: { said: '${k}' }
      - reply: { text: 'say ${k} 2 %(version)s ${chat.said}' }
  - { name: note, tap: 'note:(?<k>[a-z0-9]+)', inbox: { note: 'note ${k}' }, reply: { text: 'note ${k} 1' } }
  - { name: poll, tap: 'poll:(?<k>[a-z0-9]+)', unknown_send: poll, reply: [ { text: 'poll ${k} 1' }, { text: 'poll ${k} 2' } ] }
  - { name: again, tap: 'again:(?<k>[a-z0-9]+)', unknown_send: resend, reply: { text: 'again ${k} 1' } }
"""

# Of each kind of tap: the rules that must take it, and the sets of messages that each may come to.
EXPECTED = {
    "two": {"two": [{"1", "2"}], "beside": [{"1"}]},
    "look": {"look": [{"1"}, {"error"}]},
    "book": {"book": [{"1", "2"}, {"error"}]},
    "offer": {"offer": [{"1"}]},
    "use": {"use": [{"1"}, {"refused"}]},
    "say": {"say": [{"1", "2"}]},
    "note": {"note": [{"1"}]},
    "poll": {"poll": [{"1", "2"}]},
    "again": {"again": [{"1"}]},
}
KINDS = [kind for kind in EXPECTED if kind != "use"]

# What the simulator does to some requests, and how often among all faults. Two thirds of them leave the send unknown.
FAULTS = [
    (6, {"delay_ms": 60}), (3, {"delay_ms": 250}), (2, {"accept_then": "close"}), (2, {"accept_then": "reset"}),
    (2, {"close": "mid"}), (1, {"close": "before"}), (1, {"accept_then": "hang"}), (1, {"status": 504}), (1, {"status": 500}),
    (3, {"accept_then": {"status": 504, "keep_body": True}}), (2, {"accept_then": {"status": 502, "keep_body": True, "close": "mid"}}),
]
SEND = "/api/v1/telegram/interactive"
OTHER_PATHS = ["/shop", "/conversations"]  # the shop's, and both helpdesks'
OTHER_FAULTS = [{"delay_ms": 100}, {"accept_then": "close"}, {"status": 500}]


class Tap:
    """One message of a customer, in one webhook or several."""

    def __init__(self, user, kind, key, data, ordered):
        self.user, self.kind, self.key, self.data, self.ordered = user, kind, key, data, ordered
        self.message = str(harness.Counter.next())
        self.posted_at = None  # the first attempt
        self.acked_at = None   # the first 200

    def label(self, n):
        return f"{self.kind} {self.key} {n}"


class Webhook:
    """One body and its headers, the same for each attempt; holds one tap or several."""

    def __init__(self, path, body, headers, taps):
        self.path, self.body, self.headers, self.taps = path, body, headers, taps
        self.attempts = self.acks = 0

    def post(self, address):
        """Whether it is acknowledged. Whatever else came of it, a helpdesk has to send it again."""
        self.attempts += 1
        for tap in self.taps:
            tap.posted_at = tap.posted_at or time.monotonic()
        try:
            status = harness.request(address, "POST", self.path, self.body, self.headers, timeout=5)[0]
        except (OSError, harness.http.client.HTTPException):
            return False
        if status != 200:
            return False
        self.acks += 1
        for tap in self.taps:
            tap.acked_at = tap.acked_at or time.monotonic()
        return True


def intercom(tap):
    body = json.dumps(harness.intercom_replied(f"<p>{tap.data}</p>", tap.user, part=tap.message)).encode()
    signature = harness.intercom_signature(body, harness.SECRETS["INTERCOM_SECRET"])
    return Webhook("/webhooks/intercom", body, {"Content-Type": "application/json", "X-Hub-Signature": signature}, [tap])


def hubspot(taps):
    path = "/webhooks/hubspot"
    body = json.dumps([harness.hubspot_event(int(tap.user), tap.message) for tap in taps]).encode()
    return Webhook(path, body, harness.hubspot_headers(body, path, harness.SECRETS["HUBSPOT_SECRET"]), taps)


class Chat(threading.Thread):
    """A customer and the helpdesk's deliveries for this one. New taps come as far as allow() lets them."""

    def __init__(self, load, user, of_hubspot):
        super().__init__(daemon=True)
        self.load, self.user, self.of_hubspot = load, user, of_hubspot
        self.random = random.Random(f"{load.seed} {user}")
        self.allowed = threading.Semaphore(0)
        self.later = []    # not acknowledged at first; sent again behind others
        self.presses = []  # tokens that were shown to this customer
        self.webhooks = []
        self.serial = 0

    # --- what is posted

    def new_tap(self):
        if self.presses:
            key, token = self.presses.pop(0)
            return Tap(self.user, "use", key, token, not self.of_hubspot)
        self.serial += 1
        kind, key = self.random.choice(KINDS), f"{self.user}n{self.serial}"
        return Tap(self.user, kind, key, f"say {key}" if kind == "say" else f"{kind}:{key}", not self.of_hubspot)

    def new_webhook(self):
        if not self.of_hubspot:
            return intercom(self.new_tap())
        taps = [self.new_tap() for _ in range(self.random.randint(1, 3))]
        for tap in taps:
            self.load.sim.control("PUT", f"hubspot/messages/{tap.user}/{tap.message}", harness.hubspot_message(tap.data, tap.user))
        return hubspot(taps)

    # --- delivering

    def deliver(self, webhook, patient):
        """Until it is acknowledged; not patient: sometimes it is put off until others were delivered."""
        while not webhook.post(self.load.wait_address()):
            if not patient and self.random.random() < 0.2:
                self.later.append(webhook)
                return
            time.sleep(0.003)

    def deliver_twice(self):
        """Delivered although it was acknowledged: the same webhook, or the message once more in another one."""
        webhook = self.random.choice(self.webhooks)
        if self.random.random() < 0.5 and not self.of_hubspot:
            webhook = intercom(webhook.taps[0])
            self.webhooks.append(webhook)
        webhook.post(self.load.wait_address())

    def step(self):
        if self.later and self.random.random() < 0.3:
            self.deliver(self.later.pop(0), patient=True)
        if not self.allowed.acquire(timeout=0.05):
            return
        webhook = self.new_webhook()
        self.webhooks.append(webhook)
        self.deliver(webhook, patient=False)
        if self.random.random() < 0.15:
            self.deliver_twice()

    def run(self):
        try:
            while not self.load.ending:
                self.step()
            while self.later:
                self.deliver(self.later.pop(0), patient=True)
        except Exception as trouble:  # shown as the round's, in the thread that waits for this one
            self.load.trouble.append(repr(trouble))

    def press_what_is_left(self):
        while self.presses:
            webhook = self.new_webhook()
            self.webhooks.append(webhook)
            self.deliver(webhook, patient=True)


class Load:
    """All chats of one round."""

    def __init__(self, sim, seed, users):
        self.sim, self.seed = sim, seed
        self.random = random.Random(f"{seed} load")
        self.address, self.ending, self.trouble = None, False, []
        self.up = threading.Event()
        self.seen = 0
        self.chats = [Chat(self, user, n % 4 == 3) for n, user in enumerate(users)]
        for chat in self.chats:
            chat.start()

    def wait_address(self):
        """Of the daemon that runs now."""
        if not self.up.wait(harness.PATIENCE):
            raise AssertionError("no daemon to post to")
        return self.address

    def daemon_is_up(self, address):
        self.address = address
        self.up.set()

    def daemon_is_down(self):
        self.up.clear()

    def more(self, taps):
        """Lets each chat tap so often more, and orders what goes wrong with requests meanwhile."""
        faults = [fault for weight, fault in FAULTS for _ in range(weight)]
        self.sim.control("DELETE", "faults")
        for _ in range(self.random.randint(0, 4)):
            self.sim.fault(path=SEND, skip=self.random.randint(0, 8), **self.random.choice(faults))
        if self.random.random() < 0.3:
            self.sim.fault(path=self.random.choice(OTHER_PATHS), **self.random.choice(OTHER_FAULTS))
        for chat in self.chats:
            chat.allowed.release(taps)

    def look(self):
        """Customers read: a button with a token is pressed twice, later."""
        users = {chat.user: chat for chat in self.chats}
        for request in self.sim.requests(f"{SEND}&since={self.seen}"):
            self.seen = request["seq"]
            rows = harness.message(request).get("buttons") if request["accepted"] else None
            if rows:
                press = (harness.text_of(request).split()[1], rows[0][0]["callback_data"])
                presses = users[request["body"]["destination_user_id"]].presses
                presses.insert(0, press)
                presses.insert(self.random.choice([0, len(presses)]), press)

    def end(self):
        """Nothing new; returns when everything is acknowledged."""
        self.sim.control("DELETE", "faults")
        self.ending = True
        for chat in self.chats:
            chat.join(4 * harness.PATIENCE)
            if chat.is_alive():
                self.trouble.append(f"chat {chat.user} could not deliver everything")
        if self.trouble:
            raise AssertionError("; ".join(self.trouble))

    def press_what_is_left(self):
        self.look()
        waiting = any(chat.presses for chat in self.chats)
        for chat in self.chats:
            chat.press_what_is_left()
        return waiting

    def webhooks(self):
        return [webhook for chat in self.chats for webhook in chat.webhooks]

    def taps(self):
        """Each once, though it may stand in several webhooks."""
        return list({tap.message: tap for webhook in self.webhooks() for tap in webhook.taps}.values())
