#!/usr/bin/env python3
"""Lookups: what rules ask the shop, and whatever the shop answers."""

import signal

from harness import *

TOKEN = "shop-secret-7d1f"
SAMPLE = "{ id: ORD-1001, status: shipped, total: 4990, track_url: 'https://www.dhl.de/t/1', items: [ { title: Wool hat, qty: 1 } ] }"

RULES = """\
lookups:
  orders:
    url: '%(shop)s/api/customers/${customer}/orders'
    timeout: 30s
    headers: { Authorization: 'Bearer ${secret.SHOP_TOKEN}', X-Customer: '${customer}' }
    fields: { list.*.id: 'ORD-[0-9]{4,12}' }
    sample: { list: [ { id: ORD-1001, total: 4990 } ] }
  order:
    url: '%(shop)s/api/orders/${id}'
    timeout: %(timeout)s
    hosts: [ '*.dhl.de' ]
    sample: %(sample)s
  kept:
    url: '%(shop)s/api/orders/${id}'
    cache: 1h
    sample: %(sample)s
  hollow: { url: '%(shop)s/api/orders/${x}', sample: { status: shipped } }
  return:
    url: '%(shop)s/api/returns'
    method: POST
    timeout: %(timeout)s
    body: { order: '${id}', note: 'by "${source}"', quantity: 1, gift: false }
    sample: { number: RET-1 }
rules:
  - name: orders
    tap: 'orders:(?<customer>[^:]*)'
    dedup: 0s
    lookup: orders
    choose:
      - { when: { orders.list.count: '0' }, reply: { text: None yet. } }
      - reply:
          text: '${orders.list.count} orders'
          buttons:
            - { repeat: orders.list, as: o, max: 10, row: [ { text: '${o.id}, ${o.total|cents} €', callback_data: 'track:${o.id}' } ] }
    not_found: { reply: { text: No such customer. } }
    on_error: { reply: { text: The shop is down. } }
  - name: track
    tap: 'track:(?<id>.+)'
    dedup: 0s
    lookup: order
    reply:
      text: 'Order ${id} is ${order.status}.'
      buttons:
        - [ { text: Follow, url: '${order.track_url}' }, { text: Again, callback_data: 'track:${id}' } ]
    not_found: { reply: { text: 'No order ${id}.' } }
    on_error: { reply: { text: The shop is down. } }
  - { name: kept, tap: 'kept:(?<id>.+)', dedup: 0s, lookup: kept, reply: { text: '${kept.status}' }, on_error: { reply: { text: down } } }
  - name: bare
    tap: 'bare:(?<id>.+)'
    dedup: 0s
    lookup: order
    reply: { text: '${order.status}' }
  - name: both
    tap: 'both:(?<id>.+):(?<customer>.+)'
    do:
      - { lookup: order }
      - { reply: { text: 'it is ${order.status}' } }
      - { lookup: { name: orders, as: all } }
      - { reply: { text: 'of ${all.list.count}, ${order.status}' } }
    on_error: { reply: { text: down } }
  - name: missed
    tap: 'missed:(?<id>.+)'
    dedup: 0s
    lookup: order
    reply: { text: '${order.status}' }
    not_found: { do: [ { lookup: { name: kept, as: other } }, { reply: { text: '${other.status}' } } ] }
    on_error: { reply: { text: nothing at all } }
  - name: hollow
    tap: 'hollow(:(?<x>.+))?'
    dedup: 0s
    lookup: hollow
    reply: { text: '${hollow.status}' }
    not_found: { do: [ { lookup: { name: hollow, as: again } }, { reply: { text: '${again.status}' } } ] }
    on_error: { reply: { text: nothing to ask for } }
  - name: return
    tap: 'return:(?<id>.+)'
    dedup: 0s
    single_use: true
    lookup: return
    reply: { text: 'Booked: ${return.number}' }
    on_error: { reply: { text: not booked } }
    on_refused: { reply: { text: Booked before. } }
  - name: offer
    tap: 'offer:(?<id>.+)'
    dedup: 0s
    reply: { text: Sure?, buttons: [ [ { text: 'Yes', callback_data: 'return:${id}' } ] ] }
"""


def rules(sim, shop=None, timeout="30s"):
    return RULES % {"shop": shop or sim.url + "/shop", "sample": SAMPLE, "timeout": timeout}


def start(sim, shop=None, private=("127.0.0.1",), timeout="30s", **config):
    """A lookup is given up in `timeout`: what answers has all the time, and only tests of what does not have little."""
    config = {"secrets": {"SHOP_TOKEN": "env:SHOP_TOKEN"}, "private_hosts": list(private), **config}
    return Daemon(sim, rules(sim, shop, timeout), config=config, env={"SHOP_TOKEN": TOKEN})


def be_patient(sim, daemon):
    """From now on a lookup has all the time it needs."""
    before = daemon.metric("callbackd_reloads_total")
    daemon.write("rules.yaml", rules(sim))
    daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.metric("callbackd_reloads_total") == before + 1, "the reload")


@test
def test_the_answer_becomes_text_and_buttons():
    with Sim("--shop-token", TOKEN) as sim, start(sim) as daemon:
        assert taps(daemon, sim, "orders:77", "orders:78") == ["3 orders", "None yet."]
        rows = message(sim.sends()[0])["buttons"]
        assert [r[0]["text"] for r in rows] == ["ORD-1001, 49.90 €", "ORD-1002, 12.00 €", "ORD-1003, 0.05 €"], rows
        asked = sim.requests("/shop")
        assert [r["uri"] for r in asked] == ["/shop/api/customers/77/orders", "/shop/api/customers/78/orders"], asked
        # what is secret is neither stored nor logged
        for name in os.listdir(daemon.folder):
            with open(daemon.path(name), "rb") as file:
                assert TOKEN.encode() not in file.read(), name
        daemon.wait_metric('callbackd_lookups_total{lookup="orders",result="found"}', 2)


@test
def test_values_cannot_leave_their_place_in_the_url():
    with Sim() as sim, start(sim) as daemon:
        assert taps(daemon, sim, "track:../../x?a=b&c#d/e%2f") == ["No order ../../x?a=b&c#d/e%2f."]
        assert sim.requests("/shop")[0]["uri"] == "/shop/api/orders/..%2F..%2Fx%3Fa%3Db%26c%23d%2Fe%252f"


@test
def test_an_address_of_another_host_is_no_button():
    with Sim() as sim, start(sim) as daemon:
        taps(daemon, sim, "track:ORD-1001")
        assert [b["text"] for b in message(sim.sends()[0])["buttons"][0]] == ["Follow", "Again"]
        for url in ("https://dhl.de.example.com/t", "http://www.dhl.de/t", "https://www.dhl.de@example.com/", "javascript:1", 7):
            sim.control("PUT", "shop/orders/ORD-9999", {"status": "odd", "track_url": url})
            assert taps(daemon, sim, "track:ORD-9999") == ["Order ORD-9999 is odd."]
            assert [b["text"] for b in message(sim.sends()[-1])["buttons"][0]] == ["Again"], url
        # none at all is a hole in the message
        sim.control("PUT", "shop/orders/ORD-9999", {"status": "odd", "track_url": None})
        assert taps(daemon, sim, "track:ORD-9999") == ["The shop is down."]


@test
def test_nothing_found():
    with Sim() as sim, start(sim) as daemon:
        assert taps(daemon, sim, "track:ORD-4040", "orders:5") == ["No order ORD-4040.", "No such customer."]
        # without steps for it, it is an error
        assert taps(daemon, sim, "kept:ORD-4040") == ["down"]
        daemon.tap("<p>bare:ORD-4040</p>")
        assert "finds nothing" in runs(daemon, "failed")[0]["reason"]
        # and steps for it that find nothing either do not begin again
        assert taps(daemon, sim, "missed:ORD-4040") == ["nothing at all"]
        # a value of the address is missing: nobody is asked
        before = len(sim.requests("/shop"))
        assert taps(daemon, sim, "hollow", "hollow:ORD-1001") == ["nothing to ask for", "shipped"]
        assert len(sim.requests("/shop")) == before + 1


ODD = [
    ({"status": 500}, "status 500"),
    ({"status": 403, "body": {}}, "status 403"),
    ({"status": 302, "headers": {"Location": "/shop/api/orders/ORD-1002"}, "body": ""}, "status 302"),
    ({"status": 200, "html": True}, None),
    ({"status": 200, "body": ""}, None),
    ({"status": 204, "body": ""}, None),
    ({"status": 200, "body": "null"}, None),
    ({"status": 200, "body": "\"text\""}, None),
    ({"status": 200, "body": "{\"status\":NaN}"}, None),
    ({"status": 200, "body": "{\"status\":\"a\"} x"}, None),
    ({"status": 200, "body": "[" * 200 + "]" * 200}, None),
    ({"status": 200, "body": "{\"a\":" * 200 + "1" + "}" * 200}, None),
    ({"status": 200, "body": "{\"status\":\"" + "x" * 10_000_000 + "\"}"}, "larger than 128 KiB"),
    ({"close": "before"}, None),
    ({"close": "reset"}, None),
    ({"close": "mid"}, None),
]
LATE = [({"hang": True}, None), ({"hold": True}, None)]


@test
def test_whatever_the_shop_answers_the_customer_gets_an_answer():
    for odd, timeout in ((ODD, "30s"), (LATE, "500ms")):
        with Sim() as sim, start(sim, timeout=timeout) as daemon:
            for i, (fault, _) in enumerate(odd):
                sim.control("DELETE", "faults")
                sim.fault(path="/shop", times=-1, **fault)
                assert taps(daemon, sim, "track:ORD-1001") == ["The shop is down."], fault
                # a GET is asked once
                daemon.wait_metric('callbackd_lookups_total{lookup="order",result="failed"}', i + 1)
            reasons = [r["reason"] for r in sorted(runs(daemon, "done", len(odd)), key=lambda r: int(r["id"]))]
            for reason, (fault, expected) in zip(reasons, odd):
                assert reason.startswith("lookup order: ") and (expected or "") in reason, (reason, expected)
            sim.control("DELETE", "faults")
            be_patient(sim, daemon)
            sim.control("POST", "release")  # an answer that nobody waits for any more
            assert taps(daemon, sim, "track:ORD-1001") == ["Order ORD-1001 is shipped."]


@test
def test_an_answer_that_breaks_fields_is_none():
    with Sim() as sim, start(sim) as daemon:
        sim.control("PUT", "shop/customers/9", {"list": [{"id": "ORD-1001", "total": 1}, {"id": "<script>", "total": 1}]})
        assert taps(daemon, sim, "orders:9") == ["The shop is down."]
        assert "fields" in runs(daemon, "done")[0]["reason"]


@test
def test_without_on_error_the_run_fails_and_can_be_retried():
    with Sim() as sim, start(sim) as daemon:
        sim.fault(path="/shop", status=500)
        daemon.tap("<p>bare:ORD-1001</p>")
        failed = runs(daemon, "failed")
        assert "status 500" in failed[0]["reason"]
        code, out, err = daemon.run("queue", "retry", failed[0]["id"])
        assert code == 0, (out, err)
        assert texts(sim, 1) == ["shipped"]


@test
def test_an_answer_is_used_again_while_it_is_fresh():
    with Sim() as sim, start(sim) as daemon:
        assert taps(daemon, sim, "kept:ORD-1001", "kept:ORD-1001", "kept:ORD-1002", "kept:ORD-1001") == [
            "shipped", "shipped", "packed", "shipped"]
        assert taps(daemon, sim, "kept:ORD-1001", user="700000002") == ["shipped"]
        assert len(sim.requests("/shop")) == 2
        daemon.wait_metric('callbackd_lookups_total{lookup="kept",result="cached"}', 3)
        assert taps(daemon, sim, "bare:ORD-1001", "bare:ORD-1001") == ["shipped", "shipped"]
        assert len(sim.requests("/shop")) == 4


@test
def test_each_answer_stays_with_the_run():
    with Sim() as sim, start(sim) as daemon:
        sim.fault(path="/shop/api/customers", hang=True)
        daemon.tap("<p>both:ORD-1001:77</p>")
        assert texts(sim, 1) == ["it is shipped"]
        sim.wait_requests(1, "/shop/api/customers")
        daemon.kill()
        sim.control("PUT", "shop/orders/ORD-1001", {"status": "changed"})
        sim.control("DELETE", "faults")
        daemon.serve()
        # the first lookup and its message are not done again; the second one is asked again
        assert texts(sim, 2) == ["it is shipped", "of 3, shipped"]
        assert len(sim.requests("/shop/api/orders")) == 1
        assert len(sim.requests("/shop/api/customers")) == 2
        runs(daemon, "done")


# --- POST ------------------------------------------------------------------------------------------------------------------------

def returns(sim):
    return [r for r in sim.requests("/shop/api/returns") if r["method"] == "POST"]


def keys(sim):
    return [{k.lower(): v for k, v in r["headers"].items()}["idempotency-key"] for r in returns(sim)]


@test
def test_a_post_is_made_once_however_often_it_is_repeated():
    with Sim() as sim, start(sim) as daemon:
        sim.fault(path="/shop/api/returns", accept_then={"close": "reset"})
        assert taps(daemon, sim, "offer:ORD-1001", "return:ORD-1001")[1].startswith("Booked: RET-")
        assert returns(sim)[0]["body"] == {"order": "ORD-1001", "note": "by \"intercom\"", "quantity": 1, "gift": False}
        assert len(keys(sim)) == 2 and len(set(keys(sim))) == 1, keys(sim)
        assert len(sim.control("GET", "shop/returns")) == 1
        # another press of another message is another order
        assert taps(daemon, sim, "return:ORD-1001", "offer:ORD-1001", "return:ORD-1001")[0] == "Booked before."
        assert len(set(keys(sim))) == 2 and len(sim.control("GET", "shop/returns")) == 2


@test
def test_a_post_that_never_gets_an_answer_is_given_up_and_given_back():
    with Sim() as sim, start(sim, timeout="500ms") as daemon:
        sim.fault(path="/shop/api/returns", accept_then="hang", times=-1)
        assert taps(daemon, sim, "offer:ORD-1001", "return:ORD-1001") == ["Sure?", "not booked"]
        assert len(keys(sim)) == 3 and len(set(keys(sim))) == 1, keys(sim)
        sim.control("DELETE", "faults")
        be_patient(sim, daemon)
        assert taps(daemon, sim, "return:ORD-1001")[0].startswith("Booked: RET-")


@test
def test_a_post_that_is_refused_is_not_repeated():
    with Sim() as sim, start(sim) as daemon:
        sim.fault(path="/shop/api/returns", status=500)
        assert taps(daemon, sim, "offer:ORD-1001", "return:ORD-1001") == ["Sure?", "not booked"]
        assert len(keys(sim)) == 1


@test
def test_killed_while_a_post_is_under_way_it_is_repeated():
    with Sim() as sim, start(sim) as daemon:
        sim.fault(path="/shop/api/returns", accept_then="hang")
        assert taps(daemon, sim, "offer:ORD-1001") == ["Sure?"]
        daemon.tap("<p>return:ORD-1001</p>")
        sim.wait_requests(1, "/shop/api/returns")
        daemon.kill()
        daemon.serve()
        assert texts(sim, 2)[1].startswith("Booked: RET-")
        assert len(set(keys(sim))) == 1 and len(keys(sim)) >= 2
        assert len(sim.control("GET", "shop/returns")) == 1


# --- where they may go, and how many -------------------------------------------------------------------------------------------

@test
def test_only_public_addresses_unless_they_are_allowed():
    with Sim() as sim:
        port = sim.address[1]
        for host, private in (("127.0.0.1", []), ("localhost", []), ("localhost", ["127.0.0.1"]), ("[::ffff:127.0.0.1]", ["127.0.0.1"])):
            with start(sim, f"http://{host}:{port}/shop", private) as daemon:
                assert taps(daemon, sim, "track:ORD-1001") == ["The shop is down."]
                assert "private_hosts" in runs(daemon, "done")[0]["reason"]
        assert not sim.requests("/shop")
        with start(sim, f"http://localhost:{port}/shop", ["localhost"]) as daemon:
            assert taps(daemon, sim, "track:ORD-1001") == ["Order ORD-1001 is shipped."]


@test
def test_a_slow_shop_holds_up_nobody_else():
    with Sim() as sim, start(sim, limits={"lookups": 2}) as daemon:
        sim.fault(path="/shop/api/customers", hold=True, times=-1)
        for i in range(4):
            daemon.tap("<p>orders:77</p>", f"70000010{i}")
        sim.wait_requests(1, "/shop/api/customers")
        # another lookup has places of its own, and who asks nobody needs none
        assert taps(daemon, sim, "track:ORD-1001", "offer:1", user="700000200") == ["Order ORD-1001 is shipped.", "Sure?"]
        assert len(sim.requests("/shop/api/customers")) == 1  # of one name half of the places
        sim.control("DELETE", "faults")
        sim.release()
        assert texts(sim, 6)[2:] == ["3 orders"] * 4
        at = sorted(r["seq"] for r in sim.requests("/shop/api/customers"))
        assert len(at) == 4


@test
def test_lookups_take_no_connections_of_messages():
    """However few messages may be under way: each lookup that has a place has a connection, too."""
    with Sim() as sim, start(sim, limits={"sends": 2, "lookups": 16}) as daemon:
        sim.fault(path="/shop/api/customers", hang=True, times=-1)
        for i in range(8):
            daemon.tap("<p>orders:77</p>", f"70000010{i}")
        sim.wait_requests(8, "/shop/api/customers")
        daemon.tap("<p>offer:1</p>", "700000200")
        assert texts(sim, 1)[0] == "Sure?"


if __name__ == "__main__":
    main()
