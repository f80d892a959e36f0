#!/usr/bin/env python3
"""The main job: a signed webhook comes in, the right follow-up goes out, once."""

import json
import signal

from harness import *


@test
def test_tap_is_answered():
    with Sim() as sim, Daemon(sim) as daemon:
        daemon.tap("<p>track:ORD-9876</p>")
        send = sim.wait_sends(1)[0]
        assert send["body"] == {"destination_user_id": "700000001", "telegram_interactive_message": {
            "type": "reply_buttons", "text": "Order ORD-9876 is on its way.",
            "buttons": [[{"text": "Refresh", "callback_data": "track:ORD-9876"}]]}}, send
        wait_for(lambda: daemon.metric('callbackd_sends_total{channel="shop",outcome="ok"}') == 1)
        assert daemon.terminate() == 0


@test
def test_hubspot_tap_is_answered():
    with Sim() as sim, Daemon(sim) as daemon:
        sim.control("PUT", "hubspot/messages/9598272091/m1", hubspot_message("track:ORD-1234"))
        assert daemon.post_hubspot([hubspot_event(9598272091, "m1")]) == 200
        assert sim.wait_sends(1)[0]["body"]["telegram_interactive_message"]["text"] == "Order ORD-1234 is on its way."


@test
def test_wrong_signature_is_refused_and_nothing_stored():
    with Sim() as sim, Daemon(sim) as daemon:
        assert daemon.post_intercom(intercom_replied("track:ORD-9876"), secret="wrong") == 401
        assert daemon.queue("--all") == []


@test
def test_redelivery_is_answered_once():
    with Sim() as sim, Daemon(sim) as daemon:
        payload = intercom_replied("track:ORD-9876")
        for _ in range(5):
            assert daemon.post_intercom(payload) == 200
        daemon.tap("hello", user="700000002")
        sim.wait_sends(2)
        assert len(sim.sends()) == 2


@test
def test_restart_keeps_what_waits():
    with Sim() as sim, Daemon(sim) as daemon:
        sim.fault(status=503, times=-1, headers={"Retry-After": "3"})
        daemon.tap("track:ORD-9876")
        # Killed before the 503 is in the store, the daemon could not know whether the message went out.
        daemon.wait_metric('callbackd_sends_total{channel="shop",outcome="retry"}', 1)
        daemon.send_signal(signal.SIGKILL)
        daemon.process.wait()
        sim.control("DELETE", "faults")
        daemon.serve()
        sim.wait_sends(1)
        assert daemon.terminate() == 0


if __name__ == "__main__":
    main()
