#!/usr/bin/env python3
"""Several nodes on one PostgreSQL: nothing twice, nothing lost, and what one leaves the others do."""

import signal
import threading

from harness import *

RULES = """\
rules:
  - { name: two, tap: 'two:(?<n>.*)', dedup: 0s, reply: [ { text: 'first ${n}' }, { text: 'second ${n}' } ] }
  - { name: one, tap: 'one:(?<n>.*)', reply: { text: 'one ${n}' } }
  - { name: again, tap: 'again:(?<n>.*)', unknown_send: resend, reply: { text: 'again ${n}' } }
  - { name: put, tap: 'put:(?<v>.*)', set: { v: '${v}' }, reply: { text: 'now ${v}' } }
  - { name: get, tap: get, reply: { text: 'it is ${chat.v:-nothing}' } }
  - { name: hello, text: hello, dedup: 0s, reply: { text: 'Hello!' } }
"""


class Nodes:
    """So many daemons on one database."""

    def __init__(self, sim, count, **channel):
        self.sim, self.channel, self.nodes = sim, {"timeout": "1s", **channel}, []
        self.url = postgres.fresh()
        for _ in range(count):
            self.add()

    def add(self):
        config = {"limits": {"lease": "3s"}}
        if self.nodes:
            config["rules"] = [self.nodes[0].path("rules.yaml")]
        self.nodes.append(Daemon(self.sim, RULES, config=config, env={"STORE_URL": self.url}, channel=self.channel))
        return self.nodes[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.__exit__(None, None, None)

    def with_a_chat(self):
        """The first one, behind a first tap and its answer."""
        self.nodes[0].tap("<p>one:1</p>")
        self.sim.wait_sends(1)
        self.nodes[0].settled()
        return self.nodes[0]

    def sql(self, what):
        return postgres.sql(what, self.url.rsplit("/", 1)[1])


def of_users(sim):
    """Texts by user, in the order of their arrival."""
    found = {}
    for send in sim.sends():
        found.setdefault(send["body"]["destination_user_id"], []).append(text_of(send))
    return found


@test
def test_each_node_answers_and_none_twice():
    with Sim() as sim, Nodes(sim, 3) as all:
        assert all.sql("SELECT count(*) FROM node")[0] == "3"
        for i in range(30):
            payload = intercom_replied(f"<p>one:{i}</p>", str(700000000 + i))
            for node in all.nodes:  # delivered to each
                wait_for(lambda: node.post_intercom(payload) == 200, "the acknowledgement")
        sim.wait_sends(30)
        all.nodes[0].settled()
        assert of_users(sim) == {str(700000000 + i): [f"one {i}"] for i in range(30)}
        assert [node.terminate() for node in all.nodes] == [0, 0, 0]
        assert all.sql("SELECT count(*) FROM node")[0] == "0"


@test
def test_what_a_killed_node_had_is_taken_over():
    with Sim() as sim, Nodes(sim, 2) as all:
        first, second = all.nodes
        sim.fault(hang=True, times=1)
        first.tap("<p>two:a</p>")
        sim.wait_requests(1)
        first.tap("<p>two:b</p>")
        first.kill()
        sim.control("DELETE", "faults")
        # what was under way is unknown; the run and the chat go on at the other node
        wait_for(lambda: of_users(sim) == {"700000001": ["second a", "first b", "second b"]}, "the rest")
        second.settled()
        states = sorted(i["state"] for i in second.queue("--all") if i["kind"] == "run")
        assert states == ["done", "unknown"], states
        second.wait_log("a node is gone")


@test
def test_what_is_read_from_the_inbox_is_answered_once():
    """Both nodes hear of all messages; one is killed with its GETs under way."""
    with Sim() as sim, Nodes(sim, 1) as all:
        first = all.nodes[0]
        events = [hubspot_event(5000000000 + n, f"m{n}") for n in range(60)]
        for n in range(60):
            sim.control("PUT", f"hubspot/messages/{5000000000 + n}/m{n}", hubspot_message(f"one:{n}", str(700000000 + n)))
        sim.fault(path="/conversations/", hang=True, times=8)
        wait_for(lambda: first.post_hubspot(events) == 200, "the acknowledgement")
        wait_for(lambda: len(sim.requests("/conversations/")) == 8, "the first GETs, as many as there may be")
        second = all.add()
        wait_for(lambda: second.post_hubspot(events) == 200, "the acknowledgement")
        first.kill()
        sim.control("DELETE", "faults")
        wait_for(lambda: len(of_users(sim)) == 60, "the answers", 2 * PATIENCE)
        second.settled()
        assert of_users(sim) == {str(700000000 + n): [f"one {n}"] for n in range(60)}


@test
def test_a_node_that_slept_past_its_lease_sends_nothing_that_another_has():
    with Sim() as sim, Nodes(sim, 2) as all:
        first, second = all.nodes
        sim.fault(hang=True, times=1)
        first.tap("<p>two:a</p>")
        sim.wait_requests(1)
        first.send_signal(signal.SIGSTOP)
        sim.control("DELETE", "faults")
        wait_for(lambda: of_users(sim) == {"700000001": ["second a"]}, "the rest", 2 * PATIENCE)
        first.send_signal(signal.SIGCONT)
        first.wait_log("fenced")
        second.tap("<p>two:b</p>")
        first.tap("<p>two:c</p>", "700000002")
        sim.wait_sends(5)
        first.settled()
        assert of_users(sim) == {"700000001": ["second a", "first b", "second b"], "700000002": ["first c", "second c"]}


@test
def test_an_answer_that_waits_for_the_store_is_not_lost():
    """The connection is made anew, and then the store takes nothing for longer than a lease: what came meanwhile is settled first."""
    with Sim() as sim, Nodes(sim, 1) as all:
        node = all.with_a_chat()
        sim.fault(delay_ms=900, times=1)
        node.tap("<p>again:2</p>")
        sim.wait_requests(2)
        all.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'callbackd' AND datname = current_database()")
        all.sql("BEGIN; SELECT id FROM chat FOR UPDATE; SELECT pg_sleep(6); COMMIT")
        node.settled()
        assert of_users(sim) == {"700000001": ["one 1", "again 2"]}
        assert "a late answer" not in node.log_text()


@test
def test_what_is_under_way_when_the_connection_is_made_anew_is_left_alone():
    with Sim() as sim, Nodes(sim, 1, timeout="20s") as all:
        node, message = all.with_a_chat(), "/conversations/v3/conversations/threads/1/messages/m1"
        sim.control("PUT", "hubspot/messages/1/m1", hubspot_message("one:3"))
        sim.fault(path=message, hold=True, times=1)
        sim.fault(path="/api/v1/telegram/interactive", hold=True, times=1)
        assert node.post_hubspot([hubspot_event("1", "m1")]) == 200
        sim.wait_requests(1, message)
        node.tap("<p>again:2</p>")
        sim.wait_requests(2)
        all.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'callbackd' AND datname = current_database()")
        node.tap("<p>hello</p>", "700000002")  # by the new connection
        sim.wait_sends(2)
        sim.release(2)
        node.settled()
        assert of_users(sim) == {"700000001": ["one 1", "again 2", "one 3"], "700000002": ["Hello!"]}
        assert len(sim.requests(message)) == 1
        assert "left over" not in node.log_text()


@test
def test_a_chat_that_somebody_has_keeps_no_webhook_from_its_200():
    with Sim() as sim, Nodes(sim, 1) as all:
        node = all.with_a_chat()
        somebody = threading.Thread(target=lambda: all.sql("BEGIN; SELECT id FROM chat FOR UPDATE; SELECT pg_sleep(8); COMMIT"))
        somebody.start()
        for n, user in (2, "700000001"), (3, "700000002"), (4, "700000001"):
            node.tap(f"<p>one:{n}</p>", user)
        assert somebody.is_alive()
        somebody.join()
        sim.wait_sends(4)
        node.settled()
        assert of_users(sim) == {"700000001": ["one 1", "one 2", "one 4"], "700000002": ["one 3"]}


@test
def test_other_rules_are_shown():
    """A rolling upgrade: one node after the other loads the new rules."""
    with Sim() as sim, Nodes(sim, 2) as all:
        for node in all.nodes:
            node.wait_metric('callbackd_nodes{rules="same_rules"}', 2)
            assert "rules" not in node.page("/readyz")[1]
        all.nodes[0].write("rules.yaml", RULES.replace("'one ${n}'", "'uno ${n}'"))
        all.nodes[1].send_signal(signal.SIGHUP)
        for node in all.nodes:
            wait_for(lambda: "other rules" in node.page("/readyz")[1], "the difference")
            assert node.page("/readyz")[0] == 200
            node.wait_metric('callbackd_nodes{rules="other_rules"}', 1)
        all.nodes[0].send_signal(signal.SIGHUP)
        for node in all.nodes:
            wait_for(lambda: "rules" not in node.page("/readyz")[1], "the end of the difference")
            node.wait_metric('callbackd_nodes{rules="same_rules"}', 2)


def refused(all):
    """What a node says that does not start."""
    with Daemon(all.sim, RULES, env={"STORE_URL": all.url}, start=False) as node:
        try:
            node.serve()
        except AssertionError:
            assert node.process.returncode == 4, node.process.returncode
            return node.log_text()
        raise AssertionError("it serves")


@test
def test_tables_are_brought_up_when_no_older_node_is_at_work():
    """As if the node there were one of version 1."""
    with Sim() as sim, Nodes(sim, 1) as all:
        old = all.with_a_chat()
        all.sql("UPDATE meta SET v = '1' WHERE k = 'version'; DELETE FROM meta WHERE k = 'ordered_keys'")
        why = refused(all)
        assert "1 node still works with them: stop it" in why and "version 1" in why, why
        old.tap("<p>one:2</p>")
        sim.wait_sends(2)
        assert old.terminate() == 0
        all.add().tap("<p>one:3</p>")
        assert texts(sim, 3) == ["one 1", "one 2", "one 3"]
        assert all.sql("SELECT v FROM meta WHERE k = 'version'") != ["1"]


@test
def test_a_node_that_finds_newer_tables_refuses_webhooks():
    """As if it had slept while a newer one brought them up."""
    with Sim() as sim, Nodes(sim, 1) as all:
        node = all.with_a_chat()
        known = all.sql("SELECT v FROM meta WHERE k = 'version'")[0]
        all.sql("UPDATE meta SET v = '1000' WHERE k = 'version'; UPDATE node SET lease_until = 0")
        wait_for(lambda: node.page("/readyz")[0] == 503, "not being ready")
        assert node.post_intercom(intercom_replied("<p>one:2</p>")) == 503
        for said in node.page("/readyz")[1], refused(all):
            assert "made by a newer callbackd" in said and "version 1000" in said and "install" in said, said
        all.sql(f"UPDATE meta SET v = '{known}' WHERE k = 'version'")
        node.tap("<p>one:3</p>")
        assert texts(sim, 2) == ["one 1", "one 3"]


@test
def test_what_is_kept_of_a_chat_is_one_for_all():
    with Sim() as sim, Nodes(sim, 2) as all:
        first, second = all.nodes
        first.tap("<p>put:a</p>")
        sim.wait_sends(1)
        second.tap("<p>get</p>")
        assert texts(sim, 2) == ["now a", "it is a"]


@test
def test_another_nodes_message_is_no_teammates():
    with Sim() as sim, Nodes(sim, 2) as all:
        first, second = all.nodes
        first.tap("<p>hello</p>")
        sim.wait_sends(1)
        for text, answers in (("<p>Hello!</p>", 2), ("<p>I am a person.</p>", 2)):  # as the inbox shows both
            assert second.post_intercom(intercom_replied(text, topic="conversation.admin.replied", author="admin")) == 200
            second.settled()
            first.tap("<p>hello</p>")
            sim.wait_sends(answers)
        first.settled()
        assert texts(sim, 2) == ["Hello!", "Hello!"]


@test
def test_a_rate_is_one_for_all():
    """What one node is not let send in time, another one claims; together they are no faster than the channel may be."""
    with Sim() as sim, Nodes(sim, 3, rate={"rate": "20/s", "burst": 3}) as all:
        for i in range(60):
            all.nodes[0].tap(f"<p>one:{i}</p>", str(700000000 + i))
        times = sorted(s["time"] for s in sim.wait_sends(60))
        assert times[-1] - times[0] >= 1000 * (60 - 3 - 3) / 20, times
        owners = {line for line in all.sql("SELECT DISTINCT id >> 12 & 1023 FROM node")}
        assert owners == {"0", "1", "2"}


@test
def test_a_pause_is_one_for_all():
    with Sim() as sim, Nodes(sim, 2) as all:
        first, second = all.nodes
        sim.fault(status=401, body={"error": "Unauthorized"}, times=-1)
        first.tap("<p>one:1</p>")
        for node in all.nodes:
            node.wait_metric('callbackd_paused{channel="shop"}', 1)
        sim.control("DELETE", "faults")
        asked = len(sim.requests("/api/v1/telegram"))
        second.tap("<p>one:2</p>", "700000002")
        code, _, err = second.run("queue", "release", "--channel", "shop")
        assert code == 0, err
        assert sorted(texts(sim, 2)) == ["one 1", "one 2"] and asked == 1
        for node in all.nodes:
            node.wait_metric('callbackd_paused{channel="shop"}', 0)


if __name__ == "__main__":
    postgres = use_postgres()
    main()
