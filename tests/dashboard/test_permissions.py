"""No page has, or heeds, a control that its instance's settings forbid: every page is walked, and finds its controls itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.site import PAGES
from settings.model import REPOSITORY
from tests.dashboard.controls_walk import (
    FORBIDDING,
    World,
    controls,
    drawn,
    offences,
    serving,
    settle,
    use,
)


def test_in_a_demo_every_kind_of_control_is_there_and_acts(
    home: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the walks below would see nothing."""
    acting: set[str] = set()
    for stack in ("embedded", "native"):
        with serving(home, monkeypatch, stack=stack):
            for spec in PAGES:
                for control in controls(drawn(spec.path), spec.path):
                    use(control)
                    settle(world)
                    if world.changes:
                        acting.add(control.name)
                        world.changes.clear()
    for word in ("kill-broker-now", "restart-api-now", "release-broker", "requeue-all-now", "source-delete-now"):
        assert any(word in name for name in acting), (word, sorted(acting))
    assert any("stop-run" in name for name in acting)
    assert len(acting) >= 20


@pytest.mark.parametrize("kind", FORBIDDING)
def test_where_it_is_forbidden_no_control_of_any_page_changes_anything(
    home: Path, world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with serving(home, monkeypatch, **FORBIDDING[kind]):
        wrong = [offence for spec in PAGES for offence in offences(world, drawn(spec.path), spec.path)]
        labels = {button.label for spec in PAGES for button in drawn(spec.path).button}
    assert wrong == []
    allowed = {
        "View log",
        "Refresh the list",
        "trace →",
        "Look again",
        "Restart the tour",
        "Evidence (HTML)",
        "Present",
        "JSON",
        "Download CSV",
    }
    assert labels <= allowed


@pytest.mark.parametrize("kind", FORBIDDING)
def test_what_a_demo_drew_does_nothing_where_it_is_forbidden(
    home: Path, world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A session's old widgets, or a forged message: every control of every page is called after the settings changed."""
    with serving(home, monkeypatch, stack="native"):
        drawn_before = [control for spec in PAGES for control in controls(drawn(spec.path), spec.path)]
    with serving(home, monkeypatch, **FORBIDDING[kind]):
        for control in drawn_before:
            use(control)
            settle(world)
            assert world.changes == [], (control.page, control.name)


def _rogue() -> None:
    import subprocess

    import streamlit as st

    def act() -> None:
        subprocess.Popen(["true"])

    st.button("Harmless", on_click=act)


def test_the_walk_finds_a_control_that_forgot_to_ask(home: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(home, monkeypatch, read_only=True):
        app = AppTest.from_function(_rogue).run()
        found = controls(app, "rogue")
        use(found[0])
    assert world.changes == ["start a process"]


def test_buttons_are_made_in_one_module_only() -> None:
    """There each says what must be allowed, or that it only shows something."""
    makers = {"button", "form_submit_button", "download_button", "link_button", "chat_input", "file_uploader"}
    found = {
        path.name
        for path in (REPOSITORY / "dashboard").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in makers
    }
    assert found == {"controls.py", "access.py"}
