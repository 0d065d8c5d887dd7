"""Draw the live latency chart as SVG.

It is drawn twice a second for every open page, for which a plotly figure is too slow: 60 ms to check and send again,
against 1 ms (docs/decisions/0022).
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from itertools import pairwise

from dashboard.components.event_classes import event_class
from dashboard.components.markup import Html, join, tag
from dashboard.i18n import _, instant, milliseconds, number
from dashboard.view_models import scenario_words
from dashboard.view_models.faults import FaultWindow
from dashboard.view_models.latencies import LEAST_MS, Point, rolling

HEIGHT = 205
TOP, BOTTOM = 8, 184
"""Edges of the plot in pixels from above; the times are written below it."""
LINES = (("p50", 0.5), ("p95", 0.95))
TICKS = 5
LEAST_SPAN_US = 60_000_000
"""The time axis is at least a minute long."""
PAUSE_US = 10_000_000
SLOWEST = 12
"""The number of events whose dots can be hovered. Each is an element of its own, which a browser moves at every drawing."""
LABEL_WIDTH = 18.0
"""Percent of the width that the name of a fault may take."""


def chart(points: Sequence[Point], windows: Sequence[FaultWindow], zone: str | None, now: float) -> Html:
    """Return the chart. `points` must be in the order in which they were notified, and at least one.

    Its time axis ends at `now`, in seconds since the epoch: when nothing arrives, the right side is empty.
    """
    axis = _Axes(points, now)
    values = [point.ms for point in points]
    lines = {name: rolling(values, rank) for name, rank in LINES}
    slowest = sorted(points, key=lambda point: point.ms)[-SLOWEST:]
    paths = [
        _line(axis, points[part], lines[name][part], name) for name, _rank in LINES for part in _busy_times(points)
    ]
    shaded = _shades(axis, [window for window in windows if axis.sees(window)])
    plane = tag(
        "svg",
        join([*_dots(axis, points), *paths]),
        viewBox="0 0 1000 1000",
        preserveAspectRatio="none",
        y=TOP,
        height=BOTTOM - TOP,
        width="100%",
    )
    summary = _("Latency of the last {n} events: p50 {a}, p95 {b}").format(
        n=number(len(points)), a=milliseconds(lines["p50"][-1]), b=milliseconds(lines["p95"][-1])
    )
    inner = join([*shaded, _grid(axis, zone), plane, *(_dot_to_hover(axis, point, zone) for point in slowest)])
    drawn = tag("svg", inner, class_="scatter", role="img", aria_label=summary, width="100%", height=HEIGHT)
    return join([_legend(points, lines), tag("div", drawn, class_="plot")])


class _Axes:
    """Convert times, and milliseconds on a logarithmic scale, to positions in the drawing."""

    def __init__(self, points: Sequence[Point], now: float) -> None:
        times = [point.at_us for point in points]
        self.end = max([*times, int(now * 1e6)])
        self.start = min([*times, self.end - LEAST_SPAN_US])
        self.span = self.end - self.start
        sizes = [max(point.ms, LEAST_MS) for point in points]
        self.low = math.floor(math.log10(min(sizes)))
        self.high = max(math.ceil(math.log10(max(sizes))), self.low + 1)

    def x(self, at_us: float) -> float:
        """Return the position in percent from the left."""
        return 6.5 + 92.5 * (at_us - self.start) / self.span

    def share(self, ms: float) -> float:
        """Return the position as a share of the plot's height from the top, 0 to 1."""
        return 1 - (math.log10(max(ms, LEAST_MS)) - self.low) / (self.high - self.low)

    def y(self, ms: float) -> float:
        return TOP + (BOTTOM - TOP) * self.share(ms)

    def sees(self, window: FaultWindow) -> bool:
        return (
            window.ended_at or time.time()
        ) * 1e6 >= self.start and window.started_at * 1e6 <= self.start + self.span


def _dots(axis: _Axes, points: Sequence[Point]) -> list[Html]:
    """Return a path for each type of event. A line of no length with round ends is a dot; 500 elements would be slow to move."""
    places: dict[str, list[str]] = {}
    for point in points:
        place = f"M{axis.x(point.at_us) * 10:.1f} {axis.share(point.ms) * 1000:.0f}h0"
        places.setdefault(point.type, []).append(place)
    return [
        tag("path", "", d="".join(of_type), class_=f"dots {event_class(kind)}", data_key=kind)
        for kind, of_type in sorted(places.items())
    ]


def _dot_to_hover(axis: _Axes, point: Point, zone: str | None) -> Html:
    title = tag("title", f"{milliseconds(point.ms)} · {point.type} · {instant(point.at_us, zone)}")
    return tag(
        "circle",
        title,
        class_=event_class(point.type),
        cx=f"{axis.x(point.at_us):.2f}%",
        cy=f"{axis.y(point.ms):.1f}",
        r="2.6",
        data_key=point.event_id,
    )


def _busy_times(points: Sequence[Point]) -> list[slice]:
    """Return the ranges of points without a pause between them: a line through a pause would show what was not measured."""
    ends = [place for place in range(1, len(points)) if points[place].at_us - points[place - 1].at_us > PAUSE_US]
    return [slice(first, last) for first, last in pairwise([0, *ends, len(points)])]


def _line(axis: _Axes, points: Sequence[Point], values: Sequence[float], name: str) -> Html:
    places = " ".join(
        f"{axis.x(point.at_us) * 10:.0f},{axis.share(value) * 1000:.0f}"
        for point, value in zip(points, values, strict=True)
    )
    return tag("polyline", "", points=places, class_=name)


def _shades(axis: _Axes, windows: Sequence[FaultWindow]) -> list[Html]:
    """Shade the times of faults; a name that would overlap the previous one is shown on hover only."""
    shaded, free_from = [], 0.0
    for window in windows:
        left = max(6.0, axis.x(window.started_at * 1e6))
        named = left >= free_from
        shaded.append(_shade(axis, window, left, named))
        if named:
            free_from = left + LABEL_WIDTH
    return shaded


def _shade(axis: _Axes, window: FaultWindow, left: float, named: bool) -> Html:
    right = min(100.0, axis.x((window.ended_at or time.time()) * 1e6))
    label = scenario_words.broken(window.fault, window.part)
    # Near the right edge the name is written to the left of the start.
    anchor = "end" if left > 80 else "start"
    area = tag(
        "rect",
        tag("title", label),
        x=f"{left:.2f}%",
        y=TOP,
        width=f"{max(right - left, 0.3):.2f}%",
        height=BOTTOM - TOP,
    )
    words_ = tag("text", label, x=f"{left + (-0.5 if anchor == 'end' else 0.5):.2f}%", y=TOP + 11, text_anchor=anchor)
    return tag("g", join([area, words_]) if named else area, class_="fault")


def _grid(axis: _Axes, zone: str | None) -> Html:
    parts = []
    for power in range(axis.low, axis.high + 1):
        y = f"{axis.y(10**power):.1f}"
        parts.append(tag("line", "", x1="0", x2="100%", y1=y, y2=y))
        parts.append(
            tag(
                "text",
                f"{number(10**power, max(0, -power))} ms" if power < 3 else f"{number(10 ** (power - 3))} s",
                x="2",
                y=float(y) - 3,
            )
        )
    digits = 8 if axis.span >= TICKS * 2_000_000 else 10  # of hh:mm:ss.mmm; with tenths where seconds would repeat
    for place in range(TICKS):
        at = axis.start + axis.span * place / (TICKS - 1)
        anchor = "start" if place == 0 else "end" if place == TICKS - 1 else "middle"
        parts.append(
            tag("text", instant(int(at), zone)[:digits], x=f"{axis.x(at):.1f}%", y=BOTTOM + 16, text_anchor=anchor)
        )
    return tag("g", join(parts), class_="grid")


def _legend(points: Sequence[Point], lines: dict[str, list[float]]) -> Html:
    kinds = {point.type for point in points}
    parts = [tag("span", kind.removeprefix("Commission"), class_=f"key {event_class(kind)}") for kind in sorted(kinds)]
    parts += [
        tag("span", f"{name} {milliseconds(line[-1])}", class_=f"key {name}", title=_("Of the last fifty events."))
        for name, line in lines.items()
    ]
    return tag("div", join(parts), class_="legend")
