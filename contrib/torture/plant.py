"""Faults that are planted, to show that the harness finds them: what a daemon with a mistake would do, or what a network, a
shop or a disk would have to do for a guarantee to break."""

import json
import sqlite3

import harness


def change(round_, sql, *values):
    """In a store whose daemon is down. Returns how many rows were changed."""
    db = sqlite3.connect(round_.daemon.path("callbackd.db"))
    try:
        with db:
            return db.execute(sql, values).rowcount
    finally:
        db.close()


def rows(round_, sql):
    db = sqlite3.connect(round_.daemon.path("callbackd.db"))
    try:
        return db.execute(sql).fetchall()
    except sqlite3.OperationalError:  # it was killed before it had made its tables
        return []
    finally:
        db.close()


class Plant:
    """finding: the kind that must be reported."""
    name, finding, environment = "", "", {}

    def __init__(self):
        self.planted = 0

    def after_kill(self, round_):
        """The daemon is down."""

    def before_verdict(self, round_):
        """Everything has settled, and the daemon is down."""


class LateCommit(Plant):
    name, finding = "200 before the commit", "lost"
    environment = {"TORTURE_PLANT": "late-commit"}

    def after_kill(self, round_):
        self.planted += 1


class NoSync(Plant):
    name, finding = "the log is not synced, and the power fails", "lost"
    environment = {"TORTURE_PLANT": "no-sync", "TORTURE_POWER": "1"}

    def after_kill(self, round_):
        self.planted += 1


class RunGone(Plant):
    name, finding = "a run's row is deleted", "lost"

    def after_kill(self, round_):
        for (run,) in rows(round_, "SELECT id FROM run WHERE state = 0 AND begun = 0 LIMIT 1") if not self.planted else []:
            self.planted += change(round_, "DELETE FROM run WHERE id = ?", run)


class Forgetful(Plant):
    name, finding = "which messages were seen is forgotten", "twice"

    def after_kill(self, round_):
        if rows(round_, "SELECT 1 FROM seen LIMIT 1"):
            self.planted += change(round_, "DELETE FROM seen")


class BlindRepeat(Plant):
    """What a restart may not do: a request that had left is made again as if it had not."""
    name, finding = "a send on its way is taken as not begun", "doubled"

    def after_kill(self, round_):
        arrived = {harness.text_of(send) for send in round_.sim.sends()}
        for run, step, n, body in rows(round_, "SELECT run, step, n, body FROM send WHERE state = 1 AND kind = 0"):
            text = json.loads(body)["telegram_interactive_message"]["text"]
            if text in arrived and not text.startswith("again"):
                self.planted += change(round_, "UPDATE send SET state = 0 WHERE run = ? AND step = ? AND n = ?", run, step, n)


class RepeatedRequest(Plant):
    """As a proxy does that repeats a POST whose connection broke."""
    name, finding = "the network repeats a request", "doubled"

    def after_kill(self, round_):
        sends = [] if self.planted else [send for send in round_.sim.sends() if not harness.text_of(send).startswith(("again", "use"))]
        if sends:
            round_.sim.control("DELETE", "faults")  # none is meant for this one
            harness.request(round_.sim.address, "POST", sends[-1]["uri"], json.dumps(sends[-1]["body"]),
                            {"Content-Type": "application/json", "X-Octopods-Auth": harness.SECRETS["SHOP_KEY"]})
            self.planted += 1


class HiddenUnknown(Plant):
    name, finding = "an unknown send that did not arrive is called delivered", "missing"

    def before_verdict(self, round_):
        arrived = {harness.text_of(send) for send in round_.sim.sends()}
        for run, step, n, body in rows(round_, "SELECT run, step, n, body FROM send WHERE state = 5 AND kind = 0"):
            if json.loads(body)["telegram_interactive_message"]["text"] not in arrived:
                self.planted += change(round_, "UPDATE send SET state = 2 WHERE run = ? AND step = ? AND n = ?", run, step, n)


class Overtaking(Plant):
    """A chat's last run becomes its first. Those with a tap that was acknowledged after others were, only."""
    name, finding = "a chat's last run goes first", "order"

    def after_kill(self, round_):
        waiting = rows(round_, "SELECT max(run.id), count(*) FROM run JOIN chat ON chat.id = run.chat WHERE run.state = 0"
                               " AND run.begun = 0 AND run.rule <> 'use' GROUP BY chat HAVING count(*) > 2")
        for run, _ in waiting:
            self.planted += change(round_, "UPDATE run SET said_at = 1 WHERE id = ?", run)


class OtherRules(Plant):
    name, finding = "a run goes on with the latest rules", "torn"

    def after_kill(self, round_):
        latest = "(SELECT ruleset FROM run ORDER BY id DESC LIMIT 1)"
        between = "(SELECT count(*) FROM send WHERE send.run = run.id) = 1"  # of its two messages
        for (run,) in rows(round_, f"SELECT id FROM run WHERE rule = 'say' AND state = 0 AND {between} AND ruleset <> {latest}"):
            self.planted += change(round_, f"UPDATE run SET ruleset = {latest} WHERE id = ?", run)


class Unspent(Plant):
    name, finding = "a button that was used is taken as unused", "spent"

    def after_kill(self, round_):
        if rows(round_, "SELECT 1 FROM issued WHERE spent_by <> 0"):
            self.planted += change(round_, "UPDATE issued SET spent_by = 0")


class BookedTwice(Plant):
    name, finding = "the shop is asked again without the same Idempotency-Key", "booked"

    def after_kill(self, round_):
        for booking in list(round_.sim.control("GET", "shop/returns").values())[:0 if self.planted else 1]:
            round_.sim.control("DELETE", "faults")
            harness.request(round_.sim.address, "POST", "/shop/api/returns", json.dumps(booking),
                            {"Content-Type": "application/json"})
            self.planted += 1


class Hidden(Plant):
    """A run's sends are gone as if nothing were to be sent."""
    name, finding = "a run ends as done without its second message", "missing"

    def before_verdict(self, round_):
        for (run,) in rows(round_, "SELECT id FROM run WHERE rule = 'two' AND state = 2 LIMIT 1"):
            self.planted += change(round_, "DELETE FROM send WHERE run = ? AND n = 1", run)


ALL = [LateCommit, NoSync, RunGone, Forgetful, BlindRepeat, RepeatedRequest, HiddenUnknown, Overtaking, OtherRules, Unspent, BookedTwice, Hidden]
