"""Draw the button that runs every scenario of this stack one after the other, and how far that is."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from application.permissions import Action
from dashboard import resources
from dashboard.components import live_html, run_scenario, scenario_card
from dashboard.components.controls import act_button
from dashboard.components.markup import Html, join, notice, tag
from dashboard.i18n import _, clock, number
from dashboard.view_models import all_scenarios, words
from dashboard.view_models.runs import RunsState
from domain.clock import from_epoch_us
from scenarios.catalogue import list_all
from stacks.jobs import Job

KIND = "all-scenarios"
SHOWN_FOR_S = 3600.0
"""How long the outcome stays on the page."""


def mark() -> object:
    """Return the version of what `show` draws."""
    return all_scenarios.read(resources.settings()), resources.actions().last(KIND)


def show(runs_state: RunsState) -> None:
    """Draw the button, or progress and a button to stop; nothing on a stack that runs no scenario."""
    settings = resources.settings()
    chosen = list_all(settings.stack, settings.cluster, settings.capture)
    if not chosen:
        return
    job = all_scenarios.read(settings)
    if job is not None and job.running:
        _draw_progress(job, runs_state, len(chosen))
        return
    # What keeps the first one from being started keeps them all.
    hindrance = scenario_card.why_not(run_scenario.hindrance(chosen[0], runs_state), chosen[0])
    minutes = max(1, sum(scenario.takes_s for scenario in chosen) / 60)
    act_button(
        Action.RUN_SCENARIOS,
        _("Run all ({n})").format(n=number(len(chosen))),
        _start,
        key="run-all",
        icon=":material/playlist_play:",
        disabled=hindrance is not None,
        help=hindrance
        or _("One after the other, about {n} min. Closing this page stops nothing.").format(n=number(minutes)),
    )
    _draw_problem()
    if job is None or job.ended_at is None or time.time() - job.ended_at > SHOWN_FOR_S:
        return
    if all_scenarios.is_covered(job, runs_state.history):
        _draw_outcome(job, runs_state, len(chosen))


def _start() -> None:
    settings = resources.settings()
    resources.actions().start(KIND, KIND, lambda: all_scenarios.start(settings))
    resources.runs().again()


def _draw_progress(job: Job, runs_state: RunsState, total: int) -> None:
    verdicts = all_scenarios.verdicts_since(job, runs_state.history)
    sentence = _("Running all scenarios: {n} of {m} have a verdict.").format(n=number(len(verdicts)), m=number(total))
    live_html.show(tag("p", sentence, role="status"), "run_all_progress")
    act_button(
        Action.RUN_SCENARIOS,
        _("Stop all"),
        all_scenarios.stop,
        (resources.settings(),),
        key="stop-all",
        icon=":material/stop:",
        help=_("The run under way restores what it broke; no further one begins."),
    )


def _draw_problem() -> None:
    action = resources.actions().last(KIND)
    if action is not None and action.problem:
        live_html.show(notice(words.translate(action.problem)), "run_all_problem")


def _draw_outcome(job: Job, runs_state: RunsState, total: int) -> None:
    verdicts = all_scenarios.verdicts_since(job, runs_state.history)
    html = outcome(job, verdicts, total, live_html.zone())
    live_html.show(html, "run_all_outcome")


def outcome(job: Job, verdicts: Sequence[str], total: int, zone: str | None) -> Html:
    """Render how all scenarios ended: with every verdict, stopped, or with an error, and then why."""
    at = clock(from_epoch_us(int((job.ended_at or job.started_at) * 1e6)), zone)[:8]
    counts = " · ".join(f"{number(n)} {verdict}" for verdict, n in Counter(verdicts).most_common()) or "—"
    ended = all_scenarios.find_outcome(job, len(verdicts), total)
    if ended != "failed":
        sentence = (
            _("All scenarios ended at {at}: {verdicts}.") if ended == "complete" else _("Stopped at {at}: {verdicts}.")
        )
        return tag("p", sentence.format(at=at, verdicts=counts), role="status")
    if job.code is None:
        how = _("Its process ended at {at} without an exit code")
    else:
        how = _("It ended at {at} with exit code {code}").replace("{code}", str(job.code))
    reached = _("{n} of {m} scenarios have a verdict: {verdicts}.")
    reached = reached.format(n=number(len(verdicts)), m=number(total), verdicts=counts)
    why = all_scenarios.last_line(job)
    return notice(join([f"{how.format(at=at)}. {reached}", tag("p", why, class_="mono", lang="en") if why else ""]))
