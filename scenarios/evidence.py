"""Render the evidence of a run: one self-contained HTML file for readers who did not see the run."""

from __future__ import annotations

import json
import platform
import shlex
from datetime import UTC, datetime
from pathlib import Path

import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, select_autoescape
from plotly.offline import get_plotlyjs

from scenarios import diagram
from scenarios.model import Result
from scenarios.observations import PLACES, CounterExample

COLOURS = {"committed": "#5b6b82", "published": "#2f6fed", "notified": "#1d9a61"}
_TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(["html"]))


def render_html(result: Result) -> str:
    """Return the page: hypothesis, verdict, counts, checks, plots with faults shaded, timeline, versions, seed, commands."""
    return _TEMPLATES.get_template("evidence.html").render(
        result=result,
        counts={name: getattr(result.counts, name) for name in result.counts.__slots__},
        figures={name: json.dumps(value) for name, value in result.figures.items()},
        counter_example=_render_counter_example(result.counter_example),
        at=_format_time,
        since=lambda at: f"{at - result.started_at:+.3f} s",
        started=datetime.fromtimestamp(result.started_at, UTC).isoformat(timespec="seconds"),
        machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        commands=repeat_commands(result),
        plots=[_render_figure(figure) for figure in (latency_figure(result), progress_figure(result))],
        plotly=get_plotlyjs(),
    )


def _render_counter_example(example: CounterExample | None) -> dict[str, object] | None:
    if example is None:
        return None
    places = {place: str(place) for place in PLACES}
    title = f"Counter-example to: {example.get_message()}"
    return {
        "title": example.get_message(),
        "drawing": diagram.draw_counter_example(example, places, title, str),
        "sentences": diagram.describe_counter_example(example, places, str),
    }


def repeat_commands(result: Result) -> list[str]:
    """Return the commands that repeat the run with the same scenario, seed and stack."""
    minutes = round(result.duration_s / 60, 1)
    arguments = f"chaos --minutes {max(minutes, 0.1)}" if result.name == "chaos" else f"run {result.name}"
    if schedule := result.figures.get("schedule"):
        arguments += f" --faults {shlex.quote(schedule)}"
    return [
        f"./alpes up -d --stack {result.stack}",
        f"./alpes scenario {arguments} --stack {result.stack} --seed {result.seed}",
    ]


def latency_figure(result: Result) -> go.Figure:
    """Return a plot of one point for each event: seconds since the start, and milliseconds until its notification."""
    figure = go.Figure()
    figure.add_scatter(
        x=[at - result.started_at for at, _ in result.points],
        y=[ms for _, ms in result.points],
        mode="markers",
        marker={"size": 5, "color": COLOURS["published"], "opacity": 0.7},
        hovertemplate="%{x:.2f} s: %{y:.1f} ms<extra></extra>",
    )
    figure.update_yaxes(title="ms from command to notification", type="log")
    return _add_faults_and_axes(figure, result)


def progress_figure(result: Result) -> go.Figure:
    """Return a plot of distinct events committed, published and notified over time; the gaps are the events in flight."""
    figure = go.Figure()
    for name, colour in COLOURS.items():
        figure.add_scatter(
            x=[sample.at - result.started_at for sample in result.samples],
            y=[getattr(sample, name) for sample in result.samples],
            mode="lines",
            name=name,
            line={"color": colour, "width": 2},
        )
    figure.update_yaxes(title="distinct events")
    return _add_faults_and_axes(figure, result)


def _add_faults_and_axes(figure: go.Figure, result: Result) -> go.Figure:
    for window in result.windows:
        begin = window.started_at - result.started_at
        end = max(window.ended_at - result.started_at, begin + result.duration_s / 300)
        label = {"text": f"{window.fault} {window.part}", "font": {"size": 11}}
        figure.add_vrect(x0=begin, x1=end, fillcolor="#b06c00", opacity=0.18, line_width=0, label=label)
    figure.update_xaxes(title="seconds since the start")
    figure.update_layout(
        template="plotly_white",
        height=320,
        margin={"l": 60, "r": 20, "t": 30, "b": 40},
        legend={"orientation": "h", "y": 1.12, "x": 1, "xanchor": "right"},
    )
    return figure


def _render_figure(figure: go.Figure) -> str:
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False}))


def _format_time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]
