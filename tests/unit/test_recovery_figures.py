"""The figures of a recovery, and its section of the document."""

from __future__ import annotations

from datetime import date

import pytest

from bench.recovery import BUDGETS_S, Recovery, Round
from bench.recovery_report import TITLES, list_rows, render

WORKER = Recovery(
    "worker",
    "notifications",
    "SIGKILL",
    [Round(None, 1.5, 1.6), Round(None, 9.0, 9.5), Round(None, 1.7, 1.9)],
    1.7,
    9.0,
    BUDGETS_S["worker"],
    lost=0,
    duplicate_notifications=0,
)
BROKER = Recovery("broker", "broker", "SIGKILL", [Round(4.2, 11.0, 12.0)], 11.0, 11.0, BUDGETS_S["broker"], 3, 1)


@pytest.mark.parametrize(("recovery", "within"), [(WORKER, True), (BROKER, False)])
def test_the_median_is_compared_with_the_budget(recovery: Recovery, within: bool) -> None:
    assert recovery.is_within is within


def test_a_row_has_the_medians_the_slowest_and_the_losses() -> None:
    worker, broker = list_rows([WORKER, BROKER])
    assert worker == ("notifications", "SIGKILL", "", 1.7, 9.0, 1.9, 2.0, "within", 0, 0)
    assert broker == ("broker", "SIGKILL", 4.2, 11.0, 11.0, 12.0, 10.0, "over", 3, 1)
    assert len(worker) == len(TITLES)


def test_the_section_says_when_where_and_how_it_was_measured() -> None:
    text = render({"native": [WORKER], "embedded": [BROKER]}, "2 cores", date(2026, 1, 31), "./alpes bench recovery")
    for words in ("2026-01-31", "2 cores", "`./alpes bench recovery`", "### Recovery of native", "| notifications |"):
        assert words in text
