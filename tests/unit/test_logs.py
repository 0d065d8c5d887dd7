"""Test that the text of a message neither looks like another line of a log nor loses a line."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest

from telemetry.logs import TEXT, JsonLines, TextLines, one_line

HOSTILE = "e\n2026-01-01 00:00:00,000 INFO root: all is well\r\x1b[2K\u2028\x85\ud800"


def logged(formatter: logging.Formatter) -> str:
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        entry = logging.LogRecord("x", logging.WARNING, "x", 1, "event %s failed", (HOSTILE,), sys.exc_info())
    return formatter.format(entry)


def test_text_has_one_line_for_the_message_and_indents_the_rest() -> None:
    first, *rest = logged(TextLines(TEXT)).splitlines()
    assert "\\n2026-01-01" in first
    assert rest
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


def test_json_has_one_line() -> None:
    (line,) = logged(JsonLines("part")).split("\n")
    assert json.loads(line)["message"] == f"event {HOSTILE} failed"


@pytest.mark.parametrize("text", ["plain", "ü → 漢", ""])
def test_printable_text_is_unchanged(text: str) -> None:
    assert one_line(text) == text


def test_no_line_is_lost_on_a_stream_that_refuses_surrogates() -> None:
    assert one_line(HOSTILE).encode("utf-8")
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    stream.reconfigure(errors="backslashreplace")
    stream.write("\ud800")
