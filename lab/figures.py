"""Figures of what was measured, made to be read on a screen and in black and white on paper."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
from plotly.subplots import make_subplots

from lab.words import said
from scenarios import evidence
from scenarios.model import FaultWindow, Result

INK = "#1c2430"
COLOURS = ("#2f6fed", "#d9730d", "#1d9a61", "#7a4fd0", "#5b6b82", "#c23b6b")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
WIDTH, HEIGHT = 760, 360


def use_in_notebooks() -> None:
    """Show figures interactively; with ALPES_NOTEBOOK_STATIC=1 a picture too, for readers that run no JavaScript."""
    static = os.environ.get("ALPES_NOTEBOOK_STATIC") == "1"
    pio.renderers.default = "plotly_mimetype+png" if static else "plotly_mimetype"
    if static:
        import warnings

        import kaleido

        warnings.filterwarnings("ignore", "The kopts argument")  # plotly passes what a running browser needs no more

        pio.renderers["png"].scale = 2
        kaleido.start_sync_server(
            silence_warnings=True
        )  # one browser for every figure: starting it is most of the cost


def waterfall(hops: pd.DataFrame) -> go.Figure:
    """One event's way (`Lab.hops`): a bar from each hop to the next, with its milliseconds and the clocks' resolution."""
    figure, steps = go.Figure(), hops.iloc[1:]
    starts = hops["since_command_ms"].iloc[:-1].to_list()
    labels = [said(f"{first}→{second}") for first, second in zip(hops.index[:-1], hops.index[1:], strict=True)]
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
    last = hops["since_command_ms"].max()
    figure.update_xaxes(title=said("ms since the command"), range=[min(0, min(starts)) - last * 0.02, last * 1.25])
    figure.update_yaxes(autorange="reversed")
    return _dressed(figure)


def ecdf(series: Mapping[str, Sequence[float]], unit: str = "milliseconds", log: bool = True) -> go.Figure:
    """For each series, the share of its values that are at most x."""
    figure = go.Figure()
    for number, (name, values) in enumerate(series.items()):
        ordered = sorted(values)
        share = [(place + 1) / len(ordered) for place in range(len(ordered))]
        figure.add_scatter(x=ordered, y=share, mode="lines", name=said(name), line=_line(number))
    figure.update_xaxes(title=said(unit), type="log" if log else "linear", dtick=1 if log else None)
    figure.update_yaxes(title=said("share of events"), tickformat=".0%", range=[0, 1.02])
    return _dressed(figure)


def steps(ways: Mapping[str, pd.DataFrame]) -> go.Figure:
    """The median of each hop (`Lab.latency`), stacked: a bar for each series."""
    figure = go.Figure()
    medians = {name: frame.drop(columns="end_to_end").median() for name, frame in ways.items()}
    names = list(medians)
    for number, hop in enumerate(medians[names[0]].index):
        values = [medians[name].get(hop, 0.0) for name in names]
        figure.add_bar(
            y=names,
            x=values,
            name=said(hop),
            orientation="h",
            marker={"color": COLOURS[number], "pattern": {"shape": ("", "/", ".", "\\", "x")[number]}},
        )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title=said("milliseconds"))
    return _dressed(figure, 180 + 70 * len(names))


def timeline(result: Result) -> go.Figure:
    """A run of a scenario: what was committed, published, notified, and each event's delay; the faults are shaded."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    for number, line in enumerate(evidence.progress_figure(result).data):
        line.update(line=_line(number), name=said(line.name))
        figure.add_trace(line, row=1, col=1)
    for points in evidence.latency_figure(result).data:
        points.update(showlegend=False, marker={"color": INK, "size": 4, "opacity": 0.6})
        figure.add_trace(points, row=2, col=1)
    for window in result.windows:
        _shade(figure, result, window)
    figure.update_yaxes(title=said("distinct events"), row=1, col=1)
    figure.update_yaxes(title=said("ms from command to notification"), type="log", dtick=1, row=2, col=1)
    figure.update_xaxes(title=said("seconds since the start"), row=2, col=1)
    return _dressed(figure, 560)


def bars(values: Mapping[str, float], title: str, pattern: str = "/") -> go.Figure:
    """A bar for each name, with its value written on it."""
    figure = go.Figure()
    figure.add_bar(
        x=[said(name) for name in values],
        y=list(values.values()),
        text=[f"{value:g}" if value == int(value) else f"{value:.1f}" for value in values.values()],
        textposition="outside",
        cliponaxis=False,
        marker={"color": COLOURS[: len(values)], "pattern": {"shape": pattern}, "line": {"color": INK, "width": 1}},
        width=0.5,
    )
    figure.update_yaxes(title=said(title), rangemode="tozero")
    return _dressed(figure)


def lines(series: Mapping[str, pd.DataFrame], x: str, y: str) -> go.Figure:
    """A stepped line for each frame: its first column over which its second changes; `x` and `y` name the axes."""
    figure = go.Figure()
    for number, (name, frame) in enumerate(series.items()):
        columns = [frame[column] for column in frame.columns[:2]]
        line = {**_line(number), "shape": "hv"}
        figure.add_scatter(x=columns[0], y=columns[1], mode="lines", name=said(name), line=line)
    figure.update_xaxes(title=said(x))
    figure.update_yaxes(title=said(y), rangemode="tozero")
    return _dressed(figure)


def points(series: Mapping[str, pd.DataFrame], x: str, y: str) -> go.Figure:
    """A cloud of points for each frame, its first column against its second."""
    figure = go.Figure()
    symbols = ("circle", "diamond", "square", "cross")
    for number, (name, frame) in enumerate(series.items()):
        marker = {"color": COLOURS[number], "symbol": symbols[number % 4], "size": 7}
        columns = [frame[column] for column in frame.columns[:2]]
        figure.add_scatter(x=columns[0], y=columns[1], mode="markers", name=said(name), marker=marker)
    figure.update_xaxes(title=said(x))
    figure.update_yaxes(title=said(y))
    return _dressed(figure)


def _shade(figure: go.Figure, result: Result, window: FaultWindow) -> None:
    begin = window.started_at - result.started_at
    end = max(window.ended_at - result.started_at, begin + result.duration_s / 300)
    for row in (1, 2):
        wide = row == 1 and end - begin > result.duration_s / 8  # a name beside a thin line would cover the curves
        label = {"text": f"{window.part}: {window.fault}", "font": {"size": 12}, "textposition": "top center"}
        figure.add_vrect(
            x0=begin,
            x1=end,
            row=row,
            col=1,
            fillcolor="#e5484d",
            opacity=0.18,
            line={"width": 1},
            label=label if wide else {},
        )


def _line(number: int) -> dict[str, object]:
    return {"color": COLOURS[number % len(COLOURS)], "width": 2.5, "dash": DASHES[number % len(DASHES)]}


def _template(trace_types: set[str]) -> dict[str, object]:
    """Plotly's white template for these trace types only: a saved figure carries its template, 7 KB when whole."""
    white = pio.templates["plotly_white"].to_plotly_json()
    return {
        "layout": white["layout"],
        "data": {name: defaults for name, defaults in white["data"].items() if name in trace_types},
    }


def _dressed(figure: go.Figure, height: int = HEIGHT) -> go.Figure:
    # Assigned: `update_layout` would merge it into the default template, which has every trace type.
    figure.layout.template = _template({trace.type for trace in figure.data})
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
