"""The live latency chart: its time axis ends now, a pause is a gap, and a fault is shaded from its first second."""

from __future__ import annotations

import re
import time

from dashboard.components import scatter
from dashboard.view_models.faults import FaultWindow
from dashboard.view_models.latencies import Point

NOW = 1_800_000_000.0


def points(*ago_s: float) -> list[Point]:
    return [Point(int((NOW - ago) * 1e6), "CommissionCalculated", f"e{ago}", "c", 12.0) for ago in ago_s]


def positions(html: str) -> list[float]:
    return [float(found) for found in re.findall(r'cx="([\d.]+)%"', html)]


def test_the_axis_ends_now_and_not_at_the_last_event() -> None:
    first, last = positions(str(scatter.chart(points(100, 50), [], "UTC", NOW)))
    assert first == 6.5
    assert 50 < last < 55, "half of the time has passed since"


def test_one_second_of_events_does_not_fill_the_chart() -> None:
    shown = positions(str(scatter.chart(points(1.0, 0.5, 0.0), [], "UTC", NOW)))
    assert min(shown) > 95


def test_no_line_goes_through_a_pause() -> None:
    html = str(scatter.chart(points(100, 99, 98, 5, 4), [], "UTC", NOW))
    lines = re.findall(r'<polyline points="([^"]*)" class="p50"', html)
    assert [len(line.split()) for line in lines] == [3, 2]


def test_a_fault_that_goes_on_is_shaded_up_to_now_although_no_event_came_since() -> None:
    now = time.time()
    point = Point(int((now - 100) * 1e6), "CommissionCalculated", "e", "c", 12.0)
    window = FaultWindow("broker", "kill", now - 10, None)
    html = str(scatter.chart([point], [window], "UTC", now))
    (x, width) = re.search(r'<rect x="([\d.]+)%" y="\d+" width="([\d.]+)%"', html).groups()  # type: ignore[union-attr]
    assert 88 < float(x) < 91
    assert 98 < float(x) + float(width) <= 100


def test_every_event_has_a_dot_and_the_slowest_can_be_hovered() -> None:
    """500 elements that move at each drawing kept a browser busy, so the dots of a type are one element."""
    shown = [Point(int((NOW - 90) * 1e6) + n, "CommissionCalculated", f"e{n}", "c", 1.0 + n) for n in range(500)]
    html = str(scatter.chart(shown, [], "UTC", NOW))
    (path,) = re.findall(r'<path d="([^"]*)"', html)
    assert path.count("M") == path.count("h0") == 500
    hovered = re.findall(r'data-key="e(\d+)"', html)
    assert sorted(map(int, hovered)) == list(range(500 - scatter.SLOWEST, 500))
