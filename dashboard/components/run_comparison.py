"""Draw two runs side by side: what was run, the verdicts, the counts, the times, and each check whose outcome differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import streamlit as st

from dashboard import resources
from dashboard.components import live_html
from dashboard.components.markup import Html, empty, join, tag
from dashboard.components.scenario_card import verdict
from dashboard.i18n import _, clock, number
from dashboard.view_models import scenario_words, words
from scenarios.journal import Run
from scenarios.model import Result
from scenarios.percentiles import percentiles

LARGE_RATIO = 1.25
"""Measurements whose ratio is above this, or below its inverse, are marked: two runs without a change differ by less."""


def show(result: Result, history: Sequence[Run], zone: str | None) -> None:
    """Draw the field that picks the other run and, once one is picked, both. The newest run of the same scenario is first."""
    other_runs = [run for run in history if run.verdict and run.id != result.run_id]
    other_runs.sort(key=lambda run: run.name != result.name)
    if not other_runs:
        live_html.show(empty(_("There is no other finished run to compare with.")), "compare_none")
        return
    names = {
        run.id: f"{run.name} · {run.stack} · {clock(run.started_at, zone)[:8]} · {run.verdict}" for run in other_runs
    }
    picked = st.selectbox(
        _("Compare with"),
        list(names),
        format_func=lambda run_id: names.get(run_id, run_id),
        index=None,
        placeholder=_("Choose a run"),
        key=f"compare-{result.run_id}",
    )
    other = resources.runs_reader().result(picked) if picked else None
    if picked and other is None:
        st.caption(_("The records of that run are gone."))
    elif other is not None:
        st.html(tag("div", compare(result, other), class_="alpes-live"))


def compare(first: Result, second: Result) -> Html:
    """Render two results as a table with a column each, and a sentence on what differs."""
    runs = (first, second)
    heads = [
        tag("th", join([result.name, tag("div", result.run_id[:8], class_="mono soft")]), scope="col")
        for result in runs
    ]
    rows = [
        _row(_("verdict"), [verdict(result.verdict) for result in runs]),
        _row(_("stack"), [result.stack for result in runs]),
        *(_row(name, [result.versions.get(key, "—") for result in runs]) for name, key in _version_names(runs)),
        _row(_("seed"), [number(result.seed) for result in runs]),
        *(_measured_row(name, values, digits) for name, values, digits in _measurements(runs)),
        *_count_rows(runs),
        *_outcome_rows(runs),
    ]
    table = tag("table", join([tag("thead", tag("tr", join([tag("th", ""), *heads]))), tag("tbody", join(rows))]))
    note = _("Marked: the two differ by more than {n} %, or in an outcome.").format(n=number((LARGE_RATIO - 1) * 100))
    return join([tag("div", table, class_="scroll compared"), tag("p", note, class_="soft")])


def _version_names(runs: Sequence[Result]) -> list[tuple[str, str]]:
    names = {"database": _("database"), "capture": _("capture"), "broker": _("broker")}
    keys = dict.fromkeys(key for result in runs for key in result.versions)
    return [(names.get(key, key), key) for key in keys]


def _measurements(runs: Sequence[Result]) -> Iterator[tuple[str, list[float | None], int]]:
    """Yield name, value of each run, and digits of what is measured in every run."""
    latencies = [percentiles([ms for _at, ms in result.points]) if result.points else {} for result in runs]
    for name in ("p50", "p95", "p99"):
        yield _("{name} in ms").format(name=name), [values.get(name) for values in latencies], 1
    yield _("recovery in s"), [result.recovery_s for result in runs], 2
    yield _("detected in s"), [result.noticed_s for result in runs], 2
    yield _("duration in s"), [result.duration_s for result in runs], 1


def _measured_row(name: str, values: list[float | None], digits: int) -> Html:
    texts = ["—" if value is None else number(value, digits) for value in values]
    return _row(name, texts, differ=_is_apart(values))


def _is_apart(values: Sequence[float | None]) -> bool:
    first, second = values
    if first is None or second is None:
        return (first is None) != (second is None)
    low, high = sorted((first, second))
    return high > low * LARGE_RATIO


def _count_rows(runs: Sequence[Result]) -> Iterator[Html]:
    """Yield the counts that must be zero, and those that are not zero in one of the runs."""
    for name in runs[0].counts.__slots__:
        values = [getattr(result.counts, name) for result in runs]
        must_be_zero = name in scenario_words.MUST_BE_ZERO
        if must_be_zero or any(values):
            label, hint = scenario_words.count(name)
            yield _row(label, [number(value) for value in values], must_be_zero and values[0] != values[1], hint)


def _outcome_rows(runs: Sequence[Result]) -> Iterator[Html]:
    """Yield the invariants that held in one run only, or were checked in one run only."""
    outcomes = [{check.get_message(): check.ok for check in result.checks} for result in runs]
    for name in dict.fromkeys(name for outcome in outcomes for name in outcome):
        values = [outcome.get(name) for outcome in outcomes]
        if values[0] != values[1]:
            yield _row(words.translate(name), [_outcome(value) for value in values], differ=None not in values)


def _outcome(holds: bool | None) -> str:
    return "—" if holds is None else "✓" if holds else "✕"


def _row(name: str, values: Sequence[object], differ: bool = False, hint: str = "") -> Html:
    cells = join(tag("td", value, class_="warn" if differ else None) for value in values)
    return tag("tr", join([tag("th", name, scope="row", title=hint or None), cells]))
