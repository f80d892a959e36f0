#!/usr/bin/env python3
"""Torture of several nodes on one PostgreSQL. From the build folder:

    make torture-nodes                                       3,000 notifications, as contrib/check runs it
    make torture-nodes NODES_FLAGS='--notifications 30000'   long; figures of such a run are in RESULTS

Every notification is delivered to two nodes at once, in no order, until each of the two deliveries has a 200. All the while nodes are
killed and others added, stopped past their lease and let go on, or ended in good order, and once the server is restarted. Then
the simulator's record of what arrived is compared with what the store says:

  lost      an acknowledged tap has no run
  twice     it has two
  missing   a message never arrived, and its send is not unknown
  doubled   one arrived twice
  order     messages of a chat arrived in another order than its runs have
  stuck     something waits although every lease is over
  failed    a run ended in another way than it should have, or a node ended by itself

The last lines are TAP."""

import argparse
import os
import random
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "functional"))
import harness
from harness import PATIENCE, SECRETS, Counter, Daemon, Sim, intercom_replied, intercom_signature, json, text_of, wait_for

import http.client
import signal

NODES = 3
CHATS = 500
POSTERS = 8  # of each delivery
LEASE_S = 3
RULES = "rules: [ { name: two, tap: 'two:(?<n>[0-9]+)', dedup: 0s, reply: [ { text: 'first ${n}' }, { text: 'second ${n}' } ] } ]\n"


class Cluster:
    """The nodes that live, and what becomes of them."""

    def __init__(self, sim, url):
        self.sim, self.url, self.lock = sim, url, threading.Lock()
        self.live, self.counts, self.crashed = [], {"killed": 0, "stopped past the lease": 0, "ended": 0}, []
        for _ in range(NODES):
            self.add()

    def add(self):
        node = Daemon(self.sim, RULES, config={"limits": {"lease": f"{LEASE_S}s"}, "log_level": "warn"}, channel={"timeout": "1s"},
                      env={"STORE_URL": self.url})
        with self.lock:
            self.live.append(node)
        return node

    def any(self):
        with self.lock:
            return random.choice(self.live)

    def take(self):
        with self.lock:
            return self.live.pop(random.randrange(len(self.live)))

    def kill(self):
        node = self.take()
        self.end(node, signal.SIGKILL, -signal.SIGKILL)
        self.counts["killed"] += 1
        self.add()

    def stop_past_lease(self):
        node = self.take()
        node.send_signal(signal.SIGSTOP)
        self.await_takeover(node)
        node.send_signal(signal.SIGCONT)
        self.counts["stopped past the lease"] += 1
        with self.lock:
            self.live.append(node)

    def await_takeover(self, node):
        name = f"%/{node.process.pid}"
        wait_for(lambda: self.sql(f"SELECT count(*) FROM node WHERE name LIKE '{name}'") == ["0"], "the takeover", 3 * PATIENCE)

    def sql(self, statement):
        return harness.STORE_SERVER.sql(statement, self.url.rsplit("/", 1)[1])

    def end_well(self):
        node = self.take()
        self.end(node, signal.SIGTERM, 0)
        self.counts["ended"] += 1
        self.add()

    def end(self, node, number, code):
        node.send_signal(number)
        if node.process.wait(2 * PATIENCE) != code:
            self.crashed.append(node.process.returncode)
        node.__exit__(None, None, None)

    def close(self):
        for node in self.live:
            node.__exit__(None, None, None)


class Poster(threading.Thread):
    """Delivers its share of the notifications, each until it has a 200."""

    def __init__(self, cluster, payloads):
        super().__init__(daemon=True)
        self.cluster, self.payloads, self.connections = cluster, payloads, {}
        self.start()

    def post(self, body, headers):
        node = self.cluster.any()
        connection = self.connections.get(node) or http.client.HTTPConnection(*node.intake, timeout=2)
        self.connections[node] = connection
        try:
            connection.request("POST", "/webhooks/intercom", body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status == 200
        except (OSError, http.client.HTTPException):
            connection.close()
            del self.connections[node]
            return False

    def run(self):
        for payload in self.payloads:
            body = json.dumps(payload).encode()
            headers = {"X-Hub-Signature": intercom_signature(body, SECRETS["INTERCOM_SECRET"])}
            while not self.post(body, headers):
                time.sleep(0.05)  # as senders do, only sooner


def trouble(cluster, posters, restarts):
    """Until everything is delivered."""
    ways = [cluster.kill, cluster.kill, cluster.stop_past_lease, cluster.end_well]
    while any(p.is_alive() for p in posters):
        random.choice(ways)()
        if restarts:
            harness.STORE_SERVER.do("stop")
            harness.STORE_SERVER.do("start")
            restarts -= 1
        posters[0].join(0.5)


def waiting(cluster):
    return cluster.sql("SELECT (SELECT count(*) FROM notification WHERE state = 0) + (SELECT count(*) FROM entry WHERE state = 0)"
                       " + (SELECT count(*) FROM run WHERE ended_at IS NULL)")[0]


def runs_of(cluster):
    """By user: [(text, state of its send), ...] in the order of the runs; and all runs as (n, state)."""
    rows = cluster.sql("SELECT json_build_array(user_id, s.state, r.state, convert_from(s.body, 'UTF8')) FROM chat c JOIN run r ON r.chat = c.id"
                       " JOIN send s ON s.run = r.id ORDER BY user_id, seq, s.step, s.n")
    sends = {}
    for user, state, _, body in map(json.loads, rows):
        sends.setdefault(user, []).append((text_of({"body": json.loads(body)}), state))
    return sends


OK, UNKNOWN = 2, 5


def verdict(sim, cluster, taps):
    """[(kind, what), ...]; how many sends are unknown."""
    found, arrived, stored = [], {}, runs_of(cluster)
    for send in sim.sends():
        arrived.setdefault(send["body"]["destination_user_id"], []).append(text_of(send))
    for user, numbers in taps.items():
        sends, got = stored.get(user, []), arrived.get(user, [])
        states = dict(sends)
        found += [("lost", (user, n)) for n in numbers if f"first {n}" not in states]
        found += [("twice", (user, text)) for text in states if [t for t, _ in sends].count(text) > 1]
        found += [("doubled", (user, text)) for text in set(got) if got.count(text) > 1]
        found += [("missing", (user, text)) for text, state in sends if state != UNKNOWN and text not in got]
        found += [("failed", (user, text, state)) for text, state in sends if state not in (OK, UNKNOWN)]
        if got != [text for text, _ in sends if text in got]:
            found.append(("order", (user, got, sends)))
    unknown = sum(state == UNKNOWN for sends in stored.values() for _, state in sends)
    return found, unknown


def storm(count):
    users = [str(700000000 + i) for i in range(CHATS)]
    taps, payloads, said = {}, [], int(time.time())  # all at one moment: then a chat goes by the numbers of its runs
    for n in range(count):
        user = random.choice(users)
        taps.setdefault(user, []).append(n)
        payloads.append(intercom_replied(f"<p>two:{n}</p>", user, created_at=said))
    url, begin = harness.STORE_SERVER.fresh(), time.monotonic()
    with Sim() as sim:
        cluster = Cluster(sim, url)
        try:
            posters = [Poster(cluster, payloads[i::POSTERS]) for i in range(POSTERS) for _ in range(2)]
            trouble(cluster, posters, 1)
            delivered = time.monotonic() - begin
            found = [("failed", ("a node ended with", code)) for code in cluster.crashed]
            try:
                wait_for(lambda: waiting(cluster) == "0", "the end of all runs", 4 * PATIENCE)
            except AssertionError:
                found.append(("stuck", waiting(cluster)))
            wrong, unknown = verdict(sim, cluster, taps)
            found += wrong
            keep_logs(cluster, found)
            print(f"# {count} notifications, each delivered twice, over {len(taps)} chats in {delivered:.0f} s; "
                  + ", ".join(f"{n} {what}" for what, n in cluster.counts.items())
                  + f"; the server restarted once; {len(sim.sends())} follow-ups arrived, {unknown} are unknown")
        finally:
            cluster.close()
    return found


def keep_logs(cluster, found):
    if found:
        for node in cluster.live:
            sys.stderr.write(node.log_text()[-4000:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notifications", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    random.seed(options.seed)
    print(f"# seed {options.seed}")
    harness.use_postgres()
    try:
        found = storm(options.notifications)
    finally:
        harness.STORE_SERVER.end()
    for kind, what in found[:50]:
        print(f"# {kind}: {what}")
    print("1..1")
    print(f"{'not ok' if found else 'ok'} 1 - nodes come and go" + (f" # {len(found)} findings" if found else ""))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
