"""The verb `bench scale`: what grows with the number of stored events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from bench.document import replace_section, require_replaceable
from bench.report import describe_machine
from cli import foreground
from cli.output import AsJson, DocumentPath, Failed, out, print_json, say

STACK = "embedded"


def bench_scale(
    events: Annotated[
        int, typer.Option(min=1000, max=100_000_000, help="Number of finished events in the largest instance.")
    ] = 1_000_000,
    stack: Annotated[str, typer.Option("--stack", help="The stack to fill; only embedded can be filled.")] = STACK,
    file: DocumentPath = None,
    json: AsJson = False,
) -> None:
    """Measure whether times and memory stay the same while the stored events grow: at 10,000, 100,000, … up to --events.

    Each is a private instance that is filled, measured and removed. A million events need 3 GB below TMPDIR
    and some ten minutes in all. A figure more than 1.3 times worse than with 10,000 events is marked "over". Run it on a quiet machine.
    """
    if stack != STACK:
        raise Failed(
            f"the {stack} stack cannot be filled quickly, so it cannot be measured so; use --stack {STACK}, or measure a"
            " running instance with `bench latency` and `bench throughput`"
        )
    from bench import scale, scale_report

    if file is not None:
        require_replaceable(file, scale_report.SECTION)
    levels = []
    with foreground.interruptible():
        for level in scale.measure_levels(scale.list_levels(events), say):
            levels.append(level)
            section = scale_report.render(STACK, levels, describe_machine(), datetime.now(UTC).date(), _command(events))
            if file is not None:
                replace_section(file, scale_report.SECTION, section)
                say(f"{level.events:,} events: written to {file}")
    if json:
        print_json(levels)
    elif file is None:
        out.print(section, markup=False, highlight=False)
    if not all(level.reconciled for level in levels):
        raise typer.Exit(1)


def _command(events: int) -> str:
    return f"./alpes bench scale --events {events} --out docs/performance.md"
