"""Draw a counter-example as a space-time diagram: a vertical lane for each place; time runs downwards. This module is pure.

The drawing is SVG of a fixed small width, so that it can be read on a telephone. Its colours come from the page around it:
`currentColor` for ink, and the custom properties `--ground` (behind texts), `--soft`, `--line` and `--bad`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from html import escape

from domain.message import Message
from scenarios.observations import PLACES, CounterExample, Observation, Place

WIDTH = 360
FIRST_LANE_X, LANE_DISTANCE = 30, 60
HEAD_HEIGHT, ROW_HEIGHT, LINE_HEIGHT = 44, 26, 14
"""Of the lanes' names, of an observation without its text, and of one line of its text."""
CHAR_WIDTH = 6.6
"""Width of a character of the texts, in the drawing's units; rather too large, so that no text is cut off."""
DASHES = ("", "6 3", "2 3")
"""Patterns of the lines, so that the paths of different events can be told apart without colours."""
ID_LENGTH = 8

Say = Callable[[Message], str]
"""Returns the text of a message in the reader's language."""


def draw_counter_example(counter_example: CounterExample, places: Mapping[Place, str], title: str, say: Say) -> str:
    """Return the SVG. `places` are the names of the lanes, `title` names the property, and `say` returns a message's text."""
    rows = _lay_out(counter_example.events, say)
    height = rows[-1].y + ROW_HEIGHT + LINE_HEIGHT * len(rows[-1].lines)
    sentences = describe_counter_example(counter_example, places, say)
    parts = [
        f'<svg class="space-time" viewBox="0 0 {WIDTH} {height}" xmlns="http://www.w3.org/2000/svg" role="img"',
        ' aria-labelledby="space-time-title space-time-text" font-family="inherit" font-size="12" fill="currentColor">',
        f'<title id="space-time-title">{escape(title)}</title>',
        f'<desc id="space-time-text">{escape("; ".join(sentences))}</desc>',
        *(_draw_lane(place, name, height) for place, name in places.items()),
        *_draw_paths(rows),
        *(_draw_row(row) for row in rows),
        "</svg>",
    ]
    return "".join(parts)


def describe_counter_example(counter_example: CounterExample, places: Mapping[Place, str], say: Say) -> list[str]:
    """Return one sentence for each observation, in the order of time: the text alternative of the drawing."""
    started_at = _find_start(counter_example.events)
    return [
        f"{_format_time(event, started_at)} {places[event.place]}: {say(event.get_message())} ({event.id[:ID_LENGTH]})"
        for event in counter_example.events
    ]


class _Row:
    """One observation with its place in the drawing."""

    def __init__(self, event: Observation, y: int, lines: list[str], time: str) -> None:
        self.event = event
        self.x = _find_x(event.place)
        self.y = y
        self.lines = lines
        self.time = time
        self.text_is_right = self.x < WIDTH / 2
        """Whether its text stands to the right of its dot, and not to the left."""


def _lay_out(events: Sequence[Observation], say: Say) -> list[_Row]:
    rows: list[_Row] = []
    started_at, y = _find_start(events), HEAD_HEIGHT + LINE_HEIGHT
    for event in events:
        x = _find_x(event.place)
        max_chars = int((max(x, WIDTH - x) - 14) / CHAR_WIDTH)
        lines = textwrap.wrap(say(event.get_message()), max_chars) or [""]
        time = f"{_format_time(event, started_at)} · {event.id[:ID_LENGTH]}"
        rows.append(_Row(event, y, lines, time))
        y += ROW_HEIGHT + LINE_HEIGHT * len(lines)
    return rows


def _find_x(place: Place) -> int:
    return FIRST_LANE_X + LANE_DISTANCE * PLACES.index(place)


def _find_start(events: Sequence[Observation]) -> float:
    return min((event.at for event in events if event.at is not None), default=0.0)


def _format_time(event: Observation, started_at: float) -> str:
    return "–" if event.at is None else f"+{event.at - started_at:.6f} s"


def _draw_lane(place: Place, name: str, height: int) -> str:
    x = _find_x(place)
    words = textwrap.wrap(name, 9)[:2]
    spans = "".join(f'<tspan x="{x}" dy="{0 if not n else 13}">{escape(word)}</tspan>' for n, word in enumerate(words))
    return (
        f'<line x1="{x}" y1="{HEAD_HEIGHT - 8}" x2="{x}" y2="{height}" stroke="var(--line, GrayText)" stroke-width="1"/>'
        f'<text x="{x}" y="14" text-anchor="middle" font-size="11" font-weight="600">{spans}</text>'
    )


def _draw_paths(rows: Sequence[_Row]) -> list[str]:
    """Draw a line through the observations of each event id, in the order of time."""
    ids = list(dict.fromkeys(row.event.id for row in rows))
    paths = []
    for number, id_ in enumerate(ids):
        points = " ".join(f"{row.x},{row.y}" for row in rows if row.event.id == id_)
        dashes = DASHES[number % len(DASHES)]
        paths.append(
            f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5"'
            f' stroke-dasharray="{dashes or "none"}"/>'
        )
    return paths


def _draw_row(row: _Row) -> str:
    x, y = row.x, row.y
    if row.event.missing:
        mark = (
            f'<circle cx="{x}" cy="{y}" r="6" fill="var(--ground, Canvas)" stroke="var(--bad, currentColor)"/>'
            f'<path d="M{x - 3} {y - 3}L{x + 3} {y + 3}M{x + 3} {y - 3}L{x - 3} {y + 3}"'
            ' stroke="var(--bad, currentColor)" stroke-width="2"/>'
        )
    else:
        mark = f'<circle cx="{x}" cy="{y}" r="5"/>'
    anchor, text_x = ("start", x + 10) if row.text_is_right else ("end", x - 10)
    halo = 'paint-order="stroke" stroke="var(--ground, Canvas)" stroke-width="7" stroke-linejoin="round"'
    lines = "".join(
        f'<tspan x="{text_x}" dy="{0 if not n else LINE_HEIGHT}">{escape(line)}</tspan>'
        for n, line in enumerate(row.lines)
    )
    time = f'<tspan x="{text_x}" dy="{LINE_HEIGHT - 1}" font-size="11" fill="var(--soft, currentColor)">{escape(row.time)}</tspan>'
    return f'{mark}<text x="{text_x}" y="{y + 4}" text-anchor="{anchor}" {halo}>{lines}{time}</text>'
