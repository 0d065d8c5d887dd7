"""Make the plotly figures.

Each is made once for a version of its data and shared by all pages; a visitor's zoom is kept (`uirevision`).
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import plotly.graph_objects as go

from dashboard.i18n import _
from dashboard.view_models import scenario_words
from dashboard.view_models.faults import FaultWindow
from dashboard.view_models.latencies import LEAST_MS, Rate

TIMED = ("rates", "backlog")
FAULT_COLOUR = "#b06c00"
"""Amber: a fault is injected on purpose, and red is for what is lost."""
LABEL_SHARE = 0.16
"""Share of the width that the name of a fault may take."""
BARS_A_DECADE = 12
CONFIG = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "png", "scale": 2},
}


def shade(figure: go.Figure, windows: Sequence[FaultWindow], zone: str | None, since: float) -> None:
    """Shade the times of faults in amber, and write a fault's name unless it would overlap the previous one."""
    room = LABEL_SHARE * (time.time() - since)
    free_from = since
    for window in windows:
        end = window.ended_at or time.time()
        if end < since:
            continue
        label = ""
        if window.started_at >= free_from:
            label = scenario_words.broken(window.fault, window.part)
            free_from = window.started_at + room
        figure.add_vrect(
            x0=_at(window.started_at, zone),
            x1=_at(max(end, window.started_at + 0.2), zone),
            fillcolor=FAULT_COLOUR,
            opacity=0.16,
            line_width=0,
            annotation={"text": label, "font": {"size": 10, "color": FAULT_COLOUR}},
            annotation_position="top left",
        )


def histogram(values: Sequence[float]) -> go.Figure:
    """Return the distribution of durations in ms, with equally many bars for each power of ten.

    So one event that took 10 s does not hide those that took 10 ms.
    """
    counts = Counter(math.floor(math.log10(value) * BARS_A_DECADE) for value in _drawable(values))
    edges = [(10 ** (place / BARS_A_DECADE), 10 ** ((place + 1) / BARS_A_DECADE)) for place in counts]
    figure = go.Figure(
        go.Bar(
            x=[(low + high) / 2 for low, high in edges],
            width=[high - low for low, high in edges],
            y=list(counts.values()),
            marker={"color": "#4c8bf5"},
            customdata=edges,
            hovertemplate="%{customdata[0]:.3~g}–%{customdata[1]:.3~g} ms: %{y}<extra></extra>",
        )
    )
    _lay_out(figure, "histogram")
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title="ms", type="log", tickformat="~g")
    figure.update_yaxes(title=_("events"))
    return figure


def _drawable(values: Sequence[float]) -> list[float]:
    """Return the values in ms, raised to `LEAST_MS` where a logarithmic axis has no place for them."""
    return [max(LEAST_MS, value) for value in values]


def ecdf(values: Sequence[float]) -> go.Figure:
    """Return the cumulative distribution: for each duration in ms, the share of events that took no longer."""
    ordered = sorted(_drawable(values))
    share = [(place + 1) / len(ordered) for place in range(len(ordered))]
    step = max(1, len(ordered) // 2000)
    places = sorted({*range(0, len(ordered), step), len(ordered) - 1} if ordered else set())
    figure = go.Figure(
        go.Scatter(
            x=[ordered[place] for place in places],
            y=[share[place] for place in places],
            mode="lines",
            line={"shape": "hv", "color": "#4c8bf5"},
            hovertemplate="%{y:.1%} ≤ %{x:.2f} ms<extra></extra>",
        )
    )
    _lay_out(figure, "ecdf")
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title="ms", type="log", tickformat="~g")
    figure.update_yaxes(title=_("share of events"), tickformat=".0%", range=[0, 1.02])
    return figure


def rates(samples: Sequence[Rate], windows: Sequence[FaultWindow], zone: str | None) -> go.Figure:
    figure = go.Figure()
    at = [_at(rate.at, zone) for rate in samples]
    figure.add_scatter(
        x=at, y=[rate.produced for rate in samples], name=_("committed / s"), mode="lines", line={"color": "#4c8bf5"}
    )
    figure.add_scatter(
        x=at,
        y=[rate.consumed for rate in samples],
        name=_("notified / s"),
        mode="lines",
        line={"color": "#1fa97a", "dash": "dash"},
    )
    shade(figure, windows, zone, samples[0].at if samples else time.time())
    _lay_out(figure, "rates")
    figure.update_yaxes(title=_("events / s"), rangemode="tozero")
    return figure


def backlog(samples: Sequence[Rate], windows: Sequence[FaultWindow], zone: str | None) -> go.Figure:
    figure = go.Figure()
    at = [_at(rate.at, zone) for rate in samples]
    figure.add_scatter(
        x=at,
        y=[rate.backlog for rate in samples],
        mode="lines",
        fill="tozeroy",
        line={"color": "#c77700"},
        name=_("backlog"),
    )
    shade(figure, windows, zone, samples[0].at if samples else time.time())
    _lay_out(figure, "backlog")
    figure.update_layout(showlegend=False)
    figure.update_yaxes(title=_("events"), rangemode="tozero", minallowed=0)
    return figure


def config(name: str) -> dict[str, Any]:
    """Return plotly's configuration, with the name of the PNG file that the camera button saves."""
    return CONFIG | {"toImageButtonOptions": {"format": "png", "scale": 2, "filename": f"alpes-{name}"}}


def _lay_out(figure: go.Figure, revision: str) -> None:
    figure.update_layout(
        margin={"l": 4, "r": 4, "t": 8, "b": 4},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right", "font": {"size": 11}},
        uirevision=revision,
        hovermode="closest",
    )
    if revision in TIMED:
        figure.update_xaxes(tickformat="%H:%M:%S")  # without month names, which plotly has in English only


def _at(seconds: float, zone: str | None) -> datetime:
    """Return a naive time in the visitor's zone, because plotly draws a time as it is written."""
    at = datetime.fromtimestamp(seconds, UTC)
    return at.astimezone(ZoneInfo(zone) if zone else None).replace(tzinfo=None)
