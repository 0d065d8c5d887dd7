"""Render JSON as a tree that can be folded, with a button that copies the text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dashboard.components.markup import Html, copy_button, join, tag
from dashboard.i18n import _, number

OPEN_LEVELS = 3
"""Levels that are open at first; deeper ones are folded."""
MOST_LEVELS = 30
"""What is nested deeper is one line of text."""
MOST_CHARACTERS = 20_000
"""A longer text is shown as its beginning: a tree of it would make the page slow."""


def show_json(value: Any, label: str | None = None) -> Html:
    """Render a parsed JSON value, or a string that is no JSON, in a box that scrolls. `label` names it to screen readers."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    looks = {"tabindex": "0", "class_": "json", "role": "group", "aria_label": label or "JSON"}
    below: Html | str = ""
    if len(text) > MOST_CHARACTERS:
        below = tag("p", _("The first {n} characters.").format(n=number(MOST_CHARACTERS)), class_="soft")
    if below or isinstance(value, str):
        box = tag("pre", text[:MOST_CHARACTERS], **looks)
    else:
        box = tag("div", _node(value, 0), **looks)
    return tag("div", join([copy_button(text), box, below]), class_="copyable")


def _node(value: Any, level: int, name: Html | str = "", comma: str = "") -> Html:
    if isinstance(value, dict) and level < MOST_LEVELS:
        rows = [(_name(key), item) for key, item in value.items()]
        return _branch(rows, "{}", level, name, comma)
    if isinstance(value, list) and level < MOST_LEVELS:
        return _branch([("", item) for item in value], "[]", level, name, comma)
    kind = "text" if isinstance(value, str) else "number" if _is_number(value) else "word"
    literal = tag("span", json.dumps(value, ensure_ascii=False), class_=f"json-{kind}")
    return tag("div", join([name, literal, comma]))


def _branch(rows: Sequence[tuple[Html | str, Any]], brackets: str, level: int, name: Html | str, comma: str) -> Html:
    if not rows:
        return tag("div", join([name, brackets, comma]))
    last = len(rows) - 1
    inner = join(_node(item, level + 1, key, "" if place == last else ",") for place, (key, item) in enumerate(rows))
    folded = tag("span", f" … {number(len(rows))} {brackets[1]}{comma}", class_="json-folded")
    summary = tag("summary", join([name, brackets[0], folded]))
    end = tag("div", f"{brackets[1]}{comma}", class_="json-end")
    attributes = {"open": ""} if level < OPEN_LEVELS else {}
    return tag("details", join([summary, tag("div", inner, class_="json-inner"), end]), **attributes)


def _name(key: str) -> Html:
    return join([tag("span", json.dumps(key, ensure_ascii=False), class_="json-name"), ": "])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
