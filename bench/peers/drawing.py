"""Draw the figures of all peers as SVG that needs no script: a row of bars for each peer. This module is pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from bench.peers.measuring import Figures

ROW, BAR, TOP, BOTTOM = 46, 14, 74, 16
NAMES, PANEL, GAP, NUMBER = 130, 190, 24, 62
"""Widths: of the peers' names, of a panel, between panels, and at a panel's end for the number."""
LEAST_MS = 1.0
"""The left end of the logarithmic axis."""
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2933}.s{fill:#5b6770;font-size:12px}.a{fill:#2b6cb0}.b{fill:#90b4dd}.l{fill:#c2412d}"
    "@media(prefers-color-scheme:dark){text{fill:#e6e9ec}.s{fill:#a3adb6}.a{fill:#63a4e8}.b{fill:#3d648f}.l{fill:#ef7a66}}"
)


@dataclass(frozen=True, slots=True)
class Bar:
    style: str
    value: Callable[[Figures], float]


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    subtitle: str
    bars: tuple[Bar, ...]
    is_logarithmic: bool = False


PANELS = (
    Panel(
        "insert to receipt (ms)",
        "p50 dark, p99 light, logarithmic",
        (Bar("a", lambda measured: measured.p50_ms), Bar("b", lambda measured: measured.p99_ms)),
        is_logarithmic=True,
    ),
    Panel("storm", "commits a second", (Bar("a", lambda measured: measured.storm.commits_per_s),)),
    Panel(
        "cost of the storm",
        "CPU ms per event, all processes",
        (Bar("a", lambda measured: sum(cost.cpu_ms_per_event for cost in measured.storm.costs)),),
    ),
    Panel("lost", "events, broker killed under load", (Bar("l", lambda measured: float(measured.kill.outcome.lost)),)),
)


def draw(figures: Sequence[Figures]) -> str:
    """Return the drawing of at least one peer. Its colours follow the reader's light or dark scheme."""
    width = NAMES + len(PANELS) * (PANEL + GAP)
    height = TOP + ROW * len(figures) + BOTTOM
    parts = [_text(0, _middle(row), measured.name) for row, measured in enumerate(figures)]
    for column, panel in enumerate(PANELS):
        parts += _draw_panel(panel, NAMES + column * (PANEL + GAP), figures)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        f"<title>Latency, throughput, cost and losses of each way to publish</title><style>{STYLE}</style>\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _draw_panel(panel: Panel, left: int, figures: Sequence[Figures]) -> list[str]:
    parts = [_text(left, 20, panel.title), _text(left, 38, panel.subtitle, "s")]
    most = max(bar.value(measured) for bar in panel.bars for measured in figures)
    for row, measured in enumerate(figures):
        y = _middle(row) - BAR * len(panel.bars) / 2 - 4
        for number, bar in enumerate(panel.bars):
            value = bar.value(measured)
            length = _scale(value, most, panel.is_logarithmic) * (PANEL - NUMBER)
            at = y + number * (BAR + 1)
            parts.append(
                f'<rect class="{bar.style}" x="{left}" y="{at:.1f}" width="{max(length, 1):.1f}" height="{BAR}" rx="2"/>'
            )
            parts.append(_text(left + length + 5, at + BAR - 3, _write(value), "s"))
    return parts


def _scale(value: float, most: float, is_logarithmic: bool) -> float:
    """Return the length of a bar as a share of the longest, from 0 to 1."""
    if is_logarithmic:
        return math.log(max(value, LEAST_MS) / LEAST_MS) / math.log(max(most, 2 * LEAST_MS) / LEAST_MS)
    return value / most if most else 0.0


def _middle(row: int) -> float:
    return TOP + ROW * row + BAR / 2


def _write(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _text(x: float, y: float, words: str, style: str = "") -> str:
    attribute = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{attribute}>{escape(words)}</text>'
