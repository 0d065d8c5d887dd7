"""Test what the command line prints: one JSON value for programs, tables for people."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.output import format_time, print_json, say, table


@dataclass
class Row:
    amount: Decimal
    at: datetime


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Row(Decimal("12.50"), datetime(2026, 1, 2, 3, 4, 5)), {"amount": "12.50", "at": "2026-01-02T03:04:05Z"}),
        (Path("/a/b"), "/a/b"),
        (b"\xff{}", "\\xff{}"),
        ({"b", "a"}, ["a", "b"]),
        ("ñ", "ñ"),
    ],
)
def test_values_of_the_program_are_printed_as_json(
    value: Any, expected: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    print_json(value)
    assert json.loads(capsys.readouterr().out) == expected


def test_a_value_without_a_json_form_is_an_error_and_not_printed_somehow() -> None:
    with pytest.raises(TypeError, match="object cannot be written as JSON"):
        print_json(object())


def test_progress_goes_to_standard_error_so_that_json_stays_alone(capsys: pytest.CaptureFixture[str]) -> None:
    say("starting [red]")
    captured = capsys.readouterr()
    assert (captured.out, captured.err.strip()) == ("", "starting [red]")


def test_a_table_has_its_cells_and_an_empty_one_for_none(capsys: pytest.CaptureFixture[str]) -> None:
    table(("name", "value"), [("first", 1), ("second", None)])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["name", "value"], ["first", "1"], ["second"]]


def test_a_time_has_milliseconds() -> None:
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.125", format_time(1_700_000_000_125_999))
