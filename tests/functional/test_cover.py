#!/usr/bin/env python3
"""What test cases reach of the rules, and which mistakes they do not notice."""

from harness import *

RULES = """\
lookups:
  order: { url: 'https://shop.example.com/orders/${id}', sample: { status: shipped } }
rules:
  - name: start
    text: start
    entry: true
    reply:
      text: Hi.
      buttons:
        - [ { text: Track, callback_data: 'track:A1' }, { text: Once, callback_data: once, token: true } ]
  - name: track
    tap: 'track:(?<id>[A-Z][0-9])'
    lookup: order
    choose:
      - when: { order.status: lost }
        goto: lost
      - when: { order.status: shipped }
        reply: { text: 'It is on its way.' }
    set: { seen: '${id}' }
    not_found: { reply: { text: 'There is no such order.' } }
    on_error:
      - reply: { text: 'Please try later.' }
    final: true
  - name: lost
    choose:
      - { when: { id: 'A.' }, reply: { text: 'It is lost.' } }
      - { reply: { text: 'It is lost, too.' } }
    final: true
  - name: once
    tap: once
    single_use: true
    on_refused: { reply: { text: 'You had that.' } }
    inbox: { note: 'It is done.' }
    quiet: 1h
    reply: { text: 'Done.' }
    final: true
  - { name: rest, default: true, final: true, reply: { text: 'That button is too old.' } }
"""

# Cases, and the branch that no other of them takes.
CASES = {"{ name: a talk, steps: [ { text: start }, { press: Once, expect: { rule: once } }, { text: start, after: 2h }, { press: Track } ] }":
             "branch 2 of rule 'track' (rules.yaml:17)",
         "{ name: a, tap: 'track:A1', lookups: { order: { status: lost } } }": "branch 1 of rule 'lost' (rules.yaml:26)",
         "{ name: b, tap: 'track:B1', lookups: { order: { status: lost } } }": "branch 2 of rule 'lost' (rules.yaml:27)",
         "{ name: odd, tap: 'track:A1', lookups: { order: { status: odd } } }": "none of the branches of rule 'track' (rules.yaml:15)",
         "{ name: unknown, tap: 'track:A1', lookups: { order: not_found } }": "'not_found' of rule 'track' (rules.yaml:20)",
         "{ name: down, tap: 'track:A1', lookups: { order: error } }": "'on_error' of rule 'track' (rules.yaml:21)",
         "{ name: not sent, tap: once, expect: { refused: not_issued } }": "'on_refused' of rule 'once' (rules.yaml:32)"}


# Cases that look closely.
def case(name, step, reply, more=""):
    return f"{{ name: {name}, {step}, expect: {{ replies: [ {{ text: '{reply}' }} ]{more} }} }}"


CLOSE = [
    case("a", "tap: 'track:A1', lookups: { order: { status: lost } }", "It is lost."),
    case("b", "tap: 'track:B1', lookups: { order: { status: lost } }", "It is lost, too."),
    case("shipped", "tap: 'track:A1'", "It is on its way.", ", chat: { seen: A1 }"),
    "{ name: odd, tap: 'track:A1', lookups: { order: { status: odd } }, expect: { replies: [] } }",
    case("unknown", "tap: 'track:A1', lookups: { order: not_found }", "There is no such order."),
    case("down", "tap: 'track:A1', lookups: { order: error }", "Please try later."),
    case("not sent", "tap: once", "You had that.", ", refused: not_issued"),
    case("more than a letter", "tap: 'track:A1-'", "That button is too old."),
    "{ name: too much, text: starting, expect: { rule: none } }",
    case("too much again", "tap: once-more", "That button is too old."),
    """{ name: a talk, steps: [ { text: start }, { press: Once, expect: { rule: once, inbox: { note: 'It is done.' } } },
                               { text: start, expect: { rule: none } } ] }"""]


class Rules:
    """A folder with rules and cases; nothing is started."""

    def __init__(self, rules):
        self.daemon = Daemon(None, rules, start=False, intercom={"token": "env:INTERCOM_TOKEN", "admin_id": "814860"})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.daemon.__exit__(None, None, None)

    def test(self, cases, *words):
        """All pass; the lines that begin with #."""
        self.daemon.write("a.test.yaml", "".join(f"- {case}\n" for case in cases))
        code, out, err = self.daemon.run("test", *words, os.path.join(self.daemon.folder, "a.test.yaml"))
        assert code == 0 and err == "", (out, err)
        return [line for line in out.replace(self.daemon.folder + "/", "").splitlines() if line.startswith("# ")]


@test
def all_is_reached():
    with Rules(RULES) as rules:
        assert rules.test([*CASES, "{ name: old, tap: old }"]) == [
            "# rules: 5 of 5 reached (100 %)", "# buttons: 2 of 2 pressed (100 %)", "# branches: 8 of 8 taken (100 %)"]


@test
def each_branch_that_no_case_takes_is_named():
    with Rules(RULES) as rules:
        for left_out, branch in CASES.items():
            out = rules.test(case for case in CASES if case != left_out)
            assert [line for line in out if "not taken" in line] == ["#   not taken: " + branch], (left_out, out)
            assert "# branches: 7 of 8 taken (87 %)" in out, out


@test
def a_rule_that_only_a_goto_leads_to_is_reached():
    with Rules(RULES) as rules:
        out = rules.test(["{ name: a, tap: 'track:A1' }"])
        assert "#   not reached: rule 'lost' (rules.yaml:24)" in out, out
        assert "#   not pressed: 'Once' of rule 'start' (rules.yaml:10)" in out, out
        assert "# branches: 1 of 8 taken (12 %)" in out, out
        out = rules.test(["{ name: a, tap: 'track:A1', lookups: { order: { status: lost } } }"])
        assert not any("not reached: rule 'lost'" in line for line in out), out
        assert "#   not taken: branch 2 of rule 'lost' (rules.yaml:27)" in out, out


@test
def cases_that_look_closely_notice_each_mistake():
    with Rules(RULES) as rules:
        out = rules.test(CLOSE, "--mutate")
        assert "# branches: 8 of 8 taken (100 %)" in out and out[-1] == "# mutants: 18 of 18 noticed (100 %)", out


@test
def mistakes_that_no_case_notices_are_named():
    with Rules(RULES) as rules:
        out = rules.test([*CASES, "{ name: old, tap: old }"], "--mutate")
        for line in ["without 'not_found' (rules.yaml:20)", "without 'set' (rules.yaml:19)", "without branch 2 (rules.yaml:17)",
                     "with when order.status: '(?!(?:lost)$).*' (rules.yaml:15)"]:
            assert f"#   not noticed: rule 'track' {line}" in out, (line, out)
        for line in ["without 'inbox' (rules.yaml:33)", "without 'quiet' (rules.yaml:34)", "without 'on_refused' (rules.yaml:32)"]:
            assert f"#   not noticed: rule 'once' {line}" in out, (line, out)
        # a press that is refused, and what on_error sends after a failure, are noticed by cases that expect nothing of it
        assert not any("'single_use'" in line or "'on_error'" in line for line in out), out
        assert rules.test([*CASES, "{ name: old, tap: old }"], "--mutate") == out


if __name__ == "__main__":
    main()
