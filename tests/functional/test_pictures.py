#!/usr/bin/env python3
"""The pictures that `callbackd graph` draws of large flows: what is in them, and that nothing lies over anything else."""

import glob
import re
import unicodedata
import xml.etree.ElementTree

from harness import *

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
SVG = "{http://www.w3.org/2000/svg}"
LETTERS = {"10.5": 6.33, "12": 7.23, "13": 7.83}  # widths in DejaVu Sans Mono, by size


def read(name):
    with open(os.path.join(TOP, name), encoding="utf-8") as file:
        return file.read()


def draw(rules, form="svg"):
    with Daemon(None, rules, start=False, config={"secrets": {"SHOP_TOKEN": "env:SHOP_TOKEN"}},
                intercom={"token": "env:INTERCOM_TOKEN", "admin_id": "814860"}) as daemon:
        code, out, err = daemon.run("graph", "--format", form)
        assert code == 0 and err == "", (code, err)
        return out


def flows():
    names = sorted(glob.glob(os.path.join(TOP, "flows", "*.yaml")))
    return ["pictures/thirty.yaml", *(name for name in names if not name.endswith(".test.yaml"))]


def misspelt(rules):
    for before, after in [("'cancel-yes:${id}'", "'cancl-yes:${id}'"), ("callback_data: newsletter }", "callback_data: newsleter }")]:
        assert before in rules
        rules = rules.replace(before, after)
    return rules


# --- geometry --------------------------------------------------------------------------------------------------------------


def numbers(element, *names):
    return [float(element.get(name)) for name in names]


def columns(text):
    return sum(0 if unicodedata.combining(c) or c in "\u200d\ufe0f" else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)


def curve(points, n=24):
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points
    for i in range(n + 1):
        t = i / n
        s = 1 - t
        yield (s**3 * x0 + 3 * s * s * t * x1 + 3 * s * t * t * x2 + t**3 * x3,
               s**3 * y0 + 3 * s * s * t * y1 + 3 * s * t * t * y2 + t**3 * y3)


def along(path):
    """Points on a line made of M, C and H."""
    at = None
    for letter, rest in re.findall(r"([MCH])([^MCH]*)", path):
        v = [float(n) for n in rest.split()]
        if letter == "M":
            at = (v[0], v[1])
        elif letter == "C":
            yield from curve([at, (v[0], v[1]), (v[2], v[3]), (v[4], v[5])])
            at = (v[4], v[5])
        else:
            yield from curve([at, at, (v[0], at[1]), (v[0], at[1])])
            at = (v[0], at[1])


class Picture:
    def __init__(self, svg):
        root = xml.etree.ElementTree.fromstring(svg)
        self.width, self.height = numbers(root, "width", "height")
        self.boxes = [numbers(r, "x", "y", "width", "height") for r in root.iter(SVG + "rect") if r.get("stroke")]
        self.lines = [p for p in root.iter(SVG + "path") if p.get("stroke")]
        self.texts = []
        for text in root.iter(SVG + "text"):
            (x, y), size = numbers(text, "x", "y"), text.get("font-size", "12")
            wide = columns(text.text or "") * LETTERS[size]
            self.texts.append((x - wide if text.get("text-anchor") == "end" else x, y, wide, text.text or "", text))

    def box_of(self, x, y):
        return next((box for box in self.boxes if box[0] <= x <= box[0] + box[2] and box[1] <= y <= box[1] + box[3]), None)


def check_boxes(picture):
    for i, (x, y, w, h) in enumerate(picture.boxes):
        assert x >= 0 and y >= 0 and x + w <= picture.width and y + h <= picture.height
        for x2, y2, w2, h2 in picture.boxes[:i]:
            assert x >= x2 + w2 + 20 or x2 >= x + w + 20 or y >= y2 + h2 + 20 or y2 >= y + h + 20, (x, y, x2, y2)


def check_texts(picture):
    rows = {}
    for x, y, wide, words, _ in picture.texts:
        box = picture.box_of(x, y)
        if not box:  # the legend
            assert y > max(y + h for _, y, _, h in picture.boxes) and x + wide <= picture.width, words
            continue
        assert x >= box[0] + 5 and x + wide <= box[0] + box[2] - 5, (words, x, wide, box)
        assert box[1] + 10 <= y <= box[1] + box[3] - 4, (words, y, box)
        rows.setdefault((box[0], y), []).append((x, wide, words))
    for (_, y), row in rows.items():
        row.sort()
        for left, right in zip(row, row[1:]):
            assert left[0] + left[1] + 8 <= right[0], (y, left, right)


def check_lines(picture):
    for line in picture.lines:
        for x, y in along(line.get("d")):
            assert 0 <= x <= picture.width and 0 <= y <= picture.height, (x, y)
            for bx, by, w, h in picture.boxes:
                assert not (bx + 2 < x < bx + w - 2 and by + 2 < y < by + h - 2), (line.get("d"), x, y)


@test
def nothing_lies_over_anything_else():
    for name in flows():
        for change in (str, misspelt) if "thirty" in name else (str,):
            picture = Picture(draw(change(read(name))))
            assert len(picture.boxes) == read(name).count("- name:") + read(name).count("- { name:"), name
            check_boxes(picture)
            check_texts(picture)
            check_lines(picture)


# --- what is in them -------------------------------------------------------------------------------------------------------


def dot_edges(out):
    return sorted(re.findall(r'^  "([^"]+)" -> "([^"]+)" \[label="((?:[^"\\]|\\.)*)"', out, re.M))


def mermaid_edges(out):
    names = {"nowhere": " nowhere", **dict(re.findall(r'^  (r[0-9]+)\["([a-z0-9-]+)', out, re.M))}
    return sorted((names[a], names[b], label) for a, label, b in
                  re.findall(r'^  (r[0-9]+) (?:-->|-\.->|==>)\|"([^"]*)"\| (\w+)', out, re.M))


@test
def all_forms_have_the_same_lines():
    for name in flows():
        rules = read(name)
        dot, mermaid, svg = (draw(rules, form) for form in ("dot", "mermaid", "svg"))
        edges = dot_edges(dot)
        assert len(edges) >= 3 and edges == mermaid_edges(mermaid), name
        assert dot.count("style=dotted") == mermaid.count("==>") == svg.count('stroke-dasharray="1 4"') == rules.count("goto: "), name
        assert dot.count("style=dashed") == mermaid.count("-.->") == svg.count('stroke-dasharray="5 4"'), name


@test
def thirty_rules():
    rules = read("pictures/thirty.yaml")
    out = draw(rules, "dot")
    edges = dot_edges(out)
    for edge in [("orders", "order", "${o.id}"), ("reason", "book", "Book it"), ("damaged", "book", "Yes, book it"),
                 ("cancel-yes", "human", "goto (on error)"), ("order", "orders", "My orders (not found)"),
                 ("invoice", "menu", "Menu (on error)"), ("faq", "payment", "Payment"), ("back", "menu", "goto")]:
        assert edge in edges, edge
    assert ("faq", "photo", "Payment") not in edges and not any(to == " nowhere" for _, to, _ in edges), edges
    for words in [r'"cancel-yes" [label="cancel-yes\ntap\nasks cancelling\non error: notes, tags\nrefused"',
                  r'"human" [label="human\ntap, text\nhands over, notes, tags; quiet for 12h"', r'"back" [label="back\ntap\nends quiet"']:
        assert words in out, words
    assert "#c62828" not in out and "#a0a0a0" not in out, out


@test
def findings_are_red_and_what_is_not_reached_is_grey():
    rules = misspelt(read("pictures/thirty.yaml"))
    out = draw(rules, "dot")
    red = re.findall(r'^  "([a-z-]+)" \[.*color="#c62828"', out, re.M)
    grey = re.findall(r'^  "([a-z-]+)" \[.*fontcolor="#808080"', out, re.M)
    assert sorted(red) == ["account", "cancel", "cancel-yes", "newsletter"] and sorted(grey) == ["cancel-yes", "newsletter"], (red, grey)
    lost = '"cancel" -> "too-old" [label="Yes, cancel it", style=dashed, color="#c62828"];'
    assert lost in out and out.count('color="#c62828"];') == 2, out
    out = draw(rules, "mermaid")
    assert re.findall(r'\["([a-z-]+)<.*:::flawed', out) == ["cancel", "account"], out
    assert re.findall(r'\["([a-z-]+)<.*:::astray', out) == ["cancel-yes", "newsletter"], out
    assert re.search(r"^  linkStyle [0-9]+,[0-9]+ stroke:#c62828$", out, re.M), out
    texts = [(t[3], t[4].get("fill")) for t in Picture(draw(rules)).texts]
    for words, red in [("Yes, cancel it", True), ("Newsletter", True), ("No", False), ("Language", False)]:
        assert (words, "#c62828" if red else "#1c2833") in texts, words
    assert ("tap (nothing leads here)", "#8a8a8a") in texts, texts


if __name__ == "__main__":
    main()
