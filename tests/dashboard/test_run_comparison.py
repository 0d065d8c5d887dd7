"""Test that two runs are compared as a whole: what differs is marked, what is equal is not, and a missing value is a dash."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from dashboard.components import run_comparison
from domain.message import Message
from scenarios.model import Check
from tests.histories import example
from tests.results import result_of

RESULT = result_of(example())


def rows_of(html: str) -> dict[str, tuple[list[str], bool]]:
    """Return the first cell of each row → the other cells' texts, and whether they are marked."""
    rows = {}
    for row in re.findall(r"<tr>(.*?)</tr>", html):
        cells = [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        rows[cells[0]] = (cells[1:], 'td class="warn"' in row)
    return rows


def test_two_equal_runs_differ_in_nothing() -> None:
    result = RESULT
    assert not any(is_marked for _cells, is_marked in rows_of(run_comparison.compare(result, result)).values())


@pytest.mark.parametrize(
    ("first_ms", "second_ms", "is_marked"), [(10.0, 12.0, False), (10.0, 13.0, True), (13.0, 10.0, True)]
)
def test_latencies_are_marked_when_one_is_a_quarter_more(first_ms: float, second_ms: float, is_marked: bool) -> None:
    first, second = (replace(RESULT, points=tuple((1.0, value) for _ in range(3))) for value in (first_ms, second_ms))
    rows = rows_of(run_comparison.compare(first, second))
    assert rows["p50 in ms"] == ([f"{first_ms:.1f}", f"{second_ms:.1f}"], is_marked)


def test_a_recovery_in_one_run_only_is_marked_and_the_other_is_a_dash() -> None:
    rows = rows_of(run_comparison.compare(replace(RESULT, recovery_s=2.5), RESULT))
    assert rows["recovery in s"] == (["2.50", "—"], True)


def test_lost_events_and_an_invariant_that_failed_are_marked_and_those_that_held_in_both_are_left_out() -> None:
    held = RESULT
    name = Message("check.backlog_gone")
    failed = replace(
        held,
        verdict="FAIL",
        counts=replace(held.counts, lost=3),
        checks=(*held.checks, Check.of(name, False)),
    )
    held = replace(held, checks=(*held.checks, Check.of(name, True)))
    rows = rows_of(run_comparison.compare(held, failed))
    assert rows["verdict"][0] == ["PASS", "FAIL"]
    assert rows["lost"] == (["0", "3"], True)
    outcomes = [cells for cells, _marked in rows.values() if cells == ["✓", "✕"]]
    assert len(outcomes) == 1
    assert ["✓", "✓"] not in [cells for cells, _marked in rows.values()]
