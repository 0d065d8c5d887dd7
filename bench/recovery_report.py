"""Render what `bench recovery` measured as a section of a document."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from bench.document import render_table
from bench.recovery import INTERVAL_S, Recovery

SECTION = "recovery"
"""Its name in the document."""
TITLES = (
    "component",
    "fault",
    "answers (s)",
    "first event (s)",
    "worst",
    "all events (s)",
    "budget (s)",
    "",
    "lost, twice",
)


def render(recoveries: Mapping[str, Sequence[Recovery]], machine: str, day: date, command: str) -> str:
    """Return the section, in Markdown, of the recoveries of each stack."""
    lines = [
        "## Recovery",
        "",
        f"Measured on {day.isoformat()} on one machine ({machine}), by `{command}`, which writes this section. Each",
        f"component was ended under load on a private instance, while a command was sent each {INTERVAL_S * 1000:g} ms.",
        "",
        "A server's recovery is counted from its first answer, and the time from the start of its process until then stands",
        "before it. A component of ours is counted from the start of its new process, and a source, which has no process of",
        "its own, from the request to restart it. The first event was committed after the fault and notified after it;",
        "*all events* includes those from before. The figures are medians, and *worst* is the slowest first event. The",
        "budget is for the first event.",
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
            f"{recovery.lost}, {recovery.duplicate_notifications}",
        )
