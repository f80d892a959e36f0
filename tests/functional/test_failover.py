#!/usr/bin/env python3
"""The store on a PostgreSQL that fails over: a primary and a synchronous replica, behind TLS."""

import threading

from harness import *

RULES = """\
rules:
  - { name: order, tap: 'order:(?<n>[0-9]+)', reply: { text: 'order ${n}' } }
  - { name: ask, tap: 'ask:(?<n>[0-9]+)', unknown_send: poll, reply: { text: 'order ${n}' } }
"""
STATUS = "/api/v1/telegram/messages/"
POSTERS = 4
USER = 700000000


class Load:
    """Taps, each of another user, that are posted until they are acknowledged."""

    def __init__(self, daemons):
        self.daemons, self.lock, self.stop = daemons, threading.Lock(), threading.Event()
        self.begun, self.acknowledged, self.refused, self.others = 0, 0, 0, []
        self.threads = [threading.Thread(target=self.post) for _ in range(POSTERS)]
        for thread in self.threads:
            thread.start()

    def next(self):
        with self.lock:
            self.begun += 1
            return self.begun

    def note(self, status):
        with self.lock:
            self.acknowledged += status == 200
            self.refused += status == 503
            if status not in (200, 503):
                self.others.append(status)

    def post(self):
        while not self.stop.is_set():
            number = self.next()
            payload = intercom_replied(f"<p>order:{number}</p>", str(USER + number))
            for daemon in self.daemons:
                self.deliver(daemon, payload)

    def deliver(self, daemon, payload):
        while (status := daemon.post_intercom(payload)) != 200 and not self.others:
            self.note(status)
            time.sleep(0.01)
        self.note(status)

    def wait_for_more(self, count=50):
        """So many acknowledgements, from now on."""
        enough = self.acknowledged + count
        wait_for(lambda: self.acknowledged >= enough or self.others, "acknowledgements", 2 * PATIENCE)

    def wait_for_refusal(self):
        before = self.refused
        wait_for(lambda: self.refused > before or self.others, "a refusal")

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert not self.others, self.others
        return self.begun


def of_users(sim):
    found = {}
    for send in sim.sends():
        found.setdefault(int(send["body"]["destination_user_id"]) - USER, []).append(text_of(send))
    return found


class Cluster:
    """A pair of servers and so many nodes."""

    def __init__(self, sim, nodes, timeout="1s"):
        self.servers = Postgres("--pair", "--no-fsync")
        self.url, self.nodes = self.servers.fresh(), []
        for _ in range(nodes):
            rules = {"rules": [self.nodes[0].path("rules.yaml")]} if self.nodes else {}
            self.nodes.append(Daemon(sim, RULES, config=rules, env={"STORE_URL": self.url}, channel={"timeout": timeout}))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for node in self.nodes:
            node.__exit__(kind)
        self.servers.end()

    def sql(self, what):
        return self.servers.sql(what, re.search("/(store[0-9]+)", self.url)[1])

    def sql_of_replica(self, what):
        return json.loads(self.servers.ask(f"replica sql {re.search('/(store[0-9]+)', self.url)[1]} {what}"))

    def sessions(self, what, where="true"):
        return self.sql(f"SELECT {what} FROM pg_stat_activity LEFT JOIN pg_stat_ssl USING (pid) WHERE {where}"
                        " AND datname = current_database() AND application_name = 'callbackd'")


def fail_over(cluster, load, trouble):
    """The primary is in trouble while requests are under way, and the replica takes its place."""
    for node in cluster.nodes:
        load.wait_for_more()
    cluster.servers.do(trouble)
    load.wait_for_refusal()
    for node in cluster.nodes:
        wait_for(lambda: not is_ready(node), "the trouble to be shown")
    cluster.servers.do("promote")
    load.wait_for_more()


def is_ready(node):
    return node.page("/readyz")[0] == 200


def check(sim, cluster, begun):
    """Each tap was answered once; or its run is unknown, as a node may have had to leave it to another."""
    for node in cluster.nodes:
        wait_for(lambda: is_ready(node), "being ready")
        node.settled()
    items = cluster.nodes[0].queue("--all", "--limit", "100000")
    states = {int(i["chat"]) - USER: i["state"] for i in items if i["kind"] == "run"}
    sent = of_users(sim)
    assert set(states.values()) <= ({"done"} if len(cluster.nodes) == 1 else {"done", "unknown"}), set(states.values())
    assert set(states) == set(range(1, begun + 1)), "acknowledged, and not stored"
    assert all(sent.get(n, []) == [f"order {n}"] for n in states if states[n] == "done"), "not once"
    assert all(len(texts) == 1 for texts in sent.values()), "twice"


def fails_over(trouble, nodes=1):
    with Sim() as sim, Cluster(sim, nodes) as cluster:
        load = Load(cluster.nodes)
        try:
            load.wait_for_more()
            sim.fault(delay_ms=100)
            fail_over(cluster, load, trouble)
        finally:
            begun = load.end()
        cluster.servers.do("replica kill")  # where it is not dead yet it takes seconds of each connection
        check(sim, cluster, begun)
        hears_the_command_line(sim, cluster)
        for node in cluster.nodes:
            assert node.terminate() == 0
            assert "pg-secret" not in node.log_text()


def hears_the_command_line(sim, cluster):
    """Whoever has connected anew listens again."""
    node = cluster.nodes[0]
    sends = len(sim.sends())
    sim.control("DELETE", "faults")
    sim.fault(status=400, body={"message": "no"}, times=1)
    node.tap("<p>order:1000000</p>", str(USER))
    run = runs(node, "failed")[0]
    code, _, err = node.run("queue", "retry", str(run["id"]))
    assert code == 0, err
    sim.wait_sends(sends + 1)


@test
def test_primary_is_killed():
    fails_over("kill")


@test
def test_primary_is_stopped():
    fails_over("stop")


@test
def test_primary_says_nothing_more():
    """As when its machine is gone: nobody even refuses the connection."""
    fails_over("freeze")


@test
def test_primary_of_two_nodes_is_killed():
    fails_over("kill", 2)


def loses_an_answer(sim, cluster, under_way, settled):
    """Fails over, without a synchronous replica, while a request is under way whose answer only the old primary gets to know. What
    the replica has of it then, and the primary once it is answered, is said by tables and conditions."""
    cluster.sql("ALTER SYSTEM RESET synchronous_standby_names")
    cluster.sql("SELECT pg_reload_conf()")
    wait_for(lambda: cluster.sql_of_replica(f"SELECT 1 FROM {under_way}") == ["1"], "the replica to know of the request")
    cluster.servers.do("replica stop")
    sim.release()
    wait_for(lambda: cluster.sql(f"SELECT 1 FROM {settled}") == ["1"], "the answer")
    cluster.servers.do("kill")
    cluster.servers.do("replica start")
    cluster.servers.do("promote")


def goes_on(sim, cluster, *states):
    """The chat is not left behind: what comes next is answered, and nothing is sent twice."""
    node = cluster.nodes[0]
    node.tap("<p>order:2</p>", str(USER + 1))
    sim.wait_sends(2)
    node.settled()
    assert sorted(i["state"] for i in node.queue("--all") if i["kind"] == "run") == sorted(states)
    assert [text_of(s) for s in sim.sends()] == ["order 1", "order 2"]
    assert node.terminate() == 0


@test
def test_what_a_failover_loses_leaves_no_chat_behind():
    with Sim() as sim, Cluster(sim, 1, "20s") as cluster:
        sim.fault(hold=True, times=1)
        cluster.nodes[0].tap("<p>order:1</p>", str(USER + 1))
        sim.wait_requests(1)
        loses_an_answer(sim, cluster, "send WHERE state = 1", "send WHERE state = 2")
        goes_on(sim, cluster, "done", "unknown")


@test
def test_a_question_whose_answer_a_failover_loses_is_asked_again():
    """That it is under way is stored nowhere."""
    with Sim() as sim, Cluster(sim, 1, "20s") as cluster:
        sim.fault(path=STATUS, hold=True, times=1)
        sim.fault(accept_then={"status": 504, "keep_body": True}, times=1)
        cluster.nodes[0].tap("<p>ask:1</p>", str(USER + 1))
        wait_for(lambda: sim.requests(STATUS), "the question")
        loses_an_answer(sim, cluster, "chat, send WHERE chat.owner IS NOT NULL AND state = 5", "send WHERE state = 2")
        goes_on(sim, cluster, "done", "done")
        assert len(sim.requests(STATUS)) == 2


@test
def test_a_message_whose_fetch_a_failover_loses_is_fetched_again():
    with Sim() as sim, Cluster(sim, 1) as cluster:
        node, messages = cluster.nodes[0], "/conversations/v3/conversations/threads/1/messages/m1"
        sim.control("PUT", "hubspot/messages/1/m1", hubspot_message("nothing"))
        sim.fault(path=messages, hold=True, times=1)
        assert node.post_hubspot([hubspot_event("1", "m1")]) == 200
        sim.wait_requests(1, messages)
        loses_an_answer(sim, cluster, "entry WHERE owner IS NOT NULL", "entry WHERE state = 1")
        sim.wait_requests(2, messages)
        wait_for(lambda: cluster.sql("SELECT 1 FROM entry WHERE state = 1") == ["1"], "the second answer")
        assert node.terminate() == 0


def certificate(daemon):
    """Of somebody else."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                    "-subj", "/CN=else", "-keyout", daemon.path("else.key"), "-out", daemon.path("else.pem")], check=True,
                   capture_output=True)
    return daemon.path("else.pem")


@test
def test_tls_is_verified():
    with Sim() as sim, Cluster(sim, 1) as cluster:
        node = cluster.nodes[0]
        assert cluster.sessions("bool_and(ssl)") == ["t"]
        assert node.terminate() == 0
        ca = re.search("sslrootcert=([^&]*)", cluster.url)[1]
        for old, new, what in ((ca, ca + ".gone", "does not exist"), (ca, certificate(node), "verify failed"),
                               ("localhost", "127.0.0.1", "does not match host name"), ("verify-full", "disable", "no encryption")):
            node.env["STORE_URL"] = cluster.url.replace(old, new)
            code, out, err = node.run("serve")
            assert code == 4 and what in err and "pg-secret" not in out + err, (new, code, err)


@test
def test_commit_that_is_not_on_the_replica_is_not_acknowledged():
    """Somebody ends the waiting for a replica that is away: the primary says that the commit is done, and warns."""
    with Sim() as sim, Cluster(sim, 1) as cluster:
        node = cluster.nodes[0]
        node.tap("<p>order:1</p>", str(USER + 1))
        sim.wait_sends(1)
        cluster.servers.do("replica stop")
        statuses = []
        payload = intercom_replied("<p>order:2</p>", str(USER + 2))
        poster = threading.Thread(target=lambda: statuses.append(node.post_intercom(payload)))
        poster.start()
        wait_for(lambda: cluster.sessions("pg_cancel_backend(pid)", "wait_event = 'SyncRep'") and statuses, "an answer")
        poster.join()
        assert statuses == [503], statuses
        cluster.servers.do("replica start")
        wait_for(lambda: node.post_intercom(payload) == 200, "the acknowledgement")
        sim.wait_sends(2)
        check(sim, cluster, 2)


if __name__ == "__main__":
    use_postgres("--pair")
    main()
