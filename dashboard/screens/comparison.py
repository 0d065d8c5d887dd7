"""Draw the comparison with and without an outbox: one scenario that sends each command both ways and kills the broker."""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from application.permissions import Action
from dashboard import access, i18n, pulse, resources
from dashboard.components import live_html, outbox_comparison, peers_table, run_scenario
from dashboard.components.card import card
from dashboard.components.markup import empty, join, tag
from dashboard.guard import guarded
from dashboard.i18n import N_, _
from dashboard.screens import PageSpec
from dashboard.view_models import how as terminal
from dashboard.view_models import how_to_break as how
from dashboard.view_models import outbox_comparison as view
from dashboard.view_models import peers
from dashboard.view_models.commands import within
from dashboard.view_models.outbox_comparison import Comparison
from dashboard.view_models.runs import RunsState
from scenarios.catalogue import find

FIRST_S = 2.0
READ_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True)
class Slots:
    head: DeltaGenerator
    without: DeltaGenerator
    outbox: DeltaGenerator


def show() -> None:
    state = resources.runs().look(FIRST_S).value or RunsState(None, ())
    drawn = _static_version(state)
    ways = how.scenario(resources.settings(), view.SCENARIO)
    meaning = _("A real run on this instance: the scenario dual-write. Closing this page stops nothing.")
    with card("compare", _("The same commands, with and without an outbox"), meaning, ways):
        with st.container(key="row-compare", horizontal=True):
            st.html(tag("div", tag("p", _lead(), class_="lead"), class_="alpes-live"))
            label = _("Run again") if _newest(state) else _("Run the comparison")
            run_scenario.draw_button(label, find(view.SCENARIO), state, key="run-comparison", type="primary")
        if not access.may(Action.RUN_SCENARIOS):
            st.info(access.why_only_shown(), icon="🔒")
        head = st.container()
    left, right = st.columns(2)
    with left:
        meaning = _("Commit, then publish: what most services do. It is called a dual write.")
        without = card("without", _("Without an outbox"), meaning)
    with right:
        meaning = _("State and event in one transaction; the event is published from the table.")
        outbox = card("outbox", _("With an outbox"), meaning)
    st.page_link(
        st.session_state["pages"]["scenarios"],
        label=_("All scenarios, with checks and evidence"),
        icon=":material/arrow_forward:",
        query_params={"lang": i18n.language()},
    )
    _draw_peers()
    _refresh(Slots(head, without, outbox), drawn)


def _draw_peers() -> None:
    """Draw the ways to publish that were measured side by side, if the program has their figures."""
    measured = peers.read()
    if measured is not None:
        meaning = _("The same database, broker and load, each way alone. Measured once, not on this instance.")
        with card("peers", _("Ways to publish, measured"), meaning, terminal.peers()):
            st.html(tag("div", peers_table.draw(measured), class_="alpes-live"))


def _lead() -> str:
    return _(
        "An outbox is a table beside the data: the event is written there in the same transaction, and published afterwards. Each command goes both ways at the same time. In the middle the broker is killed with SIGKILL for some seconds. Then every event is counted: which ones reached Pulsar?"
    )


def _newest(state: RunsState) -> str | None:
    """Return the id of the newest finished comparison, or None."""
    return next((run.id for run in state.history if run.name == view.SCENARIO and run.verdict), None)


def _static_version(state: RunsState) -> tuple[object, ...]:
    """Return the version of what no fragment refreshes: the button and its reasons."""
    down = bool(resources.refresher().health.down())
    return state.current, down, resources.actions().last(run_scenario.KIND), state.history[:1]


def _version() -> object:
    look = resources.runs().look()
    running = look.value is not None and look.value.current is not None
    return look.version, resources.actions().last(run_scenario.KIND), pulse.moment(running)


@st.fragment
@guarded
def _refresh(slots: Slots, drawn: tuple[object, ...]) -> None:
    state = resources.runs().look().value
    if state is not None and _static_version(state) != drawn:
        st.rerun()
    with pulse.followed("comparison"):
        comparison = _read(state) if state is not None else None
        with slots.head:
            run_scenario.draw_start(state)
            _draw_head(comparison)
        for name, slot in (("without", slots.without), ("outbox", slots.outbox)):
            with slot:
                if comparison is None:
                    sentence = _("Not run here yet. Its counters and curves appear here.")
                    live_html.show(empty(sentence), f"empty-{name}")
                else:
                    live_html.show(outbox_comparison.side(name, comparison), f"side-{name}")  # type: ignore[arg-type]


def _read(state: RunsState) -> Comparison | None:
    """Return the comparison under way, else the newest finished one; None if there is none."""
    reader = resources.runs_reader()
    if state.current is not None:
        moments = reader.moments(state.current)
        if moments and moments[0].data.get("name") == view.SCENARIO:
            samples, takes_s = reader.samples(state.current), find(view.SCENARIO).takes_s
            return view.follow(state.current, moments, samples, time.time(), takes_s)
    newest = _newest(state)
    result = within(lambda: reader.result(newest), READ_WITHIN_S) if newest else None
    return view.conclude(result) if result is not None else None


def _draw_head(comparison: Comparison | None) -> None:
    if comparison is None:
        return
    parts = [outbox_comparison.stepper(comparison)]
    if comparison.stage == "done":
        parts.append(outbox_comparison.conclusion(comparison))
    else:
        parts.append(outbox_comparison.progress(comparison, find(view.SCENARIO).takes_s))
    live_html.show(join(parts), "comparison_head")


PAGE = PageSpec("outbox", N_("Why an outbox?"), show, {"comparison": _version})
