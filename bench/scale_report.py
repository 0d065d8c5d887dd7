"""Write the figures of `bench.scale` as a section of a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter

from bench.document import render_table
from bench.scale import Level

SECTION = "scale"
MOST = 1.3
"""A figure may be this many times worse than with the fewest events."""
RECONCILE_AT, RECONCILE_WITHIN_S, RECONCILE_WITHIN_MB = 10_000_000, 60.0, 300.0
QUIET_PERCENT = 10.0
BUSY = (
    "**Other programs used the machine meanwhile, so times and rates of different columns cannot be compared,** not"
    " even by their ratio. Memory, disk and processor time can."
)


GROWTH = "`reconcile --correlation` grows by its nature: it searches the whole audit file for the id, because a wrong line may be anywhere."


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    read: Callable[[Level], float]
    more_is_better: bool = False
    is_compared: bool = True
    """Whether the figure should stay the same: a time of all events grows with them."""


ROWS = (
    Row("filled in (s)", attrgetter("fill_s"), is_compared=False),
    Row("idle after the start (s)", attrgetter("settles_s"), is_compared=False),
    Row("other work on the machine (% of all cores)", attrgetter("other_work_percent"), is_compared=False),
    Row("command to notification p50 (ms)", attrgetter("p50_ms")),
    Row("command to notification p99 (ms)", attrgetter("p99_ms")),
    Row("commands/s", attrgetter("commands_per_s"), more_is_better=True),
    Row("refresh of the page p95 (ms)", attrgetter("refresh_ms")),
    Row("`status` (s)", attrgetter("status_s")),
    Row("`reconcile` (s)", attrgetter("reconcile_s"), is_compared=False),
    Row("`reconcile` per event (µs)", attrgetter("reconcile_us_per_event")),
    Row("`reconcile` per event, processor time (µs)", attrgetter("reconcile_cpu_us_per_event")),
    Row("`reconcile`, peak memory (MB)", attrgetter("reconcile_peak_mb")),
    Row("`reconcile --correlation` (s)", attrgetter("reconcile_of_run_s")),
    Row("`prune` per pruned event (ms)", attrgetter("prune_ms_per_event")),
    Row("worker restarted, first event notified (s)", attrgetter("worker_start_s")),
    Row("audit restarted, first line written (s)", attrgetter("audit_start_s")),
    Row("capture restarted, first event notified (s)", attrgetter("capture_restart_s")),
    Row("disk per event (bytes)", attrgetter("disk_bytes_per_event")),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table."""

    label: str
    figures: tuple[float, ...]
    ratio: float | None
    """How many times worse the figure of most events is than that of the fewest; None where it may grow."""

    @property
    def verdict(self) -> str:
        return "" if self.ratio is None else "over" if self.ratio > MOST else "within"


def make_lines(levels: Sequence[Level]) -> Iterator[Line]:
    """Yield a line for each figure and for the memory of each component, in the order of the table."""
    memory_rows = [
        Row(f"memory of {name} (MB)", lambda level, name=name: level.memory_mb.get(name, 0.0))  # type: ignore[misc]
        for name in sorted({name for level in levels for name in level.memory_mb})
    ]
    for row in (*ROWS, *memory_rows):
        figures = tuple(row.read(level) for level in levels)
        yield Line(row.label, figures, _ratio(row, figures))


def _ratio(row: Row, figures: Sequence[float]) -> float | None:
    first, last = figures[0], figures[-1]
    if not row.is_compared or len(figures) < 2 or not first or not last:
        return None
    return round(first / last if row.more_is_better else last / first, 2)


def render(stack: str, levels: Sequence[Level], machine: str, day: date, command: str) -> str:
    """Return the section, in Markdown."""
    return "\n".join(_render(stack, levels, machine, day, command)) + "\n"


def _render(stack: str, levels: Sequence[Level], machine: str, day: date, command: str) -> Iterator[str]:
    yield "## Scale"
    yield ""
    yield f"Measured on {day.isoformat()} on one machine ({machine}), by `{command}`, which writes this section. Each column"
    yield f"is a private instance of the {stack} stack of its own, filled with so many finished events before it was started."
    yield ""
    yield f"The ratio compares the last column with the first: above {MOST} it is over. A figure of all events may grow and has no ratio."
    yield "A ratio below 1 means that a fixed cost is spread over more events, or that the machine was quieter."
    yield ""
    yield from render_table(
        ("", *(f"{level.events:,} events" for level in levels), "ratio", ""),
        (
            (line.label, *line.figures, "" if line.ratio is None else f"{line.ratio:.2f}", line.verdict)
            for line in make_lines(levels)
        ),
    )
    yield ""
    yield from _describe_outcome(levels)


def _describe_outcome(levels: Sequence[Level]) -> Iterator[str]:
    agree = all(level.reconciled for level in levels)
    yield "All sources agreed in each column." if agree else "The sources did not agree in each column."
    yield GROWTH
    if max(level.other_work_percent for level in levels) > QUIET_PERCENT:
        yield BUSY
    last = levels[-1]
    if last.events >= RECONCILE_AT:
        limits = (
            ("takes", last.reconcile_s, RECONCILE_WITHIN_S, "s"),
            ("needs", last.reconcile_peak_mb, RECONCILE_WITHIN_MB, "MB"),
        )
        for verb, figure, limit, unit in limits:
            verdict = "within" if figure <= limit else "over"
            yield f"`reconcile` {verb} {figure:g} {unit} with {last.events:,} events: {verdict} its limit of {limit:g} {unit}."
