"""Make the interactive plots of a run with plotly, for the web page and the notebooks."""

from __future__ import annotations

import plotly.graph_objects as go

from scenarios.model import Result

COLOURS = {"committed": "#5b6b82", "published": "#2f6fed", "notified": "#1d9a61"}


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
