"""Test the repair on the live page: the button asks before it acts, and the page says what came of it."""

from __future__ import annotations

import threading

import pytest

from dashboard import resources
from dashboard.components import repair_panel
from dashboard.screens import live
from dashboard.view_models import operations
from domain.errors import ExpectedError
from domain.message import Message
from scenarios.repair import Repaired
from scenarios.waiting import until
from settings import Settings
from tests.dashboard.controls_walk import drawn
from tests.dashboard.finding import button

pytestmark = pytest.mark.usefixtures("english")

NOTHING = Repaired(0, 0, 0, {}, 0, True, 1.0)


def wait_for_its_end() -> None:
    until(lambda: not resources.actions().running(repair_panel.KIND), 20, "the repair")


@pytest.mark.parametrize(
    ("repaired", "words"),
    [
        (NOTHING, "no event is missing"),
        (Repaired(3, 3, 0, {}, 0, True, 1.0), "3 of them and 0 others were published again. All sources agree"),
        (
            Repaired(3, 2, 1, {7: "too long"}, 0, False, 1.0),
            "2 of them and 1 others were published again. The sources still",
        ),
    ],
)
def test_the_button_asks_first_and_the_page_says_what_was_published(
    served: Settings, shown: dict[str, str], monkeypatch: pytest.MonkeyPatch, repaired: Repaired, words: str
) -> None:
    begun: list[Settings] = []

    def repair(settings: Settings) -> Repaired:
        begun.append(settings)
        return repaired

    monkeypatch.setattr(operations, "repair", repair)
    button(drawn(live.PAGE.path), "repair-now").click().run()
    wait_for_its_end()
    drawn(live.PAGE.path)
    assert len(begun) == 1
    assert words in shown["repair_outcome"]
    assert ("outage" in shown["repair_outcome"]) is (not repaired.ok)


def test_while_it_runs_the_page_says_so_and_a_second_one_does_not_begin(
    served: Settings, shown: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, begun = threading.Event(), []

    def repair(_settings: Settings) -> Repaired:
        begun.append(1)
        go_on.wait(30)
        return NOTHING

    monkeypatch.setattr(operations, "repair", repair)
    before = repair_panel.version()
    try:
        for _ in range(2):
            button(drawn(live.PAGE.path), "repair-now").click().run()
        assert "waiting until no more events arrive" in shown["repair_outcome"]
        assert repair_panel.version() != before
    finally:
        go_on.set()
        wait_for_its_end()
    assert begun == [1]


def test_a_repair_that_fails_says_why(served: Settings, shown: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def repair(_settings: Settings) -> Repaired:
        raise ExpectedError(Message("health.held_down", s=7))

    monkeypatch.setattr(operations, "repair", repair)
    button(drawn(live.PAGE.path), "repair-now").click().run()
    wait_for_its_end()
    drawn(live.PAGE.path)
    assert "7 s" in shown["repair_outcome"]
    assert "outage" in shown["repair_outcome"]
