#!/usr/bin/env python3
"""Worked flows: they load, `check` finds nothing wrong with them, their cases pass, and a misspelt button is found."""

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
    assert len(flows()) == 4, flows()
    for name in flows():
        with folder(name) as daemon:
            code, out, err = daemon.run("check", "--strict")
            assert code == 0 and ": warning:" not in out and ": error:" not in out, (name, out, err)


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


if __name__ == "__main__":
    main()
