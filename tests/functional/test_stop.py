#!/usr/bin/env python3
"""SIGTERM under load: who was promised something has it, and whose notification was stored is told so."""

import http.client
import signal
import ssl
import subprocess
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
    with Sim() as sim, Daemon(sim, config={"drain": "1m"}) as daemon:
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


def connect(daemon, context):
    """A connection that is known to be accepted: it had an answer."""
    connection = http.client.HTTPConnection(*daemon.intake, timeout=PATIENCE)
    if context:
        connection = http.client.HTTPSConnection(*daemon.intake, timeout=PATIENCE, context=context)
    connection.request("HEAD", "/webhooks/intercom")
    connection.getresponse().read()
    return connection


def arrive_with_the_signal(daemon, number, context=None):
    """Twenty requests and the signal are found in one turn of the loop, and the engine ends with the commit that stores them."""
    connections = {f"notif_{number}_{i}": connect(daemon, context) for i in range(20)}
    daemon.send_signal(signal.SIGSTOP)
    for name, connection in connections.items():
        body = json.dumps(intercom_replied("nothing for us", notif=name)).encode()
        connection.request("POST", "/webhooks/intercom", body,
                           {"X-Hub-Signature": intercom_signature(body, SECRETS["INTERCOM_SECRET"])})
    daemon.send_signal(signal.SIGTERM)
    daemon.send_signal(signal.SIGCONT)
    assert daemon.process.wait(PATIENCE) == 0
    names = stored(daemon)
    for name, connection in connections.items():
        try:
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            assert name not in names, f"stored, and the sender never heard of it: {name}: {error!r}"
        else:
            assert (status == 200) == (name in names), (name, status)
        connection.close()


@test
def test_requests_that_arrive_with_the_signal():
    with Sim() as sim, Daemon(sim, config={"drain": "1m"}) as daemon:
        for number in range(5):
            arrive_with_the_signal(daemon, number)
            daemon.serve()


@test
def test_the_same_through_tls():
    with Sim() as sim, Daemon(sim, config={"tls": {"cert": "cert.pem", "key": "key.pem"}, "drain": "1m"}, start=False) as daemon:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", daemon.path("key.pem"), "-out", daemon.path("cert.pem")], check=True, capture_output=True)
        context = ssl.create_default_context(cafile=daemon.path("cert.pem"))
        for number in range(10):
            daemon.serve()
            arrive_with_the_signal(daemon, number, context)


if __name__ == "__main__":
    main()
