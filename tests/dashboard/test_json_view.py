"""JSON as a tree: nothing is lost, everything is escaped, and hostile shapes are drawn too."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.components.json_view import MOST_CHARACTERS, show_json

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def read_back(html: str) -> Any:
    """Return what a reader sees when everything is unfolded."""
    unfolded = re.sub(r'<span class="json-folded">.*?</span>', "", html)
    inside = unfolded.partition(' class="json"')[2].partition(">")[2]
    return json.loads(unescape(re.sub(r"<[^>]*>", "", inside)))


def read_copied(html: str) -> str:
    match = re.search(r'data-copy="([^"]*)"', html)
    assert match is not None
    return unescape(match[1])


@given(values.filter(lambda value: not isinstance(value, str)))
def test_the_tree_and_the_copy_hold_the_whole_value(value: Any) -> None:
    html = show_json(value)
    assert read_back(html) == value
    assert json.loads(read_copied(html)) == value


@given(st.text())
def test_a_text_that_is_no_json_is_shown_as_it_is(text: str) -> None:
    assert read_copied(show_json(text)) == text


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</pre>&amp;"])
def test_everything_is_escaped(hostile: str) -> None:
    for value in (hostile, {hostile: hostile}, [hostile]):
        assert "<script" not in show_json(value)
        assert "<img" not in show_json(value)


def test_deep_and_long_values_are_drawn_too() -> None:
    deep: Any = "end"
    for _ in range(200):
        deep = {"in": [deep]}
    assert json.loads(read_copied(show_json(deep))) == deep
    long = ["x" * 100] * 1000
    assert len(show_json(long)) < 10 * MOST_CHARACTERS
    assert "The first 20,000 characters." in show_json(long)
