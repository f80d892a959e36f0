#!/usr/bin/env python3
"""Flows: they load, `check` finds nothing wrong with them, their cases pass, and a misspelt button is found. Those of
tests/flows stand alone; those that come with callbackd, in rules/, are one ruleset."""

import glob
import re

from harness import *

FLOWS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "flows")
REST = "rules:\n  - { name: rest, default: true, reply: { text: 'That button is too old.' }, final: true }\n"


def flow(name):
    with open(os.path.join(FLOWS, name)) as file:
        return file.read()


def folder(name, change=lambda text: text):
    """A daemon's folder with one flow; nothing is started. Flows without a default get one."""
    text = change(flow(name))
    daemon = Daemon(None, text, start=False, config={"secrets": {"SHOP_TOKEN": "env:SHOP_TOKEN"},
                                                     "rules": ["rules.yaml", "rest.yaml"]},
                    intercom={"token": "env:INTERCOM_TOKEN", "admin_id": "814860"})
    daemon.write("rest.yaml", REST if "default:" not in text else "rules: []\n")
    return daemon


def flows():
    return sorted(os.path.basename(f) for f in glob.glob(os.path.join(FLOWS, "*.yaml")) if not f.endswith(".test.yaml"))


@test
def test_check_finds_nothing_wrong():
    assert len(flows()) == 5, flows()
    for name in flows():
        with folder(name) as daemon:
            code, out, err = daemon.run("check", "--strict")
            assert code == 0 and ": warning:" not in out and ": error:" not in out, (name, out, err)


@test
def test_other_readers_of_yaml_take_them():
    """libyaml takes a plain text with a question mark inside of { } and [ ]; others, and the rule language's page, do not."""
    for name in glob.glob(os.path.join(FLOWS, "*.yaml")) + glob.glob(os.path.join(SHIPPED, "*.yaml")):
        with open(name) as file:
            lines = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"\\\\]|\\\\.)*\"", "''", file.read()).splitlines()
        for number, line in enumerate(lines, 1):
            assert not re.search(r"[{\[].*\?", line), f"{name}:{number}: quote the text with the question mark"


@test
def test_their_cases_pass():
    for name in flows():
        cases = name.replace(".yaml", ".test.yaml")
        if not os.path.exists(os.path.join(FLOWS, cases)):
            continue
        with folder(name) as daemon:
            code, out, err = daemon.run("test", os.path.join(FLOWS, cases))
            assert code == 0 and "not ok" not in out and "\nok 1 " in out, (name, out, err)


@test
def test_a_misspelt_button_is_found():
    for name, button in (("01-orders.yaml", "callback_data: human"), ("02-returns.yaml", "callback_data: return-no }"),
                         ("03-hours.yaml", "callback_data: address"), ("06-handover.yaml", "callback_data: menu")):
        def misspell(text):
            assert button in text, (name, button)
            return text.replace(button, re.sub(r"(callback_data: ..)", r"\1x", button), 1)
        with folder(name, misspell) as daemon:
            code, out, err = daemon.run("check")
            assert code in (1, 3) and "leads nowhere" in out, (name, out, err)


# --- rules/, which comes with callbackd ---------------------------------------------------------------------------------------

SHIPPED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "rules")


def shipped(change=None, text=None, sim=None):
    """A daemon's folder with a copy of rules/; nothing is started. `change` is the file whose text is another."""
    config = {"secrets": {"SHOP_TOKEN": "env:SHOP_TOKEN"}, "private_hosts": ["127.0.0.1"], "rules": ["shipped"]}
    daemon = Daemon(sim, "rules: []", start=False, config=config, env={"SHOP_TOKEN": "shop-token"},
                    intercom={"token": "env:INTERCOM_TOKEN", "admin_id": "814860"}, hubspot={"contact_properties": ["shop_id"]})
    os.mkdir(daemon.path("shipped"))
    for path in glob.glob(os.path.join(SHIPPED, "*.yaml")):
        name = os.path.basename(path)
        with open(path, encoding="utf-8") as file:
            known = text if name == change else file.read()
        daemon.write("shipped/" + name, known.replace("https://shop.example.com/api/", sim.url + "/shop/api/") if sim else known)
    return daemon


def shipped_flows():
    return sorted(os.path.basename(f) for f in glob.glob(os.path.join(SHIPPED, "*.yaml")) if not f.endswith(".test.yaml"))


@test
def test_shipped_flows_are_clean():
    assert shipped_flows() == ["10-orders.yaml", "20-returns.yaml", "30-hours.yaml", "40-handover.yaml", "50-menu.yaml"]
    with shipped() as daemon:
        code, out, err = daemon.run("check", "--strict")
        assert code == 0 and ": warning:" not in out and ": error:" not in out, (out, err)


# What only a helpdesk that refuses leads to, or time that passes within a run; no case can say so.
UNNOTICED = ["#   not noticed: " + what for what in ("rule 'confirm' without 'on_error'", "rule 'call' without 'on_error'",
                                                    "rule 'human' without 'on_error'", "rule 'human' without 'quiet'")]


@test
def test_shipped_cases_pass_and_notice_mistakes():
    with shipped() as daemon:
        cases = [daemon.path("shipped/" + name.replace(".yaml", ".test.yaml")) for name in shipped_flows()]
        code, out, err = daemon.run("test", *cases, "--mutate")
        assert code == 0 and "not ok" not in out and "\nok 40 " in out, (out, err)
        assert "not pressed:" not in out, out
        missed = [line.split(" (")[0] for line in out.splitlines() if "not noticed:" in line]
        assert missed == UNNOTICED, missed


def misspelt(name):
    """Each button of a flow, misspelt: its label's start, its place, and the file with it."""
    with open(os.path.join(SHIPPED, name), encoding="utf-8") as file:
        text = file.read()
    for found in re.finditer(r"callback_data: '?([a-z])", text):
        line, start = text.count("\n", 0, found.start()) + 1, text.rfind("\n", 0, found.start()) + 1
        yield f"{name}:{line}:{found.start(1) - start + 1}: error: button ", text[:found.end()] + "x" + text[found.end():]


@test
def test_each_misspelt_button_of_the_shipped_flows_is_found():
    for name in shipped_flows():
        buttons = list(misspelt(name))
        assert buttons, name
        for place, text in buttons:
            with shipped(name, text) as daemon:
                code, out, err = daemon.run("check")
                told = next((line for line in out.splitlines() if place in line), "")
                assert code in (1, 3) and told.endswith(" leads nowhere"), (place, out, err)


@test
def test_a_return_with_a_photo_in_the_real_daemon():
    with Sim("--shop-token", "shop-token") as sim, shipped(sim=sim) as daemon:
        sim.control("PUT", "intercom/contacts/66b0c0ff", {"custom_attributes": {"shop_id": 77}})
        daemon.serve()
        daemon.tap("<p>return:ORD-1001</p>")
        assert texts(sim, 1)[0] == "Why would you like to return ORD-1001?"
        daemon.tap("<p>why:ORD-1001:damaged</p>")
        assert texts(sim, 2)[1] == "Please send a photo of the damage here."
        daemon.tap("", attachments=[{"type": "upload", "name": "hat.jpg", "url": "https://files.example.com/hat",
                                     "content_type": "image/jpeg"}])
        assert texts(sim, 3)[2] == "Return of ORD-1001\nReason: damaged\nWith your photo.\nShall we book it?"
        daemon.tap("<p>book:ORD-1001:damaged</p>")
        assert texts(sim, 4)[3].startswith("Done: return RET-")
        assert list(sim.control("GET", "shop/returns").values()) == [
            {"customer": "77", "order": "ORD-1001", "reason": "damaged", "photo": "https://files.example.com/hat"}]


@test
def test_the_hand_over_in_hubspot():
    with Sim() as sim, shipped(sim=sim) as daemon:
        daemon.serve()
        sim.control("PUT", "hubspot/messages/9598272091/m1", hubspot_message("human"))
        assert daemon.post_hubspot([hubspot_event(9598272091, "m1")]) == 200
        assert texts(sim, 1)
        asked = [(r["method"], r["body"]) for r in sim.requests("/conversations") if r["method"] != "GET"]
        assert asked == [("POST", {"type": "COMMENT", "attachments": [],
                                   "text": "Asks for a person. Order last looked at: none. Language: en."})], asked


if __name__ == "__main__":
    main()
