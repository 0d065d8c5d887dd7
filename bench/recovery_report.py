"""Render what `bench recovery` measured as a section of a document."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from bench.document import render_table
from bench.recovery import INTERVAL_S, Recovery

SECTION = "recovery"
"""Its name in the document."""
TITLES = ("component", "fault", "answers", "first", "worst", "all", "budget", "", "lost", "twice")
"""The times are in seconds."""


def render(recoveries: Mapping[str, Sequence[Recovery]], machine: str, day: date, command: str) -> str:
    """Return the section, in Markdown, of the recoveries of each stack."""
    lines = [
        "## Recovery",
        "",
        f"Measured on {day.isoformat()} on one machine ({machine}), by `{command}`, which writes this section. Each",
        f"component was ended under load on a private instance, while a command was sent each {INTERVAL_S * 1000:g} ms.",
        "",
        "All times are in seconds, and medians but for *worst*. *answers* is the time from the start of a server's process until its",
        "first answer. *first* is the time until the first event is notified that was committed after the fault: from the server's",
        "first answer, from the start of the new process of a component of ours, or from the request to restart a source, which has",
        "no process of its own. *worst* is the slowest of these. *all* ends when the events from before the fault are notified",
        "too. The budget is for *first*. *lost* and *twice* count events without a notification, and with more than one.",
    ]
    for stack, measured in recoveries.items():
        lines += ["", f"### Recovery of {stack}", "", *render_table(TITLES, list_rows(measured))]
    return "\n".join(lines) + "\n"


def list_rows(recoveries: Sequence[Recovery]) -> Iterator[tuple[object, ...]]:
    """Yield a row of `TITLES` for each component."""
    for recovery in recoveries:
        answers_s = [measured.answers_s for measured in recovery.rounds if measured.answers_s is not None]
        yield (
            recovery.component,
            recovery.fault,
            round(statistics.median(answers_s), 2) if answers_s else "",
            round(recovery.first_p50_s, 2),
            round(recovery.first_worst_s, 2),
            round(statistics.median(measured.complete_s for measured in recovery.rounds), 2),
            recovery.budget_s,
            "within" if recovery.is_within else "over",
            recovery.lost,
            recovery.duplicate_notifications,
        )
