"""Draw figures of measurements, readable on a screen and on paper in black and white."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
from plotly.subplots import make_subplots

from lab.words import translate
from scenarios import run_figures
from scenarios.model import FaultWindow, Result

INK = "#1c2430"
COLOURS = ("#2f6fed", "#d9730d", "#1d9a61", "#7a4fd0", "#5b6b82", "#c23b6b")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
WIDTH, HEIGHT = 760, 360


def use_in_notebooks() -> None:
    """Show figures interactively, and with ALPES_NOTEBOOK_STATIC=1 also as pictures, for readers without JavaScript."""
    static = os.environ.get("ALPES_NOTEBOOK_STATIC") == "1"
    pio.renderers.default = "plotly_mimetype+png" if static else "plotly_mimetype"
    if static:
        import warnings

        import kaleido

        warnings.filterwarnings("ignore", "The kopts argument")  # plotly still passes an option that is obsolete

        pio.renderers["png"].scale = 2
        kaleido.start_sync_server(
            silence_warnings=True
        )  # one browser for every figure: starting it is most of the cost


def waterfall(hops: pd.DataFrame) -> go.Figure:
    """Draw the path of one event (`Lab.hops`): a bar for each hop, with its milliseconds and the clock resolution."""
    figure, steps = go.Figure(), hops.iloc[1:]
    starts = hops["since_command_ms"].iloc[:-1].to_list()
    labels = [translate(f"{first}→{second}") for first, second in zip(hops.index[:-1], hops.index[1:], strict=True)]
    figure.add_bar(
        y=labels,
        x=steps["step_ms"],
        base=starts,
        orientation="h",
        marker={"color": COLOURS[: len(labels)], "line": {"color": INK, "width": 1}},
        text=[
            f"{ms:.2f} ms" + (f" (±{r:g})" if r >= 1 else "")
            for ms, r in steps[["step_ms", "resolution_ms"]].to_numpy()
        ],
        textposition="outside",
        cliponaxis=False,
    )
    total_ms = hops["since_command_ms"].max()
    figure.update_xaxes(
        title=translate("ms since the command"), range=[min(0, min(starts)) - total_ms * 0.02, total_ms * 1.25]
    )
    figure.update_yaxes(autorange="reversed")
    return _apply_style(figure)


def ecdf(series: Mapping[str, Sequence[float]], unit: str = "milliseconds", log: bool = True) -> go.Figure:
    """Draw for each series the share of its values that are at most x."""
    figure = go.Figure()
    for number, (name, values) in enumerate(series.items()):
        ordered = sorted(values)
        share = [(rank + 1) / len(ordered) for rank in range(len(ordered))]
        figure.add_scatter(x=ordered, y=share, mode="lines", name=translate(name), line=_line_style(number))
    figure.update_xaxes(title=translate(unit), type="log" if log else "linear", dtick=1 if log else None)
    figure.update_yaxes(title=translate("share of events"), tickformat=".0%", range=[0, 1.02])
    return _apply_style(figure)


def steps(ways: Mapping[str, pd.DataFrame]) -> go.Figure:
    """Draw a bar for each series: the medians of its hops (`Lab.latency`), stacked."""
    figure = go.Figure()
    medians = {name: frame.drop(columns="end_to_end").median() for name, frame in ways.items()}
    names = list(medians)
    for number, hop in enumerate(medians[names[0]].index):
        values = [medians[name].get(hop, 0.0) for name in names]
        figure.add_bar(
            y=names,
            x=values,
            name=translate(hop),
            orientation="h",
            marker={"color": COLOURS[number], "pattern": {"shape": ("", "/", ".", "\\", "x")[number]}},
        )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title=translate("milliseconds"))
    return _apply_style(figure, 180 + 70 * len(names))


def timeline(result: Result) -> go.Figure:
    """Draw a run: events committed, published and notified, and the latency of each event; faults are shaded."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    for number, line in enumerate(run_figures.progress_figure(result).data):
        line.update(line=_line_style(number), name=translate(line.name))
        figure.add_trace(line, row=1, col=1)
    for points in run_figures.latency_figure(result).data:
        points.update(showlegend=False, marker={"color": INK, "size": 4, "opacity": 0.6})
        figure.add_trace(points, row=2, col=1)
    for window in result.windows:
        _shade_fault(figure, result, window)
    figure.update_yaxes(title=translate("distinct events"), row=1, col=1)
    figure.update_yaxes(title=translate("ms from command to notification"), type="log", dtick=1, row=2, col=1)
    figure.update_xaxes(title=translate("seconds since the start"), row=2, col=1)
    return _apply_style(figure, 560)


def bars(values: Mapping[str, float], title: str, pattern: str = "/") -> go.Figure:
    """Draw a bar for each name, with its value as a label."""
    figure = go.Figure()
    figure.add_bar(
        x=[translate(name) for name in values],
        y=list(values.values()),
        text=[f"{value:g}" if value == int(value) else f"{value:.1f}" for value in values.values()],
        textposition="outside",
        cliponaxis=False,
        marker={"color": COLOURS[: len(values)], "pattern": {"shape": pattern}, "line": {"color": INK, "width": 1}},
        width=0.5,
    )
    figure.update_yaxes(title=translate(title), rangemode="tozero")
    return _apply_style(figure)


def lines(series: Mapping[str, pd.DataFrame], x: str, y: str) -> go.Figure:
    """Draw a stepped line for each frame: its second column over its first; `x` and `y` name the axes."""
    figure = go.Figure()
    for number, (name, frame) in enumerate(series.items()):
        columns = [frame[column] for column in frame.columns[:2]]
        line = {**_line_style(number), "shape": "hv"}
        figure.add_scatter(x=columns[0], y=columns[1], mode="lines", name=translate(name), line=line)
    figure.update_xaxes(title=translate(x))
    figure.update_yaxes(title=translate(y), rangemode="tozero")
    return _apply_style(figure)


def points(series: Mapping[str, pd.DataFrame], x: str, y: str) -> go.Figure:
    """Draw the points of each frame: its second column over its first; `x` and `y` name the axes."""
    figure = go.Figure()
    symbols = ("circle", "diamond", "square", "cross")
    for number, (name, frame) in enumerate(series.items()):
        marker = {"color": COLOURS[number], "symbol": symbols[number % 4], "size": 7}
        columns = [frame[column] for column in frame.columns[:2]]
        figure.add_scatter(x=columns[0], y=columns[1], mode="markers", name=translate(name), marker=marker)
    figure.update_xaxes(title=translate(x))
    figure.update_yaxes(title=translate(y))
    return _apply_style(figure)


def _shade_fault(figure: go.Figure, result: Result, window: FaultWindow) -> None:
    starts_at = window.started_at - result.started_at
    ends_at = max(window.ended_at - result.started_at, starts_at + result.duration_s / 300)
    for row in (1, 2):
        has_room_for_label = (
            row == 1 and ends_at - starts_at > result.duration_s / 8
        )  # a label next to a narrow window would cover the curves
        label = {"text": f"{window.part}: {window.fault}", "font": {"size": 12}, "textposition": "top center"}
        figure.add_vrect(
            x0=starts_at,
            x1=ends_at,
            row=row,
            col=1,
            fillcolor="#e5484d",
            opacity=0.18,
            line={"width": 1},
            label=label if has_room_for_label else {},
        )


def _line_style(number: int) -> dict[str, object]:
    return {"color": COLOURS[number % len(COLOURS)], "width": 2.5, "dash": DASHES[number % len(DASHES)]}


def _make_template(trace_types: set[str]) -> dict[str, object]:
    """Return Plotly's white template for these trace types only, because a saved figure contains its template (7 KB)."""
    white = pio.templates["plotly_white"].to_plotly_json()
    return {
        "layout": white["layout"],
        "data": {name: defaults for name, defaults in white["data"].items() if name in trace_types},
    }


def _apply_style(figure: go.Figure, height: int = HEIGHT) -> go.Figure:
    # An assignment, because `update_layout` would merge it into the default template, which has every trace type.
    figure.layout.template = _make_template({trace.type for trace in figure.data})
    figure.update_layout(
        width=WIDTH,
        height=height,
        font={"size": 14, "color": INK, "family": "DejaVu Sans, Arial, sans-serif"},
        margin={"l": 70, "r": 30, "t": 40, "b": 55},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    figure.update_xaxes(showline=True, linecolor=INK, automargin=True)
    figure.update_yaxes(showline=True, linecolor=INK, automargin=True)
    return figure
