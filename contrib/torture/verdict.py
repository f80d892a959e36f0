"""Holds what came of a round against the record of its load.

A finding is (kind, sentence). Kinds: lost, twice, missing, doubled, order, torn, stray, booked, spent, failed, hidden, broken."""

import json
import sqlite3

import harness
from load import EXPECTED

SEND_READY, SEND_UNKNOWN, RUN_HELD, RUN_DONE, RUN_UNKNOWN = 0, 5, 1, 2, 5
RUN_STATES = ["ready", "held", "done", "rejected", "failed", "unknown", "expired", "dropped"]


def label_of(text):
    """RULE KEY N of a follow-up's text."""
    return " ".join(text.split()[:3])


class Store:
    """What the daemon left. Read-only, by another SQLite than its own."""

    def __init__(self, path):
        self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.db.row_factory = sqlite3.Row
        self.runs = {}   # (message, rule): rows
        self.sends = {}  # run: rows of messages, with a label
        for row in self.db.execute("SELECT run.*, entry.message, entry.notification FROM run LEFT JOIN entry ON entry.id = run.entry"):
            self.runs.setdefault((row["message"], row["rule"]), []).append(row)
        for row in self.db.execute("SELECT * FROM send WHERE kind = 0 ORDER BY run, step, n"):
            text = json.loads(row["body"])["telegram_interactive_message"]["text"]
            self.sends.setdefault(row["run"], []).append((label_of(text), row))

    def sound(self):
        return self.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"

    def close(self):
        self.db.close()


class Verdict:
    def __init__(self, load, requests, others, store, listed, retried):
        """requests: what the simulator recorded of Octopods; others: what was `booked` and `noted`; listed: the items of
        `callbackd queue list`; retried: those that were set aside, and tried again behind what came meanwhile."""
        self.load, self.store, self.others, self.listed, self.retried = load, store, others, listed, retried
        self.findings, self.unknown, self.sent = [], 0, 0
        self.taps = load.taps()
        self.arrived = {}  # label: requests, oldest first
        self.by_user = {}  # user: words of the texts in the order of arrival, copies too
        self.ordered = {(rule, tap.key): tap for tap in self.taps if tap.ordered and tap.kind != "use"
                        for rule in EXPECTED[tap.kind] if not self.was_set_aside(tap, rule)}
        self.cut = sum(request["fault"] is not None for request in requests)
        for request in requests:
            if request["accepted"]:
                text, user = harness.text_of(request), request["body"]["destination_user_id"]
                self.arrived.setdefault(label_of(text), []).append(user)
                self.by_user.setdefault(user, []).append(text.split())

    def was_set_aside(self, tap, rule):
        return any(not self.retried.isdisjoint({str(run["entry"]), str(run["notification"])})
                   for run in self.store.runs.get((tap.message, rule), []))

    def find(self, kind, sentence):
        self.findings.append((kind, sentence))

    def passed(self, kills):
        expected = set()
        for tap in self.taps:
            expected |= self.look_at_tap(tap)
        for label in set(self.arrived) - expected:
            self.find("stray", f"'{label}' arrived, and nothing asked for it")
        for user in self.by_user:
            self.look_at_order(user)
            self.look_at_variables(user)
        self.look_at_tokens()
        self.look_at_others()
        self.look_at_unknown(kills)
        if not self.store.sound():
            self.find("broken", "PRAGMA integrity_check finds something")
        return self.findings

    # --- one tap

    def look_at_tap(self, tap):
        """Returns the labels that may arrive for it."""
        labels = set()
        if not tap.acked_at:
            self.find("broken", f"{tap.kind} {tap.key} was never acknowledged: this round proves nothing of it")
        for rule, alternatives in EXPECTED[tap.kind].items():
            runs = self.store.runs.get((tap.message, rule), [])
            labels |= {f"{rule} {tap.key} {n}" for names in alternatives for n in names}
            if not runs:
                self.find("lost", f"{tap.kind} {tap.key} was acknowledged, and rule {rule} has no run for it")
            if len(runs) > 1:
                self.find("twice", f"{tap.kind} {tap.key} has {len(runs)} runs of rule {rule}")
            for run in runs:
                self.look_at_run(tap, rule, alternatives, run)
        return labels

    def look_at_run(self, tap, rule, alternatives, run):
        sends = self.store.sends.get(run["id"], [])
        names = {label.split()[2] for label, _ in sends}
        held = run["state"] == RUN_HELD and any(send["state"] == SEND_UNKNOWN for _, send in sends)
        if run["state"] not in (RUN_DONE, RUN_UNKNOWN) and not (rule == "poll" and held):
            self.find("failed", f"{rule} {tap.key}: the run is {RUN_STATES[run['state']]}: {run['reason']}")
        elif not held and names not in alternatives:
            self.find("missing", f"{rule} {tap.key}: the run sent {sorted(names)} of {alternatives}")
        if run["state"] != RUN_DONE and str(run["id"]) not in self.listed:
            self.find("hidden", f"{rule} {tap.key}: the run is {RUN_STATES[run['state']]}, and `queue list` does not show it")
        for label, send in sends:
            if held and send["state"] == SEND_READY:
                continue  # waits with its run for a person
            self.look_at_send(tap, label, send)

    def look_at_send(self, tap, label, send):
        users = self.arrived.get(label, [])
        # A press that is refused is told so each time: its presses have one label.
        most = 2 if label == f"use {tap.key} refused" else send["attempt"] if tap.kind == "again" else 1
        self.sent += 1
        self.unknown += send["state"] == SEND_UNKNOWN
        if not users and send["state"] != SEND_UNKNOWN:
            self.find("missing", f"'{label}' never arrived, and its send is not unknown")
        if len(users) > most:
            self.find("doubled", f"'{label}' arrived {len(users)} times")
        if set(users) - {tap.user}:
            self.find("stray", f"'{label}' went to {users}, not to {tap.user}")

    # --- what belongs together

    def look_at_order(self, user):
        """A tap that was acknowledged before another was first posted is answered before it, and each run at a stretch."""
        newest, done, current = None, set(), None
        for number, (rule, key, n, *_) in enumerate(self.first_arrivals(user)):
            # Two presses of one button are two runs whose messages may look alike.
            run = (rule, key) if rule != "use" else number
            if run != current:
                done.add(current)
                current = run
                if run in done:
                    self.find("torn", f"'{rule} {key} {n}': a message of another run stands before it")
            elif n == "1":
                self.find("order", f"'{rule} {key} 1' came behind the message that follows it")
            tap = self.ordered.get(run)
            if not tap:
                continue
            if newest and tap.acked_at and tap.acked_at < newest.posted_at:
                self.find("order", f"'{rule} {key} {n}' came behind {newest.kind} {newest.key}, posted after its 200")
            if not newest or tap.posted_at > newest.posted_at:
                newest = tap

    def first_arrivals(self, user):
        """Words of texts, without copies."""
        return list({tuple(words[:3]): words for words in reversed(self.by_user[user])}.values())[::-1]

    def look_at_variables(self, user):
        """What a run has set is stored with its step: the next one reads it. One that left nothing seen may have been between.
        And it keeps its rules, though they change."""
        last, seen, versions = "nothing", set(), {}
        for rule, key, n, *rest in self.first_arrivals(user):
            if rule != "say":
                continue
            version, read = rest
            if versions.setdefault(key, version) != version:
                self.find("torn", f"'say {key} {n}' is of rules {version}, and the run began with {versions[key]}")
            if n == "1" and read != last and (read in seen or read == "nothing"):
                self.find("torn", f"'say {key} 1' reads '{read}', which was set before '{last}'")
            if n == "2" and read != key:
                self.find("torn", f"'say {key} 2' reads '{read}' instead of its own")
            last = key
            seen.add(key)

    def look_at_tokens(self):
        for key in {tap.key for tap in self.taps if tap.kind == "use"}:
            taken = sum(label == f"use {key} 1" for tap in self.taps if tap.kind == "use" and tap.key == key
                        for run in self.store.runs.get((tap.message, "use"), [])
                        for label, _ in self.store.sends.get(run["id"], []))
            if taken != 1:
                self.find("spent", f"the button of 'offer {key} 1' works once, and was taken {taken} times")

    def look_at_others(self):
        """The shop books once. A note may come twice, as the manual says, but not never."""
        booked, noted = self.others["booked"], self.others["noted"]
        for key in set(booked):
            if booked.count(key) > 1:
                self.find("booked", f"book {key} was booked {booked.count(key)} times")
        for tap in self.taps:
            if tap.kind == "book" and tap.label(1) in self.arrived and tap.key not in booked:
                self.find("booked", f"{tap.label(1)} arrived, and nothing was booked")
            if tap.kind == "note" and tap.label(1) in self.arrived and tap.key not in noted:
                self.find("missing", f"'{tap.label(1)}' arrived, and the note did not")

    def look_at_unknown(self, kills):
        """A chat has one request on its way: more than that cannot have become unknown by a kill, or by what the simulator cut."""
        most = kills * len(self.load.chats) + self.cut
        if self.unknown > most:
            self.find("missing", f"{self.unknown} sends are unknown; {kills} kills and {self.cut} faults explain {most}")
