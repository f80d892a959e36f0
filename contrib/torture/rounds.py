"""One round: a store, a daemon on it that is killed again and again under load, a last start that finishes, the verdict."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback

import harness
from load import Load, RULES
from verdict import Store, Verdict

CHATS = 5          # every fourth is HubSpot's
BOUNDARIES = 900   # of the store, counted from a start
SECONDS_UP = 2.0   # a fault point that was not reached by then is a kill from outside
KILLPOINT = os.path.abspath(os.environ.get("KILLPOINT", "contrib/torture/killpoint.so"))


class Plan:
    """How a life of the daemon ends: at a moment, so long after it was told to stop, or at the n-th call of a class, see
    killpoint.c."""

    def __init__(self, moment=None, stop=None, point=None):
        self.moment, self.stop, self.point = moment, stop, point

    def name(self):
        return self.point.split(":")[0] if self.point else "moment" if self.stop is None else "stop"


class Plans:
    """Endless: moments; each boundary of the store in turn; the network; the first steps of a start. Workers, `number` of `of`,
    share the boundaries out among them, so that together they leave out none."""

    def __init__(self, seed, number=0, of=1):
        self.random = random.Random(f"{seed} plans")
        points = [f"store:{side}:{n}" for n in range(1, BOUNDARIES + 1) for side in ("before", "after")]
        self.mine, self.left = points[number::of], []

    def next(self):
        draw = self.random.random()
        if draw < 0.2:
            return Plan(moment=self.random.uniform(0, 0.2))
        if draw < 0.3:  # while it empties its log and closes the store
            return Plan(moment=self.random.uniform(0.05, 0.2), stop=self.random.uniform(0, 0.05))
        if draw < 0.4:  # while it recovers
            return Plan(point=f"store:{self.side()}:{self.random.randint(1, 60)}")
        if draw < 0.5:
            return Plan(point=f"disk:{self.side()}:{self.random.randint(1, 60)}")
        if draw < 0.6:
            return Plan(point=f"net:{self.side()}:{self.random.randint(1, 40)}")
        if not self.left:
            self.left = self.random.sample(self.mine, len(self.mine))
        return Plan(point=self.left.pop())

    def side(self):
        return self.random.choice(["before", "half", "after"])


class Round:
    def __init__(self, sim, seed, kills, plans, plant=None):
        self.sim, self.seed, self.kills, self.plans, self.plant = sim, seed, kills, plans, plant
        self.random = random.Random(f"{seed} round")
        self.counts, self.version = {}, 0
        self.findings, self.kept, self.retried = [], None, set()

    def count(self, name, n=1):
        self.counts[name] = self.counts.get(name, 0) + n

    def play(self):
        """Returns the findings. When there are any, self.kept is a folder with all that is known."""
        try:
            self.play_it()
        except Exception:  # a daemon that ends by itself, one that never settles, ...
            self.findings.append(("broken", traceback.format_exc()))
        return self.findings

    def play_it(self):
        self.sim.control("DELETE", "all")
        # Ids of messages tell rounds apart, so users may be the same in all of them.
        users = [str(700000001 + n) for n in range(CHATS)]
        config = {"private_hosts": [self.sim.address[0]], "drain": "1s"}
        channel = {"timeout": "2s", "connect_timeout": "2s", "loop_guard": 0,
                   "chat_rate": self.random.choice(["off", "30/s"])}
        intercom = {"token": "env:INTERCOM_TOKEN", "admin_id": "814860"}
        with harness.Daemon(self.sim, "", config, start=False, channel=channel, intercom=intercom) as self.daemon:
            self.write_rules()
            self.load = Load(self.sim, self.seed, users)
            try:
                while self.counts.get("kills", 0) < self.kills:
                    self.live_and_die()
                self.finish()
                self.judge()
            finally:
                self.load.ending = True
                if not self.plant and (self.findings or sys.exc_info()[0]):
                    self.keep()

    # --- lives

    def write_rules(self):
        self.version += 1
        self.daemon.write("rules.yaml", RULES % {"shop": self.sim.url, "version": f"v{self.version}"})

    def start(self, environment):
        """Starts the daemon without waiting for it."""
        bound = self.daemon.path("bound")
        if os.path.exists(bound):
            os.unlink(bound)
        self.daemon.start([harness.CALLBACKD, "serve", "-c", self.daemon.path("callbackd.yaml")], stderr=self.daemon.log,
                          env={**self.daemon.env, **environment}, cwd="/")

    def wait_up(self, end):
        """Tells the load where the daemon listens, unless it dies first."""
        bound = self.daemon.path("bound")
        while time.monotonic() < end and self.daemon.process.poll() is None:
            try:
                with open(bound) as file:
                    lines = dict(line.split() for line in file)
            except FileNotFoundError:
                time.sleep(0.002)
                continue
            self.load.daemon_is_up(harness.split_address(lines["intake"]))
            return

    def live_and_die(self):
        plan = self.plans.next()
        environment = {"LD_PRELOAD": KILLPOINT, "TORTURE_LOG": self.daemon.path("kills"),  # then for a build with sanitizers
                       "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        if plan.point:
            environment["TORTURE_KILL"] = plan.point
            if self.random.random() < 0.4:
                environment["TORTURE_POWER"] = "1"
        if self.plant:
            environment.update(self.plant.environment)
        self.load.more(self.random.randint(1, 6))
        if self.random.random() < 0.4:
            self.write_rules()
        end = time.monotonic() + (SECONDS_UP if plan.point else plan.moment)
        self.start(environment)
        self.wait_up(end)
        self.wait_end(plan, end)
        self.load.daemon_is_down()
        self.load.look()
        if self.plant:
            self.plant.after_kill(self)

    def wait_end(self, plan, end):
        code = self.wait_code(end)
        if code is None and plan.stop is not None:
            self.daemon.send_signal(signal.SIGTERM)
            code = self.wait_code(time.monotonic() + plan.stop)
        if code is None:
            self.daemon.process.kill()
            code = self.daemon.process.wait()
            if plan.point:
                self.count("fault points not reached")
                plan = Plan(moment=0)
        self.count("killed before it listened", not self.load.up.is_set())
        if code == 0 and plan.stop is not None:
            self.count("stopped before the kill")
        elif code == -signal.SIGKILL:
            self.count("kills")
            self.count(f"kills: {plan.name()}")
        elif code != -signal.SIGTERM:  # as it ends where it has not begun to listen for signals
            raise AssertionError(f"the daemon ended by itself, with {code}")

    def wait_code(self, end):
        try:
            return self.daemon.process.wait(max(0.001, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None

    # --- the end

    def finish(self):
        self.start({})
        self.wait_up(time.monotonic() + harness.PATIENCE)
        self.load.end()
        self.settle()
        while self.load.press_what_is_left():
            self.settle()
        if self.daemon.terminate() != 0:
            raise AssertionError("the daemon did not end well")

    def settle(self):
        """Until nothing waits. What crashed three starts was set aside, and a person has it tried again."""
        while True:
            items = self.daemon.settled()
            stuck = [item["id"] for item in items if item["state"] == "stuck"]
            if not stuck:
                return
            self.count("stuck, retried", len(stuck))
            self.retried.update(map(str, stuck))
            code, _, error = self.daemon.run("queue", "retry", *stuck)
            if code != 0:
                raise AssertionError(f"queue retry: {error}")

    def judge(self):
        if self.plant:
            self.plant.before_verdict(self)
        listed = {item["id"] for item in self.daemon.queue("--limit", "100000")}
        requests = self.sim.requests("/api/v1/telegram/interactive")
        store = Store(self.daemon.path("callbackd.db"))
        verdict = Verdict(self.load, requests, self.others(), store, listed, self.retried)
        self.findings = verdict.passed(self.kills)
        self.tally(verdict, requests)
        store.close()

    def others(self):
        """What was booked in the shop, and noted in the helpdesks."""
        asked = [request for request in self.sim.requests("/conversations/") if request["method"] == "POST"]
        return {"booked": [booking["key"] for booking in self.sim.control("GET", "shop/returns").values()],
                "noted": {(request["body"].get("body") or request["body"].get("text")).split()[1] for request in asked}}

    def tally(self, verdict, requests):
        webhooks = self.load.webhooks()
        self.count("rounds")
        self.count("webhooks acknowledged", sum(webhook.acks > 0 for webhook in webhooks))
        self.count("webhooks: attempts", sum(webhook.attempts for webhook in webhooks))
        self.count("taps", len(verdict.taps))
        self.count("runs", sum(len(rows) for rows in verdict.store.runs.values()))
        self.count("follow-ups", verdict.sent)
        self.count("follow-ups unknown", verdict.unknown)
        self.count("follow-ups asked about", len(self.sim.requests("/api/v1/telegram/messages/")))
        self.count("requests that arrived", sum(request["accepted"] for request in requests))
        self.count("requests cut or late", verdict.cut)
        try:
            with open(self.daemon.path("kills")) as file:
                for line in file:
                    self.count("at: " + line.strip())
        except FileNotFoundError:
            pass

    def keep(self):
        """A copy of the folder, with the record: what is needed to understand a finding."""
        taps = [vars(tap) for tap in self.load.taps()]
        self.daemon.write("record.json", json.dumps({"seed": self.seed, "findings": self.findings, "taps": taps}, indent=1))
        self.daemon.write("requests.json", json.dumps(self.sim.requests(), indent=1))
        self.kept = self.daemon.folder + "-kept"
        harness.shutil.copytree(self.daemon.folder, self.kept)
