"""Draw the button that starts a scenario; every page that has one shows the same run and the same reasons against it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from application.permissions import Action
from dashboard import resources
from dashboard.components import live_html, scenario_card
from dashboard.components.controls import act_button
from dashboard.components.markup import empty, notice
from dashboard.i18n import _
from dashboard.view_models import all_scenarios, runs, words
from dashboard.view_models.runs import RunsState
from scenarios import runner
from scenarios.model import Scenario

KIND = "scenario"


def run(name: str, seed: int | None, minutes: float) -> None:
    """Start the scenario in a process outside the page; all open pages see the same run."""
    st.session_state.pop("run_shown", None)
    st.query_params.pop("run", None)
    settings = resources.settings()
    if resources.actions().start(KIND, name, lambda: runner.start(settings, name, seed, minutes)):
        resources.runs().again()


def hindrance(scenario: Scenario, state: RunsState) -> str | None:
    """Return why the scenario cannot be started now (`runs.hindrance`); None if it can."""
    settings = resources.settings()
    busy = state.current is not None or resources.actions().running(KIND) or all_scenarios.is_running(settings)
    down = tuple(part.part for part in resources.refresher().health.down())
    return runs.hindrance(scenario, settings, busy, down)


def draw_button(
    label: str,
    scenario: Scenario,
    state: RunsState,
    act: Callable[..., None] = run,
    args: tuple[Any, ...] | None = None,
    valid: bool = True,
    **looks: Any,
) -> None:
    """Draw the button; it is disabled, and says why, while the scenario cannot be started, and disabled unless `valid`."""
    reason = hindrance(scenario, state)
    meaning = looks.pop("help", _("Injects real faults; everything is restored afterwards."))
    act_button(
        Action.RUN_SCENARIOS,
        label,
        act,
        (scenario.name, None, 1.0) if args is None else args,
        disabled=reason is not None or not valid,
        help=scenario_card.why_not(reason, scenario) or meaning,
        **looks,
    )


def draw_start(state: RunsState | None) -> None:
    """Draw that a run is starting, or that it could not be started; nothing while one is under way."""
    action = resources.actions().last(KIND)
    if action is None or (state is not None and state.current is not None):
        return
    if action.problem and state is not None:
        live_html.show(notice(f"{action.name}: {words.translate(action.problem)}"), "run_problem")
    if action.running:
        live_html.show(empty(_("{name} is starting…").format(name=action.name)), "run_starting")
