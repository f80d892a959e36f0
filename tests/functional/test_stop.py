#!/usr/bin/env python3
"""SIGTERM under load: who was promised something has it, and whose notification was stored is told so."""

import http.client
import signal
import threading

from harness import *


class Sender(threading.Thread):
    """Posts one notification after the other, each on a connection of its own, until the daemon is gone."""

    def __init__(self, daemon, number):
        super().__init__()
        self.daemon_under_test, self.number = daemon, number
        self.answers = {}  # notification -> status, 0 for a connection that broke after the request went out
        self.start()

    def run(self):
        for i in range(100000):
            name = f"notif_{self.number}_{i}"
            body = json.dumps(intercom_replied("nothing for us", user=str(800000000 + self.number), notif=name)).encode()
            try:
                connection = http.client.HTTPConnection(*self.daemon_under_test.intake, timeout=PATIENCE)
                connection.connect()
            except OSError:
                return
            try:
                connection.request("POST", "/webhooks/intercom", body, {"X-Hub-Signature": intercom_signature(body, SECRETS["INTERCOM_SECRET"])})
                self.answers[name] = connection.getresponse().status
            except (OSError, http.client.HTTPException):
                self.answers[name] = 0
            finally:
                connection.close()


def stored(daemon):
    """The names of the notifications in the store."""
    import sqlite3
    with sqlite3.connect(daemon.path("callbackd.db")) as db:
        return {json.loads(body)["id"] for (body,) in db.execute("SELECT body FROM notification")}


@test
def test_everything_stored_is_acknowledged():
    with Sim() as sim, Daemon(sim) as daemon:
        for _ in range(5):
            senders = [Sender(daemon, Counter.next()) for _ in range(8)]
            wait_for(lambda: all(len(s.answers) > 5 for s in senders), "load")
            assert daemon.terminate() == 0
            for sender in senders:
                sender.join()
            answers = {name: status for s in senders for name, status in s.answers.items()}
            names = stored(daemon)
            assert all(name in names for name, status in answers.items() if status == 200)
            broken = [name for name, status in answers.items() if status == 0 and name in names]
            assert not broken, f"stored, and the sender never heard of it: {broken}"
            daemon.serve()


@test
def test_requests_that_arrive_with_the_signal():
    """They and the signal are found in one turn of the loop, so the engine ends with the commit that stores them."""
    with Sim() as sim, Daemon(sim) as daemon:
        for round in range(10):
            bodies = {f"notif_{round}_{i}": None for i in range(20)}
            connections = []
            for name in bodies:
                connection = http.client.HTTPConnection(*daemon.intake, timeout=PATIENCE)
                connection.request("HEAD", "/webhooks/intercom")
                assert connection.getresponse().read() == b""
                connections.append(connection)
            daemon.send_signal(signal.SIGSTOP)
            for name, connection in zip(bodies, connections):
                body = json.dumps(intercom_replied("nothing for us", notif=name)).encode()
                connection.request("POST", "/webhooks/intercom", body, {"X-Hub-Signature": intercom_signature(body, SECRETS["INTERCOM_SECRET"])})
            daemon.send_signal(signal.SIGTERM)
            daemon.send_signal(signal.SIGCONT)
            assert daemon.process.wait(PATIENCE) == 0
            names = stored(daemon)
            for name, connection in zip(bodies, connections):
                try:
                    bodies[name] = connection.getresponse().status
                except (OSError, http.client.HTTPException) as error:
                    assert name not in names, f"stored, and the sender never heard of it: {name}: {error!r}"
                else:
                    assert (bodies[name] == 200) == (name in names), (name, bodies[name])
                connection.close()
            daemon.serve()


if __name__ == "__main__":
    main()
