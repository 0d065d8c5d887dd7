"""The verb `bench recovery`: how soon events arrive again after a component was ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from bench.document import replace_section, require_replaceable
from bench.recovery import measure_recoveries
from bench.recovery_report import SECTION, TITLES, list_rows, render
from bench.report import describe_machine
from cli import foreground
from cli.output import AsJson, DocumentPath, Failed, out, print_json, say, table
from scenarios import end_to_end
from stacks import instance

STACKS = ("embedded", "native")


def bench_recovery(
    stack: Annotated[list[str] | None, typer.Option(help="embedded or native; may be repeated. Default: both.")] = None,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="How often each component is ended.")] = 3,
    file: DocumentPath = None,
    json: AsJson = False,
) -> None:
    """Measure how soon events arrive again after the worker, the capture, the broker or the database was killed under load.

    Each stack is measured on a private instance, for two to five minutes: no running instance is broken. Fails when an event is lost
    or notified twice.
    """
    stacks = list(dict.fromkeys(stack or STACKS))
    if unknown := set(stacks) - set(STACKS):
        raise Failed(f"{', '.join(sorted(unknown))} cannot be measured so; choose {' or '.join(STACKS)}")
    if file is not None:
        require_replaceable(file, SECTION)
    recoveries = {}
    with foreground.interruptible():
        for name in stacks:
            with end_to_end.running(instance.find(name).stack, say, private=True) as settings:
                recoveries[name] = measure_recoveries(settings, rounds, say)
    if json:
        print_json(recoveries)
    else:
        for name, measured in recoveries.items():
            out.print(name)
            table(TITLES, list_rows(measured))
    if file is not None:
        section = render(recoveries, describe_machine(), datetime.now(UTC).date(), _command(stack, rounds))
        replace_section(file, SECTION, section)
        say(f"written to {file}")
    if any(
        recovery.lost or recovery.duplicate_notifications for measured in recoveries.values() for recovery in measured
    ):
        raise typer.Exit(1)


def _command(stacks: list[str] | None, rounds: int) -> str:
    words = ["./alpes bench recovery", *(f"--stack {name}" for name in stacks or ()), f"--rounds {rounds}"]
    return " ".join([*words, "--out docs/performance.md"])
