"""Draw the scenarios page: run and watch a scenario and read its verdict, or kill a component and see what happens."""

from __future__ import annotations

import time
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from application.permissions import Action
from dashboard import access, i18n, pulse, resources
from dashboard.components import (
    break_it,
    live_html,
    run_all,
    run_comparison,
    run_panel,
    run_scenario,
    run_stages,
    scenario_list,
)
from dashboard.components.card import card
from dashboard.components.charts import config
from dashboard.components.controls import act_button, download_button
from dashboard.components.markup import empty, join, notice, tag
from dashboard.guard import guarded
from dashboard.i18n import N_, _
from dashboard.screens import PageSpec
from dashboard.view_models import how_to_break as how
from dashboard.view_models import runs, words
from dashboard.view_models.commands import within
from dashboard.view_models.runs import RunsState
from dashboard.view_models.stages import find_progress
from scenarios import runner
from scenarios.catalogue import find
from scenarios.model import Result, Scenario

FIRST_S = 2.0
READ_WITHIN_S = 3.0


def show() -> None:
    """Draw the page. With the parameter `break` the faults are at the top: a link said that they are here."""
    runs_state = resources.runs().look(FIRST_S).value or RunsState(None, ())
    drawn = _static_version(runs_state)
    shown_id = _choose_run(runs_state)
    if st.query_params.get("break"):
        slots = _draw_faults(runs_state, shown_id)
        live = _draw_scenarios(runs_state, shown_id)
    else:
        live = _draw_scenarios(runs_state, shown_id)
        slots = _draw_faults(runs_state, shown_id)
    _refresh(live, slots, drawn)


def _draw_scenarios(runs_state: RunsState, shown_id: str | None) -> DeltaGenerator:
    """Draw the catalogue and the details of a run; return the container of the run under way."""
    left, right = st.columns([1, 1.35])
    with left:
        meaning = _(
            "Each scenario breaks running components on purpose, compares the events of all sources, and gives a verdict."
        )
        with card("catalogue", _("Scenarios"), meaning):
            if not access.may(Action.RUN_SCENARIOS):
                st.info(access.why_only_shown(), icon="🔒")
            run_all.show(runs_state)
            scenario_list.show(runs_state)
    with right:
        meaning = _(
            "The run under way, or the one you picked. It has a process of its own: closing this page stops nothing."
        )
        body = card("run", _("Run details"), meaning, how.run(resources.settings(), shown_id) if shown_id else None)
        with body:
            live = st.container()
            if shown_id is None:
                live_html.show(empty(_("No run yet. Press Run: its timeline appears here.")), "run_empty")
            elif runs_state.current is None:
                _draw_finished(shown_id, runs_state)
    return live


def _draw_faults(runs_state: RunsState, shown_id: str | None) -> break_it.Slots:
    """Draw what breaks and restarts components, and the history of the runs; return the containers that are refreshed."""
    left, right = st.columns([1.35, 1])
    with left:
        meaning = _("Kill or restart a component yourself, and read here what follows.")
        slots = break_it.show(card("break", _("Manual fault injection"), meaning))
    with right:
        meaning = _("Every run of this instance; each was judged by the same invariants.")
        with card("history", _("Run history"), meaning, how.history(resources.settings())):
            _draw_history(runs_state, shown_id)
    return slots


def _static_version(runs_state: RunsState) -> tuple[object, ...]:
    """Return the version of what no fragment refreshes; when it changes, the whole page is drawn again."""
    down = resources.refresher().health.down()
    action = resources.actions().last(run_scenario.KIND)
    return runs_state.current, bool(down), action, runs_state.history[:1], runs_state.problem, run_all.mark()


def _version() -> object:
    look = resources.runs().look()
    running = look.value is not None and look.value.current is not None
    last = resources.actions().last(run_scenario.KIND)
    return look.version, last, break_it.mark(), run_all.mark(), pulse.moment(running)


@st.fragment
@guarded
def _refresh(live: DeltaGenerator, slots: break_it.Slots, drawn: tuple[object, ...]) -> None:
    runs_state = resources.runs().look().value
    if runs_state is not None and _static_version(runs_state) != drawn:
        st.rerun()
    with pulse.followed("scenarios"):
        with live:
            _draw_under_way(runs_state)
        break_it.tick(slots)


def _choose_run(runs_state: RunsState) -> str | None:
    """Return the id of the run under way, else of the picked one, else of the newest; None if there is no run."""
    state = st.session_state
    if runs_state.current:
        state.pop("run_shown", None)  # once ended, this run is the newest
        return runs_state.current
    run_ids = [run.id for run in runs_state.history]
    linked = st.query_params.get("run")
    for wanted in (state.get("run_shown"), linked):
        if wanted in run_ids:
            return str(wanted)
    if linked and resources.runs_reader().result(linked) is not None:  # older than the history
        return linked
    return run_ids[0] if run_ids else None


def _draw_under_way(runs_state: RunsState | None) -> None:
    """Draw the run under way, refreshed twice a second; without one, draw that a run is starting or failed to start."""
    run_scenario.draw_start(runs_state)
    if runs_state is None or runs_state.current is None:
        return
    moments = resources.runs_reader().moments(runs_state.current)
    progress = find_progress(moments, time.time())
    zone = live_html.zone()
    with st.container(key="row-under-way", horizontal=True):
        name = str(moments[0].data.get("name", "")) if moments else ""
        head = join([tag("b", name), tag("span", run_stages.times(progress), class_="soft")])
        live_html.show(tag("div", head, class_="under-way", role="status"), "run_head")
        act_button(
            Action.RUN_SCENARIOS,
            _("Stop"),
            runner.stop,
            (resources.settings(), runs_state.current),
            key="stop-run",
            icon=":material/stop:",
            help=_("It restores what it broke and ends without a verdict."),
        )
    live_html.show(run_stages.stages(progress), "run_stages")
    if moments:
        live_html.show(tag("p", _(str(moments[0].text))), "run_hypothesis")
    draw = partial(run_panel.timeline, moments[1:] and moments, zone, True)
    live_html.show(live_html.once("timeline", (runs_state.current, len(moments)), draw), "timeline")


def _draw_finished(run_id: str, runs_state: RunsState) -> None:
    result = within(lambda: resources.runs_reader().result(run_id), READ_WITHIN_S)
    run = next((run for run in runs_state.history if run.id == run_id), None)
    name = result.name if result else run.name if run else ""
    with st.container(key="row-finished", horizontal=True):
        st.html(tag("div", tag("strong", name, class_="mono"), class_="alpes-live"))
        if result is not None:
            _draw_downloads(result)
            _draw_again(result, runs_state)
    zone = live_html.zone()
    if result is None:
        sentence = _("This run was stopped before its verdict; what it broke is restored. Its timeline:")
        moments = resources.runs_reader().moments(run_id)
        st.html(tag("div", join([tag("p", sentence), run_panel.timeline(moments, zone, False)]), class_="alpes-live"))
        return
    st.html(
        tag("div", join([tag("p", _(result.hypothesis)), run_panel.verdict_head(result, zone)]), class_="alpes-live")
    )
    if result.counter_example is not None:
        live_html.show(run_panel.counter_example(result.counter_example), "counter_example")
    judged, plots, timeline, compared = st.tabs([_("Verdict"), _("Plots"), _("Timeline"), _("Comparison")])
    with judged:
        st.html(tag("div", join([run_panel.counts(result), run_panel.checks(result)]), class_="alpes-live"))
    with plots:
        _draw_plots(result)
    with timeline:
        st.html(tag("div", run_panel.timeline(result.timeline, zone, False), class_="alpes-live"))
    with compared:
        run_comparison.show(result, runs_state.history, zone)


def _draw_downloads(result: Result) -> None:
    """Draw buttons for the run's files, which are made at the click.

    Passed as bytes, they would be a file on the server that the next drawing may remove.
    """
    reader, stem = resources.runs_reader(), runs.stem(result)
    visitor = i18n.current_visitor(live_html.zone())
    may_write = access.may(Action.RUN_SCENARIOS)  # a visitor who may run nothing causes no file to be written
    download_button(
        _("Evidence (HTML)"),
        partial(reader.take_evidence if may_write else reader.evidence, result, visitor),
        f"{stem}.html",
        "text/html",
        icon=":material/download:",
        help=_("One HTML file that needs nothing else: hypothesis, timeline, plots, counts, versions, seed, commands."),
        on_click="ignore",
    )
    download_button(
        "JSON",
        partial(reader.as_json, result),
        f"{stem}.json",
        "application/json",
        help=_("The same for a program."),
        on_click="ignore",
    )


def _draw_again(result: Result, runs_state: RunsState) -> None:
    minutes = max(0.1, round((result.duration_s - 15) / 60, 1)) if result.name == "chaos" else 1.0
    scenario: Scenario = find(result.name, minutes)
    run_scenario.draw_button(
        _("Run again"),
        scenario,
        runs_state,
        args=(result.name, result.seed, minutes),
        key="run-again",
        icon=":material/replay:",
        help=_("The same seed ({n}) sends the same commands.").format(n=result.seed),
    )


def _draw_plots(result: Result) -> None:
    for place, (title, name) in enumerate(
        ((_("From command to notification"), "latency"), (_("Committed, published, notified"), "progress"))
    ):
        st.html(tag("div", tag("h3", title), class_="alpes-live"))
        draw = lambda place=place: run_panel.figures(result)[place]  # noqa: E731
        figure = live_html.figure(f"run-{name}", result.run_id, draw)
        st.plotly_chart(figure, config=config(f"{result.name}-{name}"), key=f"plot-{name}-{result.run_id}")


def _draw_history(runs_state: RunsState, shown_id: str | None) -> None:
    if runs_state.problem:
        live_html.show(notice(_("The database is down") + f": {words.translate(runs_state.problem)}"), "history_down")
    picked = live_html.show(run_panel.history(runs_state.history, shown_id, live_html.zone()), "history")
    if picked and picked != st.session_state.get("history_picked"):
        st.session_state["history_picked"] = picked
        st.session_state["run_shown"] = st.query_params["run"] = picked
        if picked != shown_id and runs_state.current is None:
            st.rerun()


PAGE = PageSpec("scenarios", N_("Scenarios"), show, {"scenarios": _version}, ("run", "break"))
