"""Test step mode on the page: how many events wait where, which passes next, and what happens meanwhile elsewhere."""

from __future__ import annotations

import pytest
import streamlit as st

from application.breakpoints import Held
from dashboard.components import step_panel
from scenarios import journal
from settings import Settings
from stacks import stepping
from stacks.stepping import NotHeld

pytestmark = pytest.mark.usefixtures("english")

CAPTURE = Held("capture", "relay", 3, "11111111-2222")
IDLE = Held("acknowledgement", "notifications-1", 0, "")


def test_the_event_that_passes_next_is_named_with_its_state() -> None:
    deliveries = [Held("delivery", f"notifications-{number}", number, f"aaaaaaaa-{number:08}") for number in (1, 2)]
    html = str(step_panel.draw_path([CAPTURE, *deliveries, IDLE], deliveries[1]))
    assert "waits to be published <b>3</b>" in html
    assert '<li class="next">waits to be processed <b>3</b>' in html  # those of both workers
    assert "waits to be acknowledged <b>0</b>" in html
    assert "Next: event 00000002 waits to be processed. The message is stored by Pulsar" in html


def test_without_an_event_it_says_what_to_do() -> None:
    html = str(step_panel.draw_path([IDLE], None))
    assert "send a command" in html
    assert "next" not in html


def test_it_does_not_begin_while_a_scenario_runs(
    served: Settings, english: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []
    monkeypatch.setattr(st, "toast", lambda text, **_: notices.append(text))
    with journal.scenario_lock(served):
        step_panel._start()
    assert len(notices) == 1
    assert stepping.find_next(served) is None
    with pytest.raises(NotHeld, match="off"):
        stepping.let_pass(served)
