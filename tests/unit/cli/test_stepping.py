"""Test the verb step without a running component: the test stands in for the worker that holds an event."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from application.breakpoints import Breakpoint
from cli import stepping
from settings import Settings
from stacks.stepping import NotHeld
from tests.unit.cli.conftest import Found


@pytest.fixture
def settings(tmp_path: Path, found: Found) -> Settings:
    """An instance whose components may be broken."""
    settings = Settings(home=tmp_path)
    found(settings)
    return settings


def test_each_step_says_which_event_passed_and_what_this_changed(
    settings: Settings, printed: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    stepping.start()
    worker = Breakpoint(settings, "delivery", "notifications")
    worker.show(1, "e-1")
    stepping.list_held()
    assert "delivery in notifications: 1 held; next e-1: the message is stored" in " ".join(
        capsys.readouterr().out.split()
    )
    stepping.let_next_pass(json=True)
    assert printed() == {"breakpoint": "delivery", "part": "notifications", "event_id": "e-1"}
    assert worker.takes_permission()
    worker.show(0)
    with pytest.raises(NotHeld, match="no event waits"):
        stepping.let_next_pass()
    worker.show(1, "e-2")
    stepping.let_next_pass()
    assert "e-2 passed delivery: the worker wrote" in " ".join(capsys.readouterr().out.split())


def test_when_it_is_off_nothing_is_held(
    settings: Settings, printed: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    stepping.start()
    stepping.end()
    capsys.readouterr()
    stepping.list_held(json=True)
    assert printed() == []
    stepping.list_held()
    assert "step mode is off" in capsys.readouterr().out
    with pytest.raises(NotHeld, match="off"):
        stepping.let_next_pass()
