"""Draw the list of scenarios, grouped by quality attribute: a row each, with its button, and details on demand."""

from __future__ import annotations

from itertools import groupby

import streamlit as st

from application.permissions import Action
from dashboard import access, resources
from dashboard.components import live_html, run_scenario, scenario_card
from dashboard.components.card import draw_ways
from dashboard.components.controls import number_field
from dashboard.components.markup import tag
from dashboard.i18n import _
from dashboard.view_models import how_to_break as how
from dashboard.view_models import scenario_words
from dashboard.view_models.runs import RunsState
from scenarios.catalogue import find, scenarios
from scenarios.model import ATTRIBUTES, Scenario

SHORTEST_CHAOS_MIN, LONGEST_CHAOS_MIN = 0.1, 60.0
LARGEST_SEED = 2**31 - 1


def show(runs_state: RunsState) -> None:
    chosen = _chaos_values()
    minutes = chosen[1] if chosen else 1.0
    ordered = sorted(
        (*scenarios().values(), find("chaos", minutes)), key=lambda scenario: ATTRIBUTES.index(scenario.attribute)
    )
    for attribute, group in groupby(ordered, key=lambda scenario: scenario.attribute):
        st.html(tag("div", tag("h3", scenario_words.attribute(attribute)), class_="alpes-live"))
        for scenario in group:
            _draw_row(scenario, runs_state, chosen is not None, minutes)


def _draw_row(scenario: Scenario, runs_state: RunsState, chaos_is_valid: bool, minutes: float) -> None:
    chaos = scenario.name == "chaos"
    last = next((run for run in runs_state.last_verdicts if run.name == scenario.name), None)
    reason = run_scenario.hindrance(scenario, runs_state)
    # Other reasons are shown on hover.
    sentence = scenario_card.why_not(reason, scenario) if reason == "other_stack" else None
    with st.container(key=f"card-scn-{scenario.name}"):
        with st.container(key=f"row-scn-{scenario.name}", horizontal=True):
            html = scenario_card.row(scenario, last, sentence, live_html.zone())
            st.html(tag("div", html, class_="alpes-live"))
            _draw_details(scenario, minutes if chaos else None)
            run_scenario.draw_button(
                _("Run"),
                scenario,
                runs_state,
                _run_chaos if chaos else run_scenario.run,
                () if chaos else None,
                not chaos or chaos_is_valid,
                key=f"run-{scenario.name}",
                type="primary",
            )
        if chaos and access.may(Action.RUN_SCENARIOS):
            _draw_chaos_fields()


def _draw_details(scenario: Scenario, minutes: float | None) -> None:
    """Draw the popover with what the row leaves out, and the other ways to run the scenario."""
    seed = None if minutes is None else st.session_state.get("chaos_seed")
    with st.popover(_("Details"), type="tertiary", width="content"):
        st.html(tag("div", scenario_card.details(scenario, minutes), class_="alpes-live"))
        draw_ways(how.scenario(resources.settings(), scenario.name, seed, minutes))


def _draw_chaos_fields() -> None:
    left, right = st.columns(2)
    with left:
        meaning = _("How long faults are injected.")
        number_field(_("Minutes"), SHORTEST_CHAOS_MIN, LONGEST_CHAOS_MIN, 1.0, 0.5, "chaos_minutes", help=meaning)
    with right:
        looks = {"placeholder": _("made up"), "help": _("The same seed, the same faults.")}
        number_field(_("Seed"), 0, LARGEST_SEED, None, 1, "chaos_seed", **looks)


def _chaos_values() -> tuple[int | None, float] | None:
    """Return seed and minutes as the fields hold them; None when one of them is outside its limits."""
    seed, minutes = st.session_state.get("chaos_seed"), st.session_state.get("chaos_minutes", 1.0)
    if minutes is None or not SHORTEST_CHAOS_MIN <= minutes <= LONGEST_CHAOS_MIN:
        return None
    return (seed, float(minutes)) if seed is None or 0 <= seed <= LARGEST_SEED else None


def _run_chaos() -> None:
    """Run with what the fields hold at the click; the button may have been drawn with earlier values."""
    if values := _chaos_values():
        run_scenario.run("chaos", *values)
