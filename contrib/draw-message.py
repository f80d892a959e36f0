#!/usr/bin/env python3
"""Draws Octopods messages in the terminal, as the customer would see them.

usage: draw-message.py [JSON...]        without arguments: JSON lines from standard input

A JSON text is a line that callbackd-sim recorded, or a request body, in either dialect. Lines that are no Telegram
messages are passed over.
"""

import json
import sys
import unicodedata

WIDTH = 60  # of the whole drawing, in columns
TEXT = WIDTH - 4  # inside a bubble
ZWJ, VS16, KEYCAP = "\u200d", "\ufe0f", "\u20e3"


# ---- how wide text is

def clusters(text):
    """Pieces that a terminal shows as one: a character with its marks, joined emoji, flags."""
    out, flag = [], False
    for c in text:
        regional = 0x1F1E6 <= ord(c) <= 0x1F1FF
        mark = unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me", "Cf") or 0x1F3FB <= ord(c) <= 0x1F3FF
        if out and (mark or out[-1].endswith(ZWJ) or (regional and flag)):
            out[-1] += c
            flag = False
        else:
            out.append(c)
            flag = regional
    return out


def cluster_width(cluster):
    first = cluster[0]
    if unicodedata.category(first) in ("Mn", "Me", "Cf"):
        return 0
    if unicodedata.east_asian_width(first) in "WF" or VS16 in cluster or KEYCAP in cluster:
        return 2
    return 2 if 0x1F1E6 <= ord(first) <= 0x1F1FF and len(cluster) > 1 else 1


def width(text):
    return sum(map(cluster_width, clusters(text)))


def clean(text):
    """Without what would disturb the terminal."""
    text = str(text).replace("\r\n", "\n").replace("\t", "    ")
    return "".join(c if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs") else "\ufffd" for c in text)


def take(text, columns):
    """The longest head of the text that fits (one piece at least), and the rest."""
    used, parts = 0, clusters(text)
    for i, part in enumerate(parts):
        used += cluster_width(part)
        if used > columns and i:
            return "".join(parts[:i]), "".join(parts[i:])
    return text, ""


def wrap(text, columns):
    lines = []
    for paragraph in clean(text).split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = line + " " + word if line else word
            if width(longer) <= columns:
                line = longer
                continue
            if line:
                lines.append(line)
            line = word
            while width(line) > columns:
                head, line = take(line, columns)
                lines.append(head)
        lines.append(line)
    return lines


def pad(text, columns, middle=False):
    room = max(0, columns - width(text))
    left = room // 2 if middle else 0
    return " " * left + text + " " * (room - left)


# ---- boxes

ROUND, SQUARE, KEY = "╭─╮│╰╯", "┌─┐│└┘", "┏━┓┃┗┛"


def box(lines, columns, style, middle=False):
    """Lines of a box that is `columns` wide with its frame."""
    a, top, b, side, c, d = style
    inner = columns - 4
    return ([a + top * (columns - 2) + b]
            + [f"{side} {pad(line, inner, middle)} {side}" for line in lines]
            + [c + top * (columns - 2) + d])


def row_widths(labels, total):
    """Equal shares of the row, as Telegram gives them; the first ones take what is left over."""
    share, over = divmod(total - (len(labels) - 1), len(labels))
    return [share + (i < over) for i in range(len(labels))]


def row(labels, total, style):
    """Buttons side by side, all as high as the highest; several lines of them when the share would be too narrow."""
    most = max(1, (total + 1) // (min(8, max(map(width, labels))) + 5))
    if len(labels) > most:
        return row(labels[:most], total, style) + row(labels[most:], total, style)
    widths = row_widths(labels, total)
    texts = [wrap(label, w - 4) for label, w in zip(labels, widths)]
    high = max(map(len, texts))
    boxes = [box(t + [""] * (high - len(t)), w, style, True) for t, w in zip(texts, widths)]
    return [" ".join(parts) for parts in zip(*boxes)]


# ---- messages

def button_label(button):
    if not isinstance(button, dict):
        return clean(button)
    label = clean(button.get("text", "")).replace("\n", " ")
    if "url" in button:
        return label + " ↗"
    return label + " @" if "switch_inline_query_current_chat" in button else label


def rows_of(rows):
    return [[button_label(b) for b in r] for r in rows if isinstance(r, list) and r] if isinstance(rows, list) else []


def share_of(rows):
    """Columns that the rows would like to have."""
    return max((len(r) * (max(map(width, r)) + 5) - 1 for r in rows), default=0)


def draw(message, user=""):
    markup = message.get("reply_markup")
    markup = markup if isinstance(markup, dict) else {}
    buttons = rows_of(message.get("buttons", markup.get("inline_keyboard")))
    keys = rows_of(message.get("keyboard", markup.get("keyboard")))
    text = wrap(message.get("text", ""), TEXT)
    total = min(WIDTH, max(24, max(map(width, text)) + 4, share_of(buttons), share_of(keys)))
    lines = [f"  to {clean(user)}"] if user else []
    if message.get("type") == "highlight_reply":
        text = ["▎ reply to this message"] + text
        total = max(total, 28)
    lines += box(text, total, ROUND)
    for labels in buttons:
        lines += row(labels, total, SQUARE)
    if keys:
        lines.append("┄" * total)
        for labels in keys:
            lines += row(labels, total, KEY)
        notes = [n.replace("_", " ") for n in ("resize_keyboard", "one_time_keyboard", "is_persistent")
                 if message.get(n, markup.get(n))]
        lines += ["  keyboard: " + ", ".join(notes)] if notes else []
    if message.get("type") == "remove_reply_keyboard":
        lines.append("  (keyboard taken away)")
    return "\n".join(lines)


def find(document):
    """The message and its user, from a recorded line or a request body; (None, "") if there is none."""
    body = document.get("body", document) if isinstance(document, dict) else None
    message = body.get("telegram_interactive_message") if isinstance(body, dict) else None
    if isinstance(message, str):
        message = json.loads(message)
    if not isinstance(message, dict):
        return None, ""
    return message, body.get("destination_user_id", "")


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    failed = False
    for line in sys.argv[1:] or sys.stdin:
        if not line.strip():
            continue
        try:
            message, user = find(json.loads(line))
        except ValueError as error:
            print(f"draw-message.py: no JSON: {error}", file=sys.stderr)
            failed = True
            continue
        if message is not None:
            print(draw(message, user), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    sys.stdout.reconfigure(encoding="utf-8")
    sys.exit(main())
