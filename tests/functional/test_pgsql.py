#!/usr/bin/env python3
"""The store in PostgreSQL: the main job and sending as with SQLite, and what happens when the server is in trouble."""

import re
import signal

from harness import *

import test_main_job  # noqa: F401 their tests run here, too, on PostgreSQL
import test_polls  # noqa: F401
import test_sending  # noqa: F401


def database(daemon):
    return daemon.env["STORE_URL"].rsplit("/", 1)[1]


def stored(daemon, what="count(*) FROM notification"):
    return postgres.sql("SELECT " + what, database(daemon))[0]


def statuses_of(daemon, user):
    """What a webhook is answered now."""
    return daemon.post_intercom(intercom_replied("<p>track:ORD-1001</p>", user))


def ready(daemon):
    return daemon.page("/readyz")[0] == 200


@test
def test_server_away_and_back():
    with Sim() as sim, Daemon(sim) as daemon:
        daemon.tap("<p>track:ORD-1001</p>")
        sim.wait_sends(1)
        for number, word in enumerate(("stop", "kill")):
            sends = len(sim.sends())
            postgres.do(word)
            wait_for(lambda: statuses_of(daemon, "700000002") == 503, "a refusal")
            assert not ready(daemon)
            postgres.do("start")
            daemon.tap("<p>track:ORD-1002</p>", str(700000003 + number))
            sim.wait_sends(sends + 1)
            wait_for(lambda: ready(daemon), "being ready")
        assert "pg-secret" not in daemon.log_text(), daemon.log_text()
        assert daemon.terminate() == 0


@test
def test_answers_that_come_while_the_server_is_away_are_kept():
    with Sim() as sim, Daemon(sim) as daemon:
        sim.fault(delay_ms=700)
        daemon.tap("<p>track:ORD-1001</p>")
        wait_for(lambda: stored(daemon, "count(*) FROM send WHERE state = 1") == "1", "the request under way")
        postgres.do("stop")
        sim.wait_sends(1)
        wait_for(lambda: statuses_of(daemon, "700000009") == 503, "a refusal")
        postgres.do("start")
        daemon.settled()
        assert [i["state"] for i in daemon.queue("--all") if i["kind"] == "run"][0] == "done"
        assert len([s for s in sim.sends() if "ORD-1001" in text_of(s) and s["body"]["destination_user_id"] == "700000001"]) == 1


@test
def test_session_that_is_ended_costs_nobody_anything():
    with Sim() as sim, Daemon(sim) as daemon:
        for i in range(5):
            postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'callbackd'"
                         f" AND datname = '{database(daemon)}' AND state = 'idle'", "postgres")
            daemon.tap("<p>track:ORD-1001</p>", str(700000001 + i))
            sim.wait_sends(i + 1)
        daemon.settled()
        assert len(sim.sends()) == 5


@test
def test_batch_that_is_in_the_way_of_another_is_repeated():
    """40001 and 40P01 twice each, raised by a trigger that counts past any rollback."""
    with Sim() as sim, Daemon(sim) as daemon:
        for number, code in enumerate(("40001", "40P01")):
            postgres.sql(
                f"CREATE SEQUENCE tries{number}; CREATE FUNCTION fail{number}() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN"
                f" IF nextval('tries{number}') < 3 THEN RAISE EXCEPTION 'later' USING ERRCODE = '{code}'; END IF; RETURN NEW; END $f$;"
                f" CREATE TRIGGER fail{number} BEFORE INSERT ON run FOR EACH ROW EXECUTE FUNCTION fail{number}()", database(daemon))
            assert statuses_of(daemon, str(700000001 + number)) == 200
            sim.wait_sends(number + 1)
            assert stored(daemon, f"last_value FROM tries{number}") == "3"
        assert daemon.metric("callbackd_store_failures_total") == 0


@test
def test_commit_whose_result_is_lost():
    """A deferred trigger ends the session while it commits: the next one finds out what there is."""
    with Sim() as sim, Daemon(sim) as daemon:
        postgres.sql("CREATE SEQUENCE tries; CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN"
                     " IF nextval('tries') < 3 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END $f$;"
                     " CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON run DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
                     " EXECUTE FUNCTION fail()", database(daemon))
        daemon.tap("<p>track:ORD-1001</p>")
        sim.wait_sends(1)
        daemon.settled()
        assert len(sim.sends()) == 1
        assert stored(daemon, "last_value FROM tries") == "3"


@test
def test_one_bad_row_is_set_aside():
    """What the server refuses of one entry is no matter of the others in its batch."""
    with Sim() as sim, Daemon(sim) as daemon:
        postgres.sql("ALTER TABLE run ADD CONSTRAINT no_such_order CHECK (position('ORD-666' IN convert_from(doc, 'UTF8')) = 0)",
                     database(daemon))
        daemon.tap("<p>track:ORD-1001</p>", "700000001")
        assert daemon.post_intercom(intercom_replied("<p>track:ORD-666666</p>", "700000002")) in (200, 503)
        daemon.tap("<p>track:ORD-1002</p>", "700000003")
        assert sorted(texts(sim, 2)) == ["Order ORD-1001 is on its way.", "Order ORD-1002 is on its way."]
        wait_for(lambda: [i for i in daemon.queue("--state", "stuck")], "what is stuck")
        assert "ORD-666" not in re.sub(r".*msg=(entry|notification).*", "", daemon.log_text())


@test
def test_queue_beside_the_daemon():
    with Sim() as sim, Daemon(sim) as daemon:
        sim.fault(status=400, body={"message": "no"})
        daemon.tap("<p>track:ORD-1001</p>")
        run = runs(daemon, "failed")[0]
        code, _, err = daemon.run("queue", "retry", str(run["id"]))
        assert code == 0, err
        sim.wait_sends(1)  # the daemon heard of it
        daemon.settled()
        code, out, err = daemon.run("explain", str(daemon.queue("--all")[0]["id"]))
        assert code == 0, err


@test
def test_commands_that_are_in_the_way_of_another_are_repeated():
    """As above; what they say is said once, and what another program does to the customer in the middle is no trouble."""
    with Sim() as sim, Daemon(sim) as daemon:
        sim.fault(status=400, body={"message": "no"}, times=1)
        daemon.tap("<p>track:ORD-1001</p>")
        run = runs(daemon, "failed")[0]
        for number, (table, what) in enumerate((("run", "UPDATE"), ("variable", "DELETE"), ("tap", "DELETE"))):
            postgres.sql(
                f"CREATE SEQUENCE tries{number}; CREATE FUNCTION fail{number}() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN"
                f" IF nextval('tries{number}') < 4 THEN RAISE EXCEPTION 'later' USING ERRCODE = '40001'; END IF; RETURN NULL; END $f$;"
                f" CREATE TRIGGER fail{number} AFTER {what} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION fail{number}()", database(daemon))
        others = [str(12345 + i) for i in range(4000)]  # what is said of them is more than fits in any buffer of a stream
        code, out, err = daemon.run("queue", "retry", *others, str(run["id"]))
        assert (code, out.count("waits"), len(err.splitlines()), err.count("12345")) == (1, 1, 4000, 1), (code, out, err[-1000:])
        sim.wait_sends(1)
        daemon.settled()
        code, out, err = daemon.run("forget", "--chat", "700000001")
        assert code == 0 and "runs           1" in out, (code, out, err)
        assert stored(daemon, "last_value FROM tries0") != "1" and stored(daemon, "last_value FROM tries2") != "1"


@test
def test_trouble_at_the_start_is_told_without_the_password():
    with Daemon(start=False) as daemon:
        good = daemon.env["STORE_URL"]
        for url, what in ((good.replace("pg-secret-", "pg-secret-x"), "authentication"),
                          (good.rsplit("/", 1)[0] + "/none-such", "none-such"),
                          (re.sub(r":[0-9]+/", ":1/", good), "onnection"),
                          (good.replace("pg-secret-", "pg-secret-@"), "%40"),
                          (good + "?no_such_word=1", "not a URL"), (good + "?target_session_attrs=any&sslmode=no", "ssl"),
                          ("postgresql://app:pg-secret-x/db", "@HOST"), ("sqlite:x.db", "postgresql://"), ("", "empty")):
            daemon.env["STORE_URL"] = url
            code, out, err = daemon.run("serve")
            assert code == 4 and what in err and "pg-secret" not in out + err, (url, code, err)
            assert daemon.run("check")[0] == 0  # it reads no secret
        daemon.env["STORE_URL"] = good
        code, out, err = daemon.run("queue", "list")
        assert code == 4 and "callbackd serve makes it" in err, err


def children(parent):
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat") as file:
                if name.isdigit() and int(file.read().rsplit(")", 1)[1].split()[1]) == parent:
                    found.append(int(name))
        except OSError:
            pass
    return found


@test
def test_server_of_a_killed_test_goes_with_it():
    program = "import sys; sys.path.insert(0, sys.argv[1]); import harness; p = harness.Postgres(); print(p.process.pid, flush=True); input()"
    killed = subprocess.Popen([sys.executable, "-c", program, os.path.dirname(os.path.abspath(__file__))], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    script = int(killed.stdout.readline())
    server = children(script)[0]
    with open(f"/proc/{server}/cmdline") as file:
        folder = os.path.dirname(file.read().split("\0")[2])
    assert os.path.isdir(folder)
    killed.kill()
    killed.wait()
    wait_for(lambda: not os.path.exists(f"/proc/{server}") and not os.path.exists(folder), "the end of the server and its folder")


if __name__ == "__main__":
    postgres = use_postgres()
    main()
