"""Test that the functions that change an instance ask for permission themselves, independently of the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from application import Application
from application.permissions import Action, Caller, Forbidden, refusal, require
from dashboard import resources
from dashboard.view_models import commands, operations
from scenarios import runner
from settings import Settings
from stacks import dead_letters, faults, source_control
from tests.dashboard.controls_walk import (
    FORBIDDING,
    RUN,
    World,
    serving,
)

BY_A_PAGE: dict[str, Callable[[Settings], object]] = {
    "command": lambda settings: commands.approve(Application(settings, pool_size=1), "x"),
    "load": lambda _: resources.load_runner().start(1, 1),
    "kill": lambda _: resources.incidents().kill("broker", 1.0),
    "restart": lambda _: resources.incidents().restart("api"),
    "restart the source": lambda _: resources.incidents().restart("source"),
    "release": lambda _: resources.incidents().release("broker"),
    "source": lambda settings: operations.act(settings, "stop"),
    "create the source": lambda settings: operations.act(settings, "create"),
    "requeue": lambda settings: operations.requeue(settings, [1]),
    "reset": lambda settings: operations.reset(settings, "reset"),
    "reset all": lambda settings: operations.reset(settings, "reset-all"),
    "scenario": lambda settings: runner.start(settings, "kill-broker"),
    "stop a scenario": lambda settings: runner.stop(settings, RUN),
}


@pytest.mark.parametrize("kind", FORBIDDING)
@pytest.mark.parametrize("what", BY_A_PAGE)
def test_what_a_page_does_is_refused_below_the_page(
    home: Path, world: World, monkeypatch: pytest.MonkeyPatch, kind: str, what: str
) -> None:
    with serving(home, monkeypatch, **FORBIDDING[kind]) as settings, pytest.raises(Forbidden):
        BY_A_PAGE[what](settings)
    assert world.changes == []


@pytest.mark.parametrize("kind", FORBIDDING)
def test_parts_are_broken_by_nobody_where_it_is_forbidden(
    home: Path, world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with serving(home, monkeypatch, **FORBIDDING[kind]) as settings:
        for act in (
            lambda: faults.kill(settings, "broker"),
            lambda: faults.release(settings, "broker"),
            lambda: faults.restart(settings, "api"),
            lambda: faults.slow(settings, "notifications", 1, 1),
            lambda: faults.fail(settings, "notifications", "x", 1),
        ):
            with pytest.raises(Forbidden):
                act()
    assert world.changes == []


def test_read_only_holds_for_its_owner_too_who_says_so_to_do_it_once() -> None:
    settings = Settings(read_only=True)
    for action in Action:
        reason = refusal(settings, action)
        assert action is Action.PROVISION or "ALPES_READ_ONLY=false" in (reason or ""), action
        assert refusal(settings, action, Caller.PAGE)
        assert refusal(settings, action, Caller.API)
    with pytest.raises(Forbidden):
        dead_letters.requeue(settings, [1])
    with pytest.raises(Forbidden):
        source_control.run_action(settings, "stop")


def test_a_login_lets_a_page_do_what_breaks_nothing() -> None:
    without = Settings(stack="external")
    login = Settings(stack="external", oidc_metadata_url="https://login.example/.well-known/openid-configuration")
    assert refusal(without, Action.REQUEUE, Caller.PAGE)
    assert refusal(login, Action.REQUEUE, Caller.PAGE) is None
    assert refusal(without, Action.ISSUE_COMMANDS, Caller.API) is None
    with pytest.raises(Forbidden, match="demo"):
        require(login, Action.KILL_PARTS, Caller.PAGE)
    for action in Action:
        assert refusal(Settings(), action, Caller.PAGE) is None
