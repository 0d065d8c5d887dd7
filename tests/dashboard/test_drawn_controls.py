"""Test the controls of the scenarios and operations pages, what a button asks and does, and what a server loads in advance."""

from __future__ import annotations

import re

import pytest

from application.permissions import Action
from dashboard import access, resources, warming
from dashboard.components import (
    break_it,
    card,
    controls,
    letters_panel,
    reset_panel,
    source_panel,
)
from dashboard.screens import operations
from dashboard.screens import scenarios as scenarios_page
from dashboard.view_models.runs import RunsState
from scenarios.catalogue import scenarios
from scenarios.waiting import until
from settings import Settings
from stacks.jobs import JobRuns
from stacks.source_control import ACTIONS
from tests.dashboard.controls_walk import PARTS, RUN, drawn
from tests.dashboard.finding import button, run

pytestmark = pytest.mark.usefixtures("english")


# Scenarios.


def test_every_scenario_has_a_card_and_cannot_start_while_a_run_is_under_way(
    served: Settings, shown: dict[str, str]
) -> None:
    app = drawn(scenarios_page.PAGE.path)
    for name in (*scenarios(), "chaos"):
        assert button(app, f"run-{name}").disabled, name
    assert not button(app, "stop-run").disabled
    assert "a run under way" in shown["timeline"] or "under-way" in shown["run_head"]


def test_the_run_under_way_is_shown_before_a_picked_and_that_before_the_newest(served: Settings) -> None:
    def choose() -> None:
        from datetime import datetime

        import streamlit as st

        from dashboard.screens import scenarios
        from dashboard.view_models.runs import RunsState
        from scenarios.journal import Run

        made = [
            Run(name, "kill-broker", "embedded", 1, "finished", "PASS", datetime(2026, 1, 2), None)
            for name in ("new", "old")
        ]
        st.session_state["run_shown"] = "old"
        st.write(scenarios._choose_run(RunsState(None, tuple(made))))
        st.session_state["run_shown"] = "gone"
        st.write(scenarios._choose_run(RunsState(None, tuple(made))))
        st.write(scenarios._choose_run(RunsState("running", tuple(made))))
        st.write(str("run_shown" in st.session_state))
        st.write(str(scenarios._choose_run(RunsState(None, ()))))

    assert [each.value for each in run(choose).markdown] == ["old", "new", "running", "False", "None"]


def test_what_no_fragment_refreshes_changes_with_the_run(served: Settings) -> None:
    idle = scenarios_page._static_version(RunsState(None, ()))
    assert scenarios_page._static_version(RunsState(RUN, ())) != idle
    assert scenarios_page._static_version(RunsState(None, ())) == idle


def test_sqlite_is_no_component_that_can_be_killed(served: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(break_it.breakable()) == set(PARTS)
    embedded = Settings(home=served.home, stack="embedded")
    monkeypatch.setattr(resources, "settings", lambda: embedded)
    assert set(break_it.breakable()) == set(PARTS) - {"database"}


def test_a_kill_is_held_for_what_the_field_says_at_the_click(served: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[tuple[str, float]] = []
    monkeypatch.setattr(resources.incidents(), "kill", lambda part, hold_s: killed.append((part, hold_s)))
    app = drawn(scenarios_page.PAGE.path)
    fields = [each for each in app.number_input if each.key == "hold-broker"]
    assert fields
    fields[0].set_value(25.0)
    button(app, "kill-broker-now").click().run()
    assert killed == [("broker", 25.0)]


# Operations.


def test_operations_lists_dead_letters_and_offers_what_the_source_can_do(
    served: Settings, shown: dict[str, str]
) -> None:
    app = drawn(operations.PAGE.path)
    keys = {each.key or "" for each in app.button}
    assert {"requeue-one-now", "requeue-all-now", "discard-one-now", "reset", "reset-all", "source-log"} <= keys
    actions = {key.removeprefix("source-").removesuffix("-now") for key in keys if re.fullmatch("source-.*-now", key)}
    assert actions == {"restart", "stop", "start", "create", "delete", "resnapshot"}
    assert "data-pick" in shown["letters"]


def test_a_new_snapshot_is_taken_in_the_background_and_named(served: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Settings] = []
    monkeypatch.setattr("stacks.source_control.resnapshot", lambda settings, _say: asked.append(settings))
    app = drawn(operations.PAGE.path)
    button(app, "source-resnapshot-now").click().run()
    until(lambda: not resources.actions().running("source"), 20, "the action")
    assert asked == [resources.settings()]
    last = resources.actions().last("source")
    assert last is not None
    assert last.name == "resnapshot"


def test_every_action_of_a_source_has_a_name_and_a_meaning() -> None:
    for action in ACTIONS:
        assert source_panel._label(action)
        assert source_panel._meaning(action).endswith(".")


def test_the_panel_of_dead_letters_changes_with_what_was_requeued(served: Settings) -> None:
    first = letters_panel.mark()
    assert letters_panel.mark() == first
    resources.actions().start("requeue", "requeue", lambda: 3)
    until(lambda: not resources.actions().running("requeue"), 20, "the action")
    assert letters_panel.mark() != first


def test_a_reset_is_asked_for_again_before_it_begins(served: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    monkeypatch.setattr("dashboard.view_models.operations.reset", lambda _settings, name: begun.append(name))
    app = drawn(operations.PAGE.path)
    button(app, "reset").click().run()
    assert begun == []
    button(app, "reset-now").click().run()
    assert begun == ["reset"]


# Controls and cards.


def _confirming(allowed: bool) -> None:
    import streamlit as st

    from application.permissions import Action
    from dashboard import access
    from dashboard.components.confirm import confirm

    access.may = lambda _: allowed  # type: ignore[assignment]
    access.require = lambda _: None  # type: ignore[assignment]
    done = st.session_state.setdefault("done", [])
    confirm(Action.RESET, "Do", "key", "Sure?", "Do it", lambda *values: done.append(values), ("a",), ask=lambda: "b")


def test_what_is_asked_for_again_acts_with_the_fields_value_and_closes(
    served: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "may", access.may)  # the script replaces both
    monkeypatch.setattr(access, "require", access.require)
    app = run(_confirming, True)
    button(app, "key-now").click().run()
    assert app.session_state["done"] == [("a", "b")]
    assert app.session_state["key"] is False
    assert len(run(_confirming, False).button) == 0


def test_a_button_that_acts_is_not_drawn_where_it_may_not(served: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    labels: list[str] = []

    def draw(label: str, **_: object) -> bool:
        labels.append(label)
        return True

    monkeypatch.setattr("dashboard.components.controls.st.button", draw)
    monkeypatch.setattr("dashboard.components.controls.st.form_submit_button", draw)
    for allowed in (False, True):
        monkeypatch.setattr(access, "may", lambda _, allowed=allowed: allowed)
        controls.act_button(Action.RESET, f"act {allowed}", print)
        controls.submit_button(Action.RESET, f"submit {allowed}", print)
    assert labels == ["act True", "submit True"]
    assert controls.view_button("look")
    assert labels[-1] == "look"


def test_the_other_ways_are_ready_to_copy_each_under_its_tool() -> None:
    def script() -> None:
        from dashboard.components.card import card

        card("x", "Title", "Meaning", {"SQL": "SELECT 1;", "./alpes": "./alpes status"})

    app = run(script)
    assert [text.value for text in app.markdown] == [
        "**SQL**\n~~~sql\nSELECT 1;\n~~~\n\n**./alpes**\n~~~bash\n./alpes status\n~~~"
    ]
    assert [header.value for header in app.header] == ["Title"]
    assert card.LANGUAGE_OF.keys() == {"SQL"}


# Warming.


def test_a_server_that_cannot_warm_up_serves_its_pages_all_the_same(
    served: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(warming, "SLOW_IMPORTS", ("no.such.module",))
    with caplog.at_level("WARNING", "dashboard.warming"):
        warming.warm()
    assert "the first page is drawn slowly" in caplog.text


def test_what_is_loaded_in_advance_exists() -> None:
    from importlib.util import find_spec

    assert all(find_spec(name) is not None for name in warming.SLOW_IMPORTS)


@pytest.mark.parametrize(("runs_already", "begun"), [(False, True), (True, False)])
def test_a_reset_that_runs_already_is_not_begun_again(
    served: Settings, monkeypatch: pytest.MonkeyPatch, runs_already: bool, begun: bool
) -> None:
    def reset(_settings: Settings, name: str) -> None:
        if runs_already:
            raise JobRuns(f"{name} is under way already")

    state: dict[str, object] = {}
    monkeypatch.setattr("dashboard.components.reset_panel.st.session_state", state)
    monkeypatch.setattr("dashboard.view_models.operations.reset", reset)
    reset_panel._begin("reset")
    assert state == {"reset_begun": begun}
