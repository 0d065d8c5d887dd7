"""Draw the two plots of a run as SVG that needs no script: points or lines over time, with faults shaded. This module is pure.

Colours come from the page around the drawing: `currentColor` for ink, and the custom properties `--soft`, `--line`, `--fault`
and one for each series. The size of the texts is set by the page's style sheet, so that they can be larger on a telephone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 468, 62, 254
"""The area of the data; axes' numbers and names are around it."""
CHAR_WIDTH = 9.5
"""Width of a character at the largest size of the texts, in the drawing's units."""
LABEL_ROWS, LABEL_HEIGHT = 3, 18
MAX_TICKS = 6
FINE, COARSE = 0.1, 1.0
"""Coordinates are rounded to the one or, beyond `MANY_POINTS`, to the other: points that coincide are drawn once."""
MANY_POINTS = 5_000
LEAST = 1e-6
"""Smaller values are drawn as this one on a logarithmic axis, and end no linear one."""
DASHES = ("none", "7 3", "2 3")
"""Patterns of the lines, so that they can be told apart without colours."""

FormatNumber = Callable[[float, int], str]
"""Writes a number with so many digits after the decimal sign."""


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    colour: str
    """Name of the custom property that holds it, without the dashes."""
    points: Sequence[tuple[float, float]]
    """(seconds since the start, value), in the order of time."""


@dataclass(frozen=True, slots=True)
class Band:
    """The time of a fault, which is shaded."""

    name: str
    started_s: float
    """Seconds since the start of the run."""
    ended_s: float


@dataclass(frozen=True, slots=True)
class Plot:
    title: str
    """For screen readers; the drawing does not show it."""
    x_name: str
    y_name: str
    series: Sequence[Series]
    bands: Sequence[Band] = ()
    is_logarithmic: bool = False
    """Whether equal distances stand for equal factors. Values below `LEAST` are drawn as `LEAST`."""
    has_lines: bool = True
    """Whether the points of a series are joined."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps values to coordinates of the drawing."""

    ticks: tuple[float, ...]
    low: float
    high: float
    first: float
    """The coordinate of `low`."""
    last: float
    is_logarithmic: bool = False

    def place(self, value: float) -> float:
        """Return the coordinate of a value; one outside the axis is placed at its end."""
        if self.is_logarithmic:
            share = (math.log10(max(value, self.low)) - math.log10(self.low)) / math.log10(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.first + min(1.0, max(0.0, share)) * (self.last - self.first)


def draw_plot(plot: Plot, id_: str, format_number: FormatNumber) -> str:
    """Return the SVG. `id_` must be unique in the document that contains it."""
    ends = [at for series in plot.series for at, _value in series.points] + [band.ended_s for band in plot.bands]
    values = [value for series in plot.series for _at, value in series.points]
    x_axis = make_axis(ends, LEFT, RIGHT)
    y_axis = make_axis(values, BOTTOM, TOP, plot.is_logarithmic)
    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" xmlns="http://www.w3.org/2000/svg" role="img"',
        f' aria-labelledby="{id_}-title {id_}-text" font-family="inherit" fill="currentColor">',
        f'<title id="{id_}-title">{escape(plot.title)}</title>',
        f'<desc id="{id_}-text">{escape(_describe(plot, format_number))}</desc>',
        *_draw_axes(x_axis, y_axis, format_number),
        f'<text x="4" y="16">{escape(plot.y_name)}</text>',
        f'<text x="{RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{escape(plot.x_name)}</text>',
        *_draw_bands(plot.bands, x_axis),
        *_draw_series(plot, x_axis, y_axis),
        "</svg>",
    ]
    return "".join(parts)


def make_axis(values: Sequence[float], first: float, last: float, is_logarithmic: bool = False) -> Axis:
    """Return an axis on which all values have their place, with 2 to `MAX_TICKS` round ticks; linear ones begin at 0."""
    if is_logarithmic:
        ticks = _find_factors([max(value, LEAST) for value in values])
        return Axis(ticks, ticks[0], ticks[-1], first, last, True)
    high = max([value for value in values if value >= LEAST], default=1.0)
    step = _find_step(high / (MAX_TICKS - 1))
    count = math.ceil(round(high / step, 9))
    ticks = tuple(step * number for number in range(count + 1))
    return Axis(ticks, 0.0, ticks[-1], first, last)


def _find_step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(
        (factor * power for factor in (1.0, 2.0, 5.0) if factor * power >= least * (1 - 1e-9)),
        10.0 * power,
    )


def _find_factors(values: Sequence[float]) -> tuple[float, ...]:
    """Return round numbers around the values: 1, 2 and 5 times powers of ten, or only some of the powers."""
    least, most = min(values, default=1.0), max(values, default=1.0)
    first, last = math.floor(math.log10(least)), math.ceil(math.log10(most))
    fine = [factor * 10.0**power for power in range(first - 1, last + 2) for factor in (1.0, 2.0, 5.0)]
    low = max(tick for tick in fine if tick <= least * (1 + 1e-9))
    high = min(tick for tick in fine if tick >= most and tick > low)
    ticks = tuple(tick for tick in fine if low <= tick <= high)
    if len(ticks) <= MAX_TICKS:
        return ticks
    last = max(last, first + 1)
    every = math.ceil((last - first) / (MAX_TICKS - 1))
    return tuple(10.0**power for power in range(first, last + every, every))


def count_digits(ticks: Sequence[float], tick: float, is_logarithmic: bool) -> int:
    """Return how many digits after the decimal sign the number of a tick needs."""
    smallest = tick if is_logarithmic else ticks[1] - ticks[0]
    return max(0, -math.floor(math.log10(smallest) + 1e-9)) if smallest > 0 else 0


def _draw_axes(x_axis: Axis, y_axis: Axis, format_number: FormatNumber) -> list[str]:
    parts = []
    for tick in y_axis.ticks:
        y = _trim(y_axis.place(tick))
        label = format_number(tick, count_digits(y_axis.ticks, tick, y_axis.is_logarithmic))
        parts.append(f'<line x1="{LEFT}" y1="{y}" x2="{RIGHT}" y2="{y}" stroke="var(--line, GrayText)"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y}" dy=".35em" text-anchor="end">{escape(label)}</text>')
    for tick in x_axis.ticks:
        x = _trim(x_axis.place(tick))
        label = format_number(tick, count_digits(x_axis.ticks, tick, False))
        parts.append(f'<line x1="{x}" y1="{BOTTOM}" x2="{x}" y2="{BOTTOM + 5}" stroke="currentColor"/>')
        parts.append(f'<text class="tick" x="{x}" y="{BOTTOM + 20}" text-anchor="middle">{escape(label)}</text>')
    parts.append(f'<path d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}" fill="none" stroke="currentColor"/>')
    return parts


def _draw_bands(bands: Sequence[Band], x_axis: Axis) -> list[str]:
    """Shade each band and write its name in the first row that has room; a name without room is in its title alone."""
    parts, free_from = [], [float(LEFT)] * LABEL_ROWS
    for band in bands:
        begin, end = x_axis.place(band.started_s), x_axis.place(band.ended_s)
        width = max(end - begin, 2.0)
        parts.append(
            f'<rect x="{_trim(begin)}" y="{TOP}" width="{_trim(width)}" height="{BOTTOM - TOP}"'
            f' fill="var(--fault, GrayText)" fill-opacity=".2"><title>{escape(band.name)}</title></rect>'
        )
        length = len(band.name) * CHAR_WIDTH
        at = max(float(LEFT), min(begin + 3, RIGHT - length))
        row = next((number for number, free in enumerate(free_from) if free <= at), None)
        if row is None or length > RIGHT - LEFT:
            continue
        free_from[row] = at + length + CHAR_WIDTH
        parts.append(
            f'<text class="band" x="{_trim(at)}" y="{TOP + 14 + row * LABEL_HEIGHT}" fill="var(--fault, currentColor)">'
            f"{escape(band.name)}</text>"
        )
    return parts


def _draw_series(plot: Plot, x_axis: Axis, y_axis: Axis) -> list[str]:
    """Draw lines or dots, and above them the name of each series if there are several."""
    parts, legend_x = [], float(LEFT)
    for number, series in enumerate(plot.series):
        colour = f"var(--{series.colour}, currentColor)"
        grid = FINE if len(series.points) <= MANY_POINTS else COARSE
        places = [(_snap(x_axis.place(at), grid), _snap(y_axis.place(value), grid)) for at, value in series.points]
        dashes = DASHES[number % len(DASHES)]
        if plot.has_lines:
            path = "L".join(f"{_trim(x)} {_trim(y)}" for x, y in thin_line(places))
            looks = f'stroke-width="2" stroke-dasharray="{dashes}" stroke-linejoin="round"'
        else:
            path = "M".join(f"{_trim(x)} {_trim(y)}h0" for x, y in dict.fromkeys(places))
            looks = 'stroke-width="4" stroke-linecap="round" stroke-opacity=".7"'
        if path:
            parts.append(f'<path class="data" d="M{path}" fill="none" stroke="{colour}" {looks}/>')
        if len(plot.series) > 1:
            line = f'stroke="{colour}" stroke-width="3" stroke-dasharray="{dashes}"'
            parts.append(f'<line x1="{_trim(legend_x)}" y1="38" x2="{_trim(legend_x + 20)}" y2="38" {line}/>')
            parts.append(f'<text x="{_trim(legend_x + 26)}" y="43">{escape(series.name)}</text>')
            legend_x += 40 + len(series.name) * CHAR_WIDTH
    return parts


def thin_line(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the places that a line needs: of those with the same x, the first and the last."""
    thinned: list[tuple[float, float]] = []
    for place in places:
        if len(thinned) >= 2 and thinned[-1][0] == thinned[-2][0] == place[0]:
            thinned[-1] = place
        elif not thinned or thinned[-1] != place:
            thinned.append(place)
    return thinned


def _describe(plot: Plot, format_number: FormatNumber) -> str:
    """Return the drawing's text alternative: the range of each series, and the bands."""
    sentences = []
    for series in plot.series:
        if series.points:
            values = [value for _at, value in series.points]
            ends = " – ".join(format_number(end, 0 if end >= 100 else 1) for end in (min(values), max(values)))
            sentences.append(f"{series.name}: {ends}")
    sentences += [
        f"{band.name}: {format_number(band.started_s, 1)} – {format_number(band.ended_s, 1)} s" for band in plot.bands
    ]
    return "; ".join([f"{plot.y_name}, {plot.x_name}", *sentences])


def _snap(coordinate: float, grid: float) -> float:
    return round(round(coordinate / grid) * grid, 1)


def _trim(coordinate: float) -> str:
    return f"{coordinate:.1f}".removesuffix(".0")
