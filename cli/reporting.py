"""The verb `bench report`: every measurement of the path, written as a section of a document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from bench.document import replace_section, require_replaceable
from bench.report import SECTION, Size, describe_machine, measure_stack, render
from cli import foreground
from cli.output import AsJson, DocumentPath, Failed, out, print_json, say
from stacks import instance

STACKS = ("embedded", "native")
SIZES = {"embedded": Size(1000, 20_000, 100_000), "native": Size(1000, 10_000, 50_000)}
QUICK = Size(100, 1000, 2000)


def bench_report(
    stack: Annotated[list[str] | None, typer.Option(help="embedded or native; may be repeated. Default: both.")] = None,
    file: DocumentPath = None,
    quick: Annotated[bool, typer.Option("--quick", help="Send fewer commands: to try it, not to compare.")] = False,
    json: AsJson = False,
) -> None:
    """Measure where the time goes: floor, latency, throughput, HTTP and backlog, with the cost of each process.

    Each stack is measured on private instances, for about five minutes. The figures are printed, or written with --out to a
    document, whose other sections stay as they are.
    """
    stacks = stack or list(STACKS)
    if unknown := set(stacks) - set(STACKS):
        raise Failed(f"{', '.join(sorted(unknown))} cannot be measured so; choose {' or '.join(STACKS)}")
    if file is not None:
        require_replaceable(file, SECTION)
    with foreground.interruptible():
        reports = [measure_stack(instance.find(name).stack, QUICK if quick else SIZES[name], say) for name in stacks]
    if json:
        print_json(reports)
        return
    section = render(reports, describe_machine(), datetime.now(UTC).date(), _command(stack, quick))
    if file is None:
        out.print(section, markup=False, highlight=False)
    else:
        replace_section(file, SECTION, section)
        say(f"written to {file}")


def _command(stacks: list[str] | None, quick: bool) -> str:
    words = ["./alpes bench report", *(f"--stack {name}" for name in stacks or ()), *(["--quick"] if quick else [])]
    return " ".join([*words, "--out docs/performance.md"])
