#!/usr/bin/env python3
"""Plants violations in a small tree and sees each lint find just that; as TAP."""

import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

GOOD = {
    "src/base/text.h": "#pragma once\n\n#include <stddef.h>\n\nsize_t text_n(const char *text);\n",
    "src/base/text.c": '#include "base/text.h"\n\n#include <string.h>\n\n/* strcpy() is not called here; "exit(1)" neither. */\n'
                       'size_t text_n(const char *text)\n{\n    return text == "time(0) atoi(0)" ? 0 : strlen(text);\n}\n',
    "src/core/rule.h": '#pragma once\n\n#include "base/text.h"\n\nstruct rule {\n    size_t n;\n    long (*time)(void);\n};\n',
    "src/core/rule.c": '#include "core/rule.h"\n\n#include <assert.h>\n\nstatic_assert(sizeof(struct rule) > 1, "");\n\n'
                       "long rule_time(const struct rule *rule);\n\nlong rule_time(const struct rule *rule)\n{\n"
                       "    return rule->time();\n}\n",
    "src/net/tls.c": "#include <event2/event.h>\n#include <openssl/ssl.h>\n",
    "src/main.c": '#include "config.h"\n\n#include <stdlib.h>\n\nint main(void)\n{\n    exit(0);\n}\n',
}


def function(lines):
    return "void core_long(void);\n\nvoid core_long(void)\n{\n" + "    ;\n" * lines + "}\n"


def code(body):
    return f"void core_x(void);\n\nvoid core_x(void)\n{{\n    {body};\n}}\n"


# What is planted: (lint, file, text, what must stand in a line of the answer; None: all is well)
CASES = [
    ("layers", "src/base/a.c", '#include "core/rule.h"\n', 'base may not include "core/rule.h"'),
    ("layers", "src/core/a.c", '#include "store/store.h"\n', 'core may not include "store/store.h"'),
    ("layers", "src/core/a.c", '#include "net/loop.h"\n', 'core may not include "net/loop.h"'),
    ("layers", "src/core/a.c", '  #  include   "app/mail.h" /* far up */\n', 'core may not include "app/mail.h"'),
    ("layers", "src/store/a.c", '#include "core/rule.h"\n', 'store may not include "core/rule.h"'),
    ("layers", "src/net/a.c", '#include "core/rule.h"\n', 'net may not include "core/rule.h"'),
    ("layers", "src/net/a.c", '#include "store/store.h"\n', 'net may not include "store/store.h"'),
    ("layers", "src/app/a.c", '#include "core/rule.h"\n#include "store/store.h"\n#include "net/loop.h"\n', None),
    ("layers", "src/app/a.c", '// #include <curl/curl.h>\n/*\n#include <yaml.h>\n*/\n', None),
    ("layers", "src/core/a.c", '#include "rule.h"\n', '"rule.h" does not spell its layer'),
    ("layers", "src/util/a.c", "", "src/util/a.c: a folder that is no layer"),
    ("layers", "src/app/a.c", "#include <event2/event.h>\n", "src/app/a.c:1: event2/event.h"),
    ("layers", "src/net/intake.c", "#include <curl/curl.h>\n", "src/net/intake.c:1: curl/curl.h"),
    ("layers", "src/net/xfer.c", "#include <curl/curl.h>\n", None),
    ("layers", "src/core/template.c", "#include <pcre2.h>\n", "src/core/template.c:1: pcre2.h"),
    ("layers", "src/app/a.c", "#include <yaml.h>\n", "src/app/a.c:1: yaml.h"),
    ("layers", "src/core/yaml.c", "#include <yaml.h>\n", None),
    ("layers", "src/store/store.c", "#include <sqlite3.h>\n", "src/store/store.c:1: sqlite3.h"),
    ("layers", "src/store/store_sqlite_run.c", "#include <sqlite3.h>\n", None),
    ("layers", "src/net/intake.c", "#include <openssl/ssl.h>\n", "src/net/intake.c:1: openssl/ssl.h"),
    ("layers", "src/store/a.c", "#include <json-c/json.h>\n", "src/store/a.c:1: json-c/json.h"),
    ("layers", "src/app/a.c", "#include <json-c/json.h>\n", None),
    ("layers", "src/core/a.c", "#include <unistd.h>\n", "src/core/a.c:1: unistd.h"),
    ("layers", "src/core/a.c", '#include "base/file.h"\n', "src/core/a.c:1: base/file.h"),
    ("layers", "src/core/a.c", code("now_wall_ms()"), "src/core/a.c:5: now_wall_ms()"),
    ("layers", "src/app/a.c", "#include <uv.h>\n", "<uv.h> belongs to no library"),
    ("layers", "tests/unit/test_a.c", '#include "core/rule.h"\n#include "net/loop.h"\n', "a unit test of several layers"),
    ("words", "src/core/a.c", code("strcpy(0, 0)"), "src/core/a.c:5: strcpy()"),
    ("words", "src/core/a.c", code('char x[9]; sprintf (x, "1")'), "sprintf()"),
    ("words", "src/core/a.c", code('snprintf(0, 0, "strtok(x)")'), None),
    ("words", "src/core/a.c", code("char *x = \"'\"; strtok(x, x)"), "strtok()"),
    ("words", "src/core/a.c", code("char x = '\"'; atoi(&x)"), "atoi()"),
    ("words", "tests/sim/a.c", code("system(0)"), "system()"),
    ("words", "src/core/a.c", code("long t = time(0)"), "time()"),
    ("words", "src/base/now.c", code("long t = time(0)"), None),
    ("words", "src/core/a.c", code("abort()"), "abort()"),
    ("words", "src/app/a.c", code("exit(1)"), "exit()"),
    ("words", "src/app/cmd_try.c", code("exit(2)"), None),
    ("words", "src/core/a.c", code("assert(1)"), "assert()"),
    ("words", "src/core/a.c", "/* TO" "DO: more */\n", "src/core/a.c:1: TO" "DO"),
    ("words", "src/core/a.c", "// FIX" "ME\n", "src/core/a.c:1: FIX" "ME"),
    ("words", "src/core/a.c", function(60), None),
    ("words", "src/core/a.c", function(61), "core_long() has 61 lines"),
    ("words", "src/core/a.c", "#define X(a) { a;\n" + function(61), "core_long() has 61 lines"),
    ("words", "src/core/a.c", "static const char *const x[] = {\n" + '    "a",\n' * 80 + "};\n", None),
    ("words", "src/core/a.c", "\n" * 700, None),
    ("words", "src/core/a.c", "\n" * 701, "src/core/a.c: 701 lines"),
    ("headers", "src/core/a.h", "struct a {\n    int a;\n};\n", "src/core/a.h: does not begin with #pragma once"),
    ("headers", "src/core/a.h", "/* a */\n#pragma once\n", None),
    ("headers", "src/core/a.h", "#pragma once\n\nsize_t a_n(void);\n", "size_t"),
    ("headers", "tests/sim/a.h", "#pragma once\n\nvoid a_n(struct b *b);\n", "struct b"),
    ("format", "src/core/a.c", "int  a ;\n", "src/core/a.c:1"),
    ("format", "tests/unit/a.c", "int a[] = { 1, 2 };\n", None),
]


def write(top, files):
    for name, text in files.items():
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def run(lint, top):
    environ = dict(os.environ, srcdir=top, LINT_CC=os.environ.get("LINT_CC", "cc") + " -Wall -Wextra")
    done = subprocess.run([sys.executable, os.path.join(HERE, lint)], env=environ, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def judge(lint, planted):
    """What is wrong with the lint's answer for a good tree with these files in it; empty if nothing."""
    wanted = planted.pop("wanted", None)
    with tempfile.TemporaryDirectory() as top:
        write(top, GOOD | planted)
        shutil.copy(os.path.join(TOP, ".clang-format"), top)
        status, answer = run(lint, top)
    failed = [line for line in answer.splitlines() if line.startswith("not ok")]
    if wanted is None:
        return answer if status or failed else ""
    named = any(line.startswith("#") and wanted in line for line in answer.splitlines())
    return "" if status == 1 and len(failed) == 1 and named else f"wanted: {wanted}\n{answer}"


def empty(lint):
    with tempfile.TemporaryDirectory() as top:
        status, answer = run(lint, top)
    return "" if status == 1 and "none were found" in answer else answer


def main():
    lints = ["layers", "words", "headers"] + (["format"] if shutil.which("clang-format") else [])
    points = [(f"{lint}: a good tree passes", judge(lint, {})) for lint in lints]
    points += [(f"{lint}: an empty tree does not", empty(lint)) for lint in lints]
    for lint, name, text, wanted in CASES:
        what = f"{lint}: {name}: {wanted or 'passes'}".replace("#", "")
        wrong = judge(lint, {name: text, "wanted": wanted}) if lint in lints else None
        points.append((what, wrong))
    print(f"1..{len(points)}")
    for number, (what, wrong) in enumerate(points, 1):
        skip = " # SKIP clang-format is not installed" if wrong is None else ""
        print(f"{'not ok' if wrong else 'ok'} {number} - {what}{skip}")
        if wrong:
            print("#   " + wrong.rstrip().replace("\n", "\n#   "))
    return 1 if any(wrong for _, wrong in points) else 0


sys.exit(main())
