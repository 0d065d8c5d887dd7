"""Render a run: its timeline as it grows, and its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import plotly.io

from dashboard.components.charts import FAULT_COLOUR
from dashboard.components.markup import Html, empty, facts, join, tag
from dashboard.components.scenario_card import verdict
from dashboard.i18n import _, clock, day_and_time, instant, number
from dashboard.view_models import scenario_words, words
from scenarios import diagram, run_figures
from scenarios.evidence import format_figure
from scenarios.journal import Run
from scenarios.model import Check, Moment, Result
from scenarios.observations import CounterExample

MARKS = {
    "fault": ("⚡", "warn"),
    "confirmed": ("✓", "ok"),
    "unconfirmed": ("?", "warn"),
    "fault_end": ("↺", ""),
    "recovered": ("✓", "ok"),
    "verdict": ("■", ""),
    "stopped": ("■", "warn"),
    "started": ("▶", ""),
}
MOST_ENTRIES = 60


def timeline(moments: Sequence[Moment], zone: str | None, newest_first: bool) -> Html:
    """Render the last `MOST_ENTRIES` entries with the seconds since the start, and the time of day on hover."""
    if not moments:
        return empty(_("Its process is starting…"))
    began = moments[0].at
    visible = list(moments)[-MOST_ENTRIES:]
    rows = [
        _moment(place, moment, began, zone) for place, moment in enumerate(visible, start=len(moments) - len(visible))
    ]
    if newest_first:
        rows.reverse()
    return tag("ol", join(rows), class_="timeline")


def _moment(place: int, moment: Moment, began: float, zone: str | None) -> Html:
    sign, colour = MARKS.get(moment.kind, ("·", "soft"))
    if moment.kind == "check" and moment.data.get("ok") is False:
        sign, colour = "✕", "bad"
    at = tag(
        "time", f"+{number(moment.at - began, 2)} s", class_="mono soft", title=instant(int(moment.at * 1e6), zone)
    )
    text = words.translate(moment.get_message())
    # A sentence that no catalogue has stays English; the attribute tells screen readers so.
    language = "en" if text == moment.text and len(text) > 40 else None
    body = join([at, tag("span", sign, class_=f"sign {colour}"), tag("span", text, lang=language)])
    return tag("li", body, data_key=f"m{place}", class_=moment.kind)


def verdict_head(result: Result, zone: str | None) -> Html:
    seconds = _("duration {n} s").format(n=number(result.duration_s, 1))
    recovery = _recovery(result)
    lines = [
        tag(
            "p", join([verdict(result.verdict), " ", words.translate(result.get_message()), "."]), class_="verdict-line"
        ),
        tag(
            "p", join([recovery, " · ", seconds, " · ", instant(int(result.started_at * 1e6), zone)[:8]]), class_="soft"
        ),
    ]
    if "naive_lost" in result.figures:
        sentence = _(
            "Without an outbox {lost} of {committed} events were lost, as expected. The counts below are of the events with one."
        ).format(lost=number(result.figures["naive_lost"]), committed=number(result.figures["naive_committed"]))
        lines.append(tag("p", sentence))
    return tag("div", join(lines))


def _recovery(result: Result) -> Html:
    if result.recovery_s is None:
        return tag("span", _("no downtime"))
    hint = _("From the fault's end until every event committed by then, and the first one after it, was notified.")
    text = _("recovered {s} s after the fault's end").format(s=number(result.recovery_s, 2))
    if result.noticed_s is not None:
        text += " · " + _("detected in {s} s").format(s=number(result.noticed_s, 2))
    return tag("span", text, title=hint)


def counts(result: Result) -> Html:
    cells = []
    for name in result.counts.__slots__:
        value = getattr(result.counts, name)
        label, hint = scenario_words.count(name)
        shade = ("ok" if value == 0 else "bad") if name in scenario_words.MUST_BE_ZERO else ""
        body = join([tag("b", number(value), class_=shade or None), tag("span", label, class_="soft")])
        cells.append(tag("div", body, title=hint))
    return tag("div", join(cells), class_="counts")


def checks(result: Result) -> Html:
    real = _checks(_("Confirmation of the fault"), result.confirmations)
    held = _checks(_("Invariants"), result.checks)
    return join([tag("div", join([real, held]), class_="two"), _list_wrong_event_ids(result), _figures(result.figures)])


def counter_example(example: CounterExample) -> Html:
    """Render what proves that a property does not hold: a space-time diagram, and the same as a list."""
    title = _("Counter-example to: {property}").format(property=words.translate(example.get_message()))
    drawing = Html(diagram.draw_counter_example(example, words.places(), title, words.translate))
    sentences = join(
        tag("li", sentence) for sentence in diagram.describe_counter_example(example, words.places(), words.translate)
    )
    listed = tag("details", join([tag("summary", _("The same as a list")), tag("ol", sentences)]))
    return tag("section", join([tag("h3", title), drawing, listed]), class_="counter-example")


def _checks(title: str, results: Sequence[Check]) -> Html:
    rows = [
        tag(
            "li",
            join(
                [
                    tag("span", "✓ " if check.ok else "✕ ", class_="ok" if check.ok else "bad"),
                    words.translate(check.get_message()),
                    tag(
                        "span",
                        f" {words.translate(detail)}" if (detail := check.get_detail_message()) else "",
                        class_="soft",
                    ),
                ]
            ),
        )
        for check in results
    ]
    return tag("section", join([tag("h3", title), tag("ul", join(rows), class_="checks")]))


def _list_wrong_event_ids(result: Result) -> Html:
    return join(
        tag("p", join([tag("strong", name), ": ", tag("span", ", ".join(ids), class_="mono")]), class_="bad")
        for name, ids in result.wrong_event_ids.items()
    )


def _figures(figures: Mapping[str, Any]) -> Html:
    if not figures:
        return Html("")
    pairs = [(scenario_words.figure(name), format_figure(value, number)) for name, value in figures.items()]
    return join([tag("h3", _("Further measurements")), facts(pairs)])


def figures(result: Result) -> tuple[go.Figure, go.Figure]:
    """Return the evidence's plots (latency, progress) in the visitor's language, with faults shaded and named."""
    latency, progress = run_figures.latency_figure(result), run_figures.progress_figure(result)
    latency.update_yaxes(title=_("ms from command to notification"))
    progress.update_yaxes(title=_("distinct events"))
    names = {"committed": _("committed"), "published": _("published"), "notified": _("notified")}
    progress.for_each_trace(lambda trace: trace.update(name=names.get(trace.name, trace.name)))
    for figure in (latency, progress):
        figure.update_xaxes(title=_("seconds since the start"))
        figure.update_layout(
            template=plotly.io.templates[plotly.io.templates.default or "plotly"],
            height=260,
            margin={"l": 4, "r": 4, "t": 24, "b": 4},
        )
        for shape, window in zip(figure.layout.shapes, result.windows, strict=True):
            shape.label.text = f"{words.translate(window.get_message())} · {words.part(window.part)}"
            shape.label.textposition = "top left"
            shape.label.font.color = FAULT_COLOUR
    return latency, progress


def history(runs: Sequence[Run], shown_id: str | None, zone: str | None) -> Html:
    if not runs:
        return empty(_("No scenario has run here yet. Run one: its verdict stays in the database."))
    head = (
        (_("run"), _("Click one to see what it found.")),
        (_("scenario"), ""),
        (_("started"), ""),
        (_("verdict"), _("PASS, FAIL, or INCONCLUSIVE when the fault could not be confirmed.")),
        (_("seed"), _("The same seed sends the same commands.")),
        (_("stack"), ""),
    )
    columns = join(tag("th", name, title=hint or None, scope="col") for name, hint in head)
    body = join(_run(run, shown_id, zone) for run in runs)
    return tag("div", tag("table", join([tag("thead", tag("tr", columns)), tag("tbody", body)])), class_="scroll")


def _run(run: Run, shown_id: str | None, zone: str | None) -> Html:
    took = ""
    if run.finished_at is not None:
        took = f" · {number((run.finished_at - run.started_at).total_seconds(), 1)} s"
    how = verdict(run.verdict) if run.verdict else tag("span", scenario_words.state(run.state), class_="soft")
    pick = tag("button", run.id[:8], class_="pick mono", data_pick=run.id, type="button", title=run.id)
    at = tag("span", day_and_time(run.started_at, zone) + took, title=clock(run.started_at, zone)[:8])
    cells = join(tag("td", cell) for cell in (pick, run.name, at, how, tag("span", run.seed, class_="mono"), run.stack))
    return tag("tr", cells, data_key=run.id, class_="picked" if run.id == shown_id else None)
