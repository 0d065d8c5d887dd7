"""End-to-end latency of the last events, and the counts that must agree."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from dashboard.view_models.live import Counts, Live

COLOURS = {"CommissionCalculated": "#4c78d8", "CommissionApproved": "#2a9d6f"}


def chart(live: Live) -> None:
    st.subheader(
        "4 · End-to-end latency", anchor=False, help="From the handler to the notification's commit, in milliseconds."
    )
    if not live.points:
        st.info("No event has arrived yet. Issue a command and watch its time appear here.", icon="ℹ️")
        return
    figure = go.Figure()
    for kind, colour in COLOURS.items():
        points = [point for point in live.points if point.type == kind]
        figure.add_scatter(
            x=[point.at for point in points],
            y=[round(point.ms, 2) for point in points],
            text=[point.commission_id for point in points],
            mode="markers",
            name=kind,
            marker={"color": colour, "size": 7},
            hovertemplate="%{y} ms<br>%{x|%H:%M:%S.%L}<br>%{text}<extra></extra>",
        )
    for name in ("p50", "p95"):
        value = live.percentiles[name]
        label = {"text": f"{name} {value:.1f} ms", "font": {"size": 11}}
        figure.add_hline(y=value, line_dash="dot", line_color="#888", annotation=label, annotation_position="top left")
    figure.update_layout(
        height=200,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        yaxis={"title": "ms", "rangemode": "tozero"},
        legend={"orientation": "h", "y": 1.15, "x": 1, "xanchor": "right"},
        uirevision="latency",
    )
    st.plotly_chart(figure, width="stretch", key="latency", config={"displayModeBar": False})


def strip(counts: Counts) -> None:
    """Committed = published = notified, each from a source of its own."""
    st.subheader(
        "5 · Nothing lost, nothing doubled", anchor=False, help="Counts of distinct events from independent sources."
    )
    cells = (
        ("Committed", counts.committed, "Rows of `outbox_event` in the database."),
        ("Published", counts.published, "Distinct events the observer saw on Pulsar."),
        ("Notified", counts.notified, "Rows of `notification`, each event once."),
        ("In flight", counts.in_flight, "Committed and not yet notified."),
        ("Watermark", counts.watermark, "Highest outbox `seq` seen on Pulsar."),
        ("Duplicates", counts.duplicates, "Deliveries that came again and changed nothing."),
    )
    for start in (0, 3):
        for column, (label, value, help_text) in zip(st.columns(3), cells[start : start + 3], strict=True):
            column.metric(label, "—" if value is None else f"{value:,}", help=help_text)
