"""Test the column types that read rows of other programs: they return something usable for every value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db import foreign

READERS = (foreign.ForeignString, foreign.ForeignInteger, foreign.ForeignInstant, foreign.ForeignDocument)
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (foreign.to_text, b"\xff", "0xff"),
        (foreign.to_text, 7, "7"),
        (foreign.to_text, None, None),
        (foreign.ForeignInteger.read, "7", foreign.UNREADABLE_INTEGER),
        (foreign.ForeignInteger.read, True, foreign.UNREADABLE_INTEGER),
        (foreign.ForeignInteger.read, 7, 7),
        (foreign.ForeignInstant.read, "2026-01-02T05:00:00+02:00", datetime(2026, 1, 2, 3)),
        (foreign.ForeignInstant.read, "yesterday", foreign.UNREADABLE_TIME),
        (foreign.ForeignInstant.read, None, None),
        (foreign.ForeignDocument.read, '{"a": 1}', {"a": 1}),
        (foreign.ForeignDocument.read, "[1]", {"unreadable": "[1]"}),
        (foreign.ForeignDocument.read, b"\xff", {"unreadable": "0xff"}),
        (foreign.ForeignDocument.read, "[" * 100_000, {"unreadable": "[" * 200}),
    ],
)
def test_a_value_is_read_as_what_can_be_shown(read: Callable[[Any], Any], value: Any, expected: Any) -> None:
    assert read(value) == expected


@pytest.mark.parametrize("reader", READERS)
@given(VALUES)
def test_no_value_raises(reader: Any, value: Any) -> None:
    kinds = {
        foreign.ForeignString: (str,),
        foreign.ForeignInteger: (int,),
        foreign.ForeignInstant: (datetime,),
        foreign.ForeignDocument: (dict,),
    }
    read = reader.read(value)
    assert read is None or isinstance(read, kinds[reader])
