"""Render the evidence of a run: one self-contained HTML file, without scripts, for readers who did not see the run."""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from domain.message import Message
from scenarios import diagram
from scenarios.model import Result
from scenarios.observations import PLACES, CounterExample, Place
from scenarios.plots import Band, Plot, Series, draw_plot

MUST_BE_ZERO = ("lost", "duplicated_effects", "out_of_order")
"""The counts that stand beside the verdict."""
_TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(["html"]))


@dataclass(frozen=True, slots=True)
class Reader:
    """How texts, names, numbers and times are written for the reader of the file."""

    language: str
    """Its code, such as `es`."""
    say: Callable[[Message], str]
    translate: Callable[[str], str]
    """Returns the translation of a text by which a scenario describes itself."""
    format_number: Callable[[float, int], str]
    """Writes a number with so many digits after the decimal sign."""
    format_time: Callable[[float], str]
    """Writes date and time, with its zone, of seconds since the epoch."""
    name_component: Callable[[str], str]
    name_count: Callable[[str], str]
    name_figure: Callable[[str], str]
    places: Mapping[Place, str]


ENGLISH = Reader(
    language="en",
    say=str,
    translate=str,
    format_number=lambda value, digits: f"{value:,.{digits}f}",
    format_time=lambda at: f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC",
    name_component=str,
    name_count=lambda name: name.replace("_", " "),
    name_figure=lambda name: name.replace("_", " "),
    places={place: str(place) for place in PLACES},
)
"""The reader of the command line's files."""


def render_html(result: Result, reader: Reader = ENGLISH) -> str:
    """Return the file: verdict and what it rests on first, then counts, plots with the faults shaded, timeline, commands."""
    counts = {name: getattr(result.counts, name) for name in result.counts.__slots__}
    number = reader.format_number
    return _TEMPLATES.get_template("evidence.html").render(
        result=result,
        reader=reader,
        label=partial(_label, reader),
        number=number,
        since=lambda at: f"{'+' if at >= result.started_at else '−'}{number(abs(at - result.started_at), 3)} s",
        seconds=lambda value: "–" if value is None else f"{number(value, 3)} s",
        first_counts={name: counts.pop(name) for name in MUST_BE_ZERO},
        counts=counts,
        figures={reader.name_figure(name): format_figure(value, number) for name, value in result.figures.items()},
        counter_example=_render_counter_example(result.counter_example, reader),
        plots=_draw_plots(result, reader),
        commands=repeat_commands(result),
        run_line=reader.say(_make_run_line(result, number)),
    )


def _label(reader: Reader, name: str) -> str:
    """Return the text `evidence.NAME` in the reader's language. Raises ValueError for an unknown name."""
    return reader.say(Message(f"evidence.{name}"))


def _make_run_line(result: Result, number: Callable[[float, int], str]) -> Message:
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    seconds = number(result.duration_s, 1)
    return Message("evidence_of.run", run=result.run_id, seed=str(result.seed), seconds=seconds, machine=machine)


def _render_counter_example(example: CounterExample | None, reader: Reader) -> dict[str, object] | None:
    if example is None:
        return None
    title = reader.say(Message("evidence_of.property", property=example.get_message()))
    return {
        "title": title,
        "drawing": diagram.draw_counter_example(example, reader.places, title, reader.say),
        "sentences": diagram.describe_counter_example(example, reader.places, reader.say),
    }


def _draw_plots(result: Result, reader: Reader) -> list[tuple[str, str]]:
    """Return title and SVG of the plots: latency of each event, and distinct events over time."""
    label, start = partial(_label, reader), result.started_at
    bands = [
        Band(
            reader.say(
                Message("evidence_of.band", fault=window.get_message(), component=reader.name_component(window.part))
            ),
            window.started_at - start,
            window.ended_at - start,
        )
        for window in result.windows
    ]
    latencies = [(at - start, ms) for at, ms in result.points]
    progress = [
        Series(label(name), name, [(sample.at - start, float(getattr(sample, name))) for sample in result.samples])
        for name in ("committed", "published", "notified")
    ]
    latency = Series(label("latency"), "published", latencies)
    plots = (
        Plot(label("latency"), label("seconds"), label("ms"), [latency], bands, is_logarithmic=True, has_lines=False),
        Plot(label("progress"), label("seconds"), label("events"), progress, bands),
    )
    return [
        (plot.title, draw_plot(plot, f"plot-{number}", reader.format_number))
        for number, plot in enumerate(plots)
        if any(series.points for series in plot.series)
    ]


def format_figure(value: Any, number: Callable[[float, int], str]) -> str:
    """Return a figure of a result as text: a number, a list, or names with numbers."""
    if isinstance(value, Mapping):
        return " · ".join(f"{name} {format_figure(item, number)}" for name, item in value.items())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value, 0 if isinstance(value, int) else 2)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(format_figure(item, number) for item in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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
