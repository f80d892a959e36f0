#!/usr/bin/env python3
"""README and the man pages against the program, as TAP. Run from the build folder.

Examples are marked. In README by the words behind the ``` of a block, in man pages by a line  .\\" example: WORDS
before the literal text:

  config, rules, source   what it is: a whole configuration, a whole rule file, sources of a configuration
  file=PATH               it is written there, in a folder of the document; exit=N: what check says of it, 0 without
  same=PATH               it must equal this file of the tree
  console                 command lines behind "$ ", with "< FILE" if need be, and what they print; "live": with a store that
                          holds a tap; "tree": in a copy of the tree, with its examples and rules
  remove                  files to remove again

A line "..." stands for any lines, "..." at a line's end for its rest. Ids and times may differ.
"""

import glob
import hashlib
import hmac
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

SRC = os.path.abspath(os.environ.get("srcdir", "."))
CALLBACKD = os.path.abspath(os.environ.get("CALLBACKD", "callbackd"))
SIM = os.path.abspath(os.environ.get("SIM", "tests/sim/callbackd-sim"))
PAGES = ["callbackd.8", "callbackd.yaml.5", "callbackd-rules.5"]

CONFIG = "channels: { shop: { key: env:KEY } }\nsecrets: { SHOP_TOKEN: env:SHOP_TOKEN }\nsources:\n"
SOURCE = "  - { name: any, kind: intercom, path: /any, secrets: [ env:SECRET ], channel: shop,\n" \
    "      token: env:TOKEN, admin_id: '814860' }\n"
RULES = "rules: [ { name: any, default: true, final: true, reply: { text: any } } ]\n"


def read(path):
    with open(os.path.join(SRC, path), encoding="utf-8") as file:
        return file.read()


def page(name):
    return read("contrib/man/" + name)


def write(folder, path, text):
    path = os.path.join(folder, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def copy_files(tree, folder):
    """Copies contents only: in a tarball's test the tree is read-only."""
    top = os.path.join(SRC, tree)
    for where, _, names in os.walk(top):
        for name in names:
            path = os.path.join(where, name)
            write(folder, os.path.relpath(path, top), read(path))


def run(folder, *words, given=""):
    done = subprocess.run([CALLBACKD, *words], cwd=folder, input=given, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", timeout=60)
    return done.returncode, done.stdout


# --- examples -----------------------------------------------------------------------------------------------------


class Example:
    def __init__(self, where, words, text):
        self.where, self.text = where, text
        self.kind = words[0] if words and "=" not in words[0] else ""
        self.live, self.tree = "live" in words, "tree" in words
        self.options = dict(word.split("=", 1) for word in words if "=" in word)


def readme_examples():
    found, inside = [], None
    for number, line in enumerate(read("README").splitlines(), 1):
        if not line.startswith("```"):
            if inside:
                inside.text += line + "\n"
        elif inside:
            found.append(inside)
            inside = None
        else:
            words = re.sub(r"^yaml |example=", "", line[3:]).split()
            inside = Example("README:%d" % number, words, "")
    return found


def page_examples(name):
    found = []
    pattern = r'^\.\\" example: (.*)\n\.Bd.*\n((?:.*\n)*?)\.Ed$'
    for match in re.finditer(pattern, page(name), re.M):
        text = match.group(2)
        text = re.sub(r"^\\&", "", text, flags=re.M).replace("\\e", "\\")
        number = page(name).count("\n", 0, match.start()) + 1
        found.append(Example("%s:%d" % (name, number), match.group(1).split(), text))
    return found


def place_files(text, folder):
    """The files that a configuration refers to, so that it can be checked."""
    listed = re.search(r"^rules: *\[(.*)\]", text, re.M)
    rules = listed.group(1).split(",") if listed else ["rules/"]
    for number, rule in enumerate(rule.strip() for rule in rules):
        path = os.path.join(rule, "any.yaml") if rule.endswith("/") else rule
        if not os.path.exists(os.path.join(folder, rule)):
            write(folder, path, RULES if number == 0 else "rules: []\n")


def check_alone(example):
    """One example in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        config = CONFIG + SOURCE
        if example.kind == "config":
            config = example.text
        elif example.kind == "source":
            config = CONFIG + example.text
        elif example.kind == "rules":
            write(folder, example.options.get("file", "rules/any.yaml"), example.text)
        write(folder, "callbackd.yaml", config)
        if example.kind != "rules":
            place_files(config, folder)
        wanted = int(example.options.get("exit", 0))
        strict = [] if wanted else ["--strict"]
        code, out = run(folder, "check", "-c", "callbackd.yaml", *strict)
        assert code == wanted, "%s: check exits %d:\n%s" % (example.where, code, out)


def normal(line):
    line = re.sub(r"\b\d{18,19}\b", "ID", line)
    line = re.sub(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME", line)
    return re.sub(r"\b(msg|req)_\w+", "ANSWER", line).rstrip()


def same_line(shown, real):
    if shown.endswith("..."):
        return normal(real).startswith(normal(shown[:-3]))
    return normal(shown) == normal(real)


def same_lines(shown, real):
    if not shown:
        return not real
    if shown[0].strip() == "...":
        return any(same_lines(shown[1:], real[i:]) for i in range(len(real) + 1))
    return bool(real) and same_line(shown[0], real[0]) and same_lines(shown[1:], real[1:])


def expanded(word, folder):
    """As the shell does it with file names."""
    if "*" not in word:
        return [word]
    found = sorted(os.path.relpath(path, folder) for path in glob.glob(os.path.join(folder, word)))
    return found or [word]


def run_in_tree(example):
    with tempfile.TemporaryDirectory() as folder:
        for tree in ("contrib/examples", "rules"):
            copy_files(tree, os.path.join(folder, tree))
        run_console(example, folder, {})


def run_console(example, folder, ids):
    commands = re.split(r"^\$ ", example.text, flags=re.M)[1:]
    assert commands, example.where + ": no command line"
    for command in commands:
        line, *shown = command.rstrip("\n").split("\n")
        words = [ids.get("notification", word) if re.fullmatch(r"\d{18,19}", word) else word
                 for part in shlex.split(line) for word in expanded(part, folder)]
        assert words[0] == "callbackd", "%s: %s" % (example.where, line)
        words, given = (words[:-2], lines_of(os.path.join(folder, words[-1]))) if "<" in words else (words, "")
        _, out = run(folder, *words[1:], given=given)
        real = out.rstrip("\n").split("\n") if out else []
        assert same_lines(shown, real), "%s: '%s' prints\n%s" % (example.where, line, out)


# --- a store in which one tap was answered ------------------------------------------------------------------------


def wait_for(what, condition):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited in vain for " + what)
        time.sleep(0.02)


def lines_of(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def make_secrets(text, folder):
    for path in re.findall(r"\bfile:([^\s,\]}]+)", text):
        write(folder, path, "secret\n")


def tap(data):
    author = {"type": "lead", "id": "66b0c0ffee0000000000a001"}
    part = {"type": "conversation_part", "id": "31700000077", "part_type": "comment", "body": data,
            "created_at": 1784015899, "author": author}
    item = {"type": "conversation", "id": "215470000000101",
            "contacts": {"contacts": [{"id": author["id"], "external_id": "123456789"}]},
            "conversation_parts": {"conversation_parts": [part]}}
    return json.dumps({"type": "notification_event", "app_id": "abcd1234", "id": "notif_1",
                       "topic": "conversation.user.replied", "data": {"item": item}})


def post_tap(address, body):
    signature = hmac.new(b"secret", body.encode(), hashlib.sha1).hexdigest()
    http_to = http.client.HTTPConnection(*address.rsplit(":", 1), timeout=60)
    http_to.request("POST", "/webhooks/intercom", body, {"X-Hub-Signature": "sha1=" + signature})
    status = http_to.getresponse().status
    http_to.close()
    assert status == 200, "the webhook is answered %d" % status


def live_config(folder, octopods):
    text = lines_of(os.path.join(folder, "callbackd.yaml"))
    text = re.sub(r"^(listen|admin): \S+", r"\1: 127.0.0.1:0", text, flags=re.M)
    text = re.sub(r"^( +)key: ", r"\1url: 'http://%s'\n\1key: " % octopods, text, flags=re.M)
    return text + "bound_file: bound\n"


def queue_ids(folder):
    code, out = run(folder, "queue", "-c", "callbackd.yaml", "list", "--all", "--format", "json")
    rows = [json.loads(line) for line in out.splitlines()] if code == 0 else []
    return {row["kind"]: str(row["id"]) for row in rows if row["state"] == "done"}


def make_store(folder):
    """Runs the document's configuration, with a simulated Octopods, until a tap is answered."""
    log = os.path.join(folder, "log")
    sim = subprocess.Popen([SIM, "--bound-file", os.path.join(folder, "sim"), "--key", "secret", "--quiet"])
    daemon = None
    try:
        wait_for("the simulator", lambda: lines_of(os.path.join(folder, "sim")))
        text = live_config(folder, lines_of(os.path.join(folder, "sim")).strip())
        write(folder, "callbackd.yaml", text)
        make_secrets(text, folder)
        with open(log, "w", encoding="utf-8") as file:
            daemon = subprocess.Popen([CALLBACKD, "serve", "-c", "callbackd.yaml"], cwd=folder, stderr=file)
        wait_for("callbackd", lambda: "intake " in lines_of(os.path.join(folder, "bound")))
        post_tap(lines_of(os.path.join(folder, "bound")).split()[1], tap("track:ORD-9876"))
        wait_for("the follow-up", lambda: "run" in queue_ids(folder))
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(60) == 0, "callbackd exits %d" % daemon.returncode
    except AssertionError as why:
        raise AssertionError("%s\n%s" % (why, lines_of(log))) from why
    finally:
        for process in (daemon, sim):
            if process and process.poll() is None:
                process.kill()
                process.wait()
    return queue_ids(folder)


# --- a document's examples, in their order ------------------------------------------------------------------------


def put_file(example, folder):
    path = example.options["file"]
    write(folder, path, example.text)
    if "callbackd.yaml" not in os.listdir(folder):
        write(folder, "callbackd.yaml", CONFIG + SOURCE)
    if "same" in example.options:
        assert example.text == read(example.options["same"]), "%s differs from %s" % (
            example.where, example.options["same"])
    if path == "callbackd.yaml":
        return
    wanted = int(example.options.get("exit", 0))
    code, out = run(folder, "check", "-c", "callbackd.yaml")
    assert code == wanted, "%s: check exits %d:\n%s" % (example.where, code, out)


def story(examples):
    ids = None
    with tempfile.TemporaryDirectory() as folder:
        for example in examples:
            if "file" in example.options:
                put_file(example, folder)
            elif example.kind == "remove":
                for path in example.text.split():
                    os.unlink(os.path.join(folder, path))
            elif example.tree:
                run_in_tree(example)
            elif example.kind == "console":
                if example.live and ids is None:
                    ids = make_store(folder)
                run_console(example, folder, ids or {})
            else:
                check_alone(example)


def test_readme_examples():
    examples = readme_examples()
    assert len(examples) >= 8, "README has lost examples"
    story(examples)


def page_story(name):
    examples = page_examples(name)
    assert len(examples) >= 3, name + " has lost examples"
    for example in examples:
        if example.kind != "console":
            check_alone(example)
    story(examples)


def test_callbackd_8_examples():
    page_story("callbackd.8")


def test_callbackd_yaml_5_examples():
    page_story("callbackd.yaml.5")


def test_callbackd_rules_5_examples():
    page_story("callbackd-rules.5")


def test_example_configurations():
    with tempfile.TemporaryDirectory() as folder:
        for tree in ("contrib/examples", "rules"):
            copy_files(tree, os.path.join(folder, tree))
        for name in ("callbackd.yaml", "flows.yaml"):
            code, out = run(folder, "check", "-c", "contrib/examples/" + name, "--strict")
            assert code == 0, out


# --- keys, metrics, states, subcommands ---------------------------------------------------------------------------


def schema_tables():
    tables, folder = {}, os.path.join(SRC, "src/core")
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".c"):
            continue
        text = read("src/core/" + name)
        for table, rows in re.findall(r"struct schema_key (\w+)\[\] = \{(.*?)\n\};", text, re.S):
            known = re.findall(r'\{\s*"(\w+)",\s*(\.later)?', rows)
            tables[table] = {key for key, later in known if not later}
    return tables


def described(text):
    """What each marked list of a page describes: the words behind .It Ic, of the list itself."""
    lists = {}
    for match in re.finditer(r'^\.\\" keys: (\w+)\n', text, re.M):
        depth, names = 0, lists.setdefault(match.group(1), [])
        for line in text[match.end():].split("\n"):
            depth += line.startswith(".Bl") - line.startswith(".El")
            if depth == 0:
                break
            if depth == 1 and line.startswith(".It Ic "):
                names += re.split(r"[\s,]+", line[7:].split(" Ns ")[0].strip())
    return lists


def compare(what, described_names, names):
    twice = sorted({name for name in described_names if described_names.count(name) > 1})
    missing, unknown = sorted(set(names) - set(described_names)), sorted(set(described_names) - set(names))
    assert not missing, "%s: not described: %s" % (what, ", ".join(missing))
    assert not unknown, "%s: described, but unknown: %s" % (what, ", ".join(unknown))
    assert not twice, "%s: described twice: %s" % (what, ", ".join(twice))


def test_keys():
    tables, lists = schema_tables(), {}
    assert len(tables) >= 15 and all(tables.values()), "the schema tables were not found in the sources"
    for name in PAGES:
        for table, names in described(page(name)).items():
            if table != "metrics":
                lists.setdefault(table, []).extend(names)
    compare("lists of keys", list(lists), tables)
    for table, names in lists.items():
        compare(table, names, tables[table])


def test_metrics():
    text = read("src/app/metrics.c")
    names = re.findall(r'\{\s*"(callbackd_\w+)",\s*(?:COUNTER|GAUGE|HISTOGRAM)', text)
    assert len(names) >= 10, "the metrics were not found in the source"
    compare("metrics", described(page("callbackd.8"))["metrics"], names)
    for name in set(re.findall(r"\bcallbackd_\w+", read("README"))):
        assert name in names, "README: there is no metric %s" % name


def states_section(title):
    section = re.search(r"^\.Ss %s\n(.*?)^\.S" % title, page("callbackd.8"), re.M | re.S).group(1)
    return re.findall(r"^\.It (\w+)$", section, re.M)


def test_states():
    text = read("src/store/store.c")
    for title, prefix in (("Notifications", "NOTIFICATION"), ("Entries", "ENTRY"), ("Runs", "RUN")):
        compare(title, states_section(title), re.findall(r'\[%s_\w+\] = "(\w+)"' % prefix, text))
    outcomes = re.findall(r'\[OUTCOME_\w+\] = "(\w+)"', read("src/core/outcome.c"))
    compare("outcomes", states_section("Outcomes of a send"), outcomes)


def test_subcommands():
    code, out = run(".", "--help")
    assert code == 0, out
    names = set(re.findall(r"^  callbackd (\w+) ", out, re.M))
    synopsis = re.search(r"^\.Sh SYNOPSIS\n(.*?)^\.Sh", page("callbackd.8"), re.M | re.S).group(1)
    compare("subcommands", re.findall(r"^\.Nm\n\.Cm (\w+)$", synopsis, re.M), names)


# --- the form of the pages ----------------------------------------------------------------------------------------


class Skip(Exception):
    pass


def test_pages_are_clean():
    if not shutil.which("mandoc"):
        raise Skip("mandoc is not installed (Debian: apt-get install mandoc)")
    pages = [os.path.join(SRC, "contrib/man", name) for name in PAGES]
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *pages], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8")
    assert done.returncode == 0, done.stdout


def test_readme_names_what_is_there():
    if not os.path.exists(os.path.join(SRC, ".git")):
        raise Skip("a tarball has not everything of the repository")
    named = set(re.findall(r"\b((?:contrib|src|tests|rules)/[\w./-]*)", read("README")))
    named -= {example.options.get("file") for example in readme_examples()}
    missing = [path for path in sorted(named) if not os.path.exists(os.path.join(SRC, path.rstrip(".")))]
    assert not missing, "README: there is no " + ", ".join(missing)


def main():
    tests = [(name, value) for name, value in globals().items() if name.startswith("test_")]
    print("1..%d" % len(tests))
    failed = 0
    for number, (name, test) in enumerate(tests, 1):
        title = name[5:].replace("_", " ")
        try:
            test()
            print("ok %d - %s" % (number, title))
        except Skip as why:
            print("ok %d - %s # SKIP %s" % (number, title, why))
        except Exception as why:  # pylint: disable=broad-except
            failed += 1
            print("not ok %d - %s" % (number, title))
            text = str(why) if isinstance(why, AssertionError) and str(why) else traceback.format_exc()
            print("# " + text.replace("\n", "\n# "))
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
