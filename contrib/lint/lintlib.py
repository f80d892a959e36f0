"""What the lints share: reading C just well enough, and printing TAP.

Every lint runs from the build folder, finds the tree through the environment variable `srcdir` (default: the tree that it
lies in), prints one TAP point per rule with the offending places as comments, and exits 1 if a point failed.
"""

import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.environ.get("srcdir") or os.path.dirname(os.path.dirname(HERE))

TOKEN = re.compile(r"""
    (?P<comment> /\*.*?\*/ | //(?:\\\n|[^\n])* )
  | (?P<text> "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' )
""", re.VERBOSE | re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:<([^>\n]+)>|"([^"\n]+)")', re.MULTILINE)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


class Source:
    """A C file in three readings of the same shape, so that an offset means the same line in each."""

    def __init__(self, name, text):
        self.name, self.raw = name, text
        self.uncommented = TOKEN.sub(lambda m: blank(m[0]) if m["comment"] else m[0], text)
        self.code = DIRECTIVE.sub(lambda m: blank(m[0]), TOKEN.sub(lambda m: blank(m[0]), text))

    def line(self, offset):
        return self.raw.count("\n", 0, offset) + 1

    def place(self, offset):
        return f"{self.name}:{self.line(offset)}"

    def includes(self):
        """(place, name, angle brackets?) of each #include."""
        return [(self.place(m.start()), m[1] or m[2], bool(m[1])) for m in INCLUDE.finditer(self.uncommented)]

    def functions(self):
        """(name, offset of the body's brace, lines between the braces) of each function definition."""
        depth, start, found, begin = 0, 0, None, 0
        for m in re.finditer(r"[{};]", self.code):
            if m[0] == "{":
                if depth == 0:
                    found, begin = function_name(self.code[start:m.start()]), m.start()
                depth += 1
            elif m[0] == "}":
                depth -= 1
                if depth == 0 and found:
                    yield found, begin, self.line(m.start()) - self.line(begin) - 1
                    found = None
            if depth == 0:
                start = m.end()


def function_name(head):
    """The name, if what stands before a brace of the outermost level is the head of a function."""
    head = head.rstrip()
    if not head.endswith(")") or "=" in head:
        return None
    m = re.search(r"(\w+)\s*\(", head)
    return m[1] if m else None


def files(*folders, ends=(".c", ".h")):
    """Names below the top folder, sorted."""
    names = []
    for folder in folders:
        for where, below, here in os.walk(os.path.join(TOP, folder)):
            below[:] = [b for b in below if not b.startswith(".") and b != "__pycache__"]
            names += [os.path.relpath(os.path.join(where, n), TOP) for n in here if n.endswith(ends)]
    return sorted(names)


def read(name):
    with open(os.path.join(TOP, name), encoding="utf-8", errors="replace") as file:
        return file.read()


def sources(*folders, ends=(".c", ".h")):
    return [Source(name, read(name)) for name in files(*folders, ends=ends)]


def report(points):
    """Prints (what, findings) pairs as TAP; returns the exit status. A tree without files is a failure: a lint that
    reads nothing finds nothing."""
    points = list(points)
    if not files("src"):
        points.append((f"there are sources in {TOP}/src", ["none were found"]))
    print(f"1..{len(points)}")
    bad = 0
    for number, (what, findings) in enumerate(points, 1):
        bad += bool(findings)
        print(f"{'not ok' if findings else 'ok'} {number} - {what}")
        for finding in findings:
            print("#   " + finding.replace("\n", "\n#   "))
    sys.stdout.flush()
    return 1 if bad else 0
