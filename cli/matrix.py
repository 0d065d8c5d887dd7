"""The verb `scenario matrix`."""

from __future__ import annotations

import random
from typing import Annotated

import typer

from cli import foreground
from cli.output import AsJson, Failed, StackName, out, print_json, say, table
from cli.scenario_runs import COLOURS
from scenarios.matrix import running
from scenarios.matrix.model import cells_of, choose
from scenarios.matrix.running import CellResult, Summary
from stacks import instance


def matrix(
    edge: Annotated[str | None, typer.Option(help="Only this edge or component, such as worker-broker.")] = None,
    fault: Annotated[str | None, typer.Option(help="Only this fault, such as black-hole.")] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Only this many cells, chosen at random from the seed.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Chooses the sample and the commands. Default: a random one.")
    ] = None,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Give each edge each network fault, pause components and fill their disks, and judge each cell: nothing is lost, and
    the system says what is wrong.

    A private stack is started, whose connections lead through proxies. Fails unless every cell is PASS.
    """
    seed = random.randrange(2**31) if seed is None else seed
    settings = instance.find(stack)
    try:
        cells = choose(cells_of(settings), edge, fault, sample, random.Random(seed))
    except LookupError as error:
        raise Failed(str(error)) from None
    say(f"{len(cells)} cell{'s' * (len(cells) != 1)} on a private {settings.stack} stack, seed {seed}")
    with foreground.interruptible(), running.instance_with_proxies(settings.stack, say) as private:
        results = running.run_cells(private, cells, seed, _Progress(len(cells)))
    summary = running.summarize(settings.stack, seed, results)
    if json:
        print_json(summary)
    else:
        _print_table(summary)
    if not summary.ok:
        raise typer.Exit(1)


class _Progress:
    """Say each cell's verdict as it comes."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._finished_count = 0

    def __call__(self, cell: CellResult) -> None:
        self._finished_count += 1
        truth = "nothing said" if cell.truth_s is None else f"said after {cell.truth_s:.1f} s"
        count = f"{self._finished_count:3}/{self._total}"
        say(f"{count} {cell.edge} {cell.fault}: {cell.verdict}, {truth}, {cell.duration_s:.1f} s")
        if cell.verdict != "PASS":
            say(f"        {cell.reason}")


def _print_table(summary: Summary) -> None:
    faults = list(dict.fromkeys(cell.fault for cell in summary.cells))
    by_place = {(cell.edge, cell.fault): cell for cell in summary.cells}
    rows = [
        (edge, *(_describe(by_place.get((edge, fault))) for fault in faults))
        for edge in dict.fromkeys(cell.edge for cell in summary.cells)
    ]
    table(("edge or component", *faults), rows)
    passed = sum(cell.verdict == "PASS" for cell in summary.cells)
    p95 = "–" if summary.truth_p95_s is None else f"{summary.truth_p95_s:.1f} s"
    out.print(f"{passed} of {len(summary.cells)} cells PASS; truth p95 {p95}; false alarms: {summary.false_alarms}")


def _describe(cell: CellResult | None) -> str:
    if cell is None:
        return ""
    seconds = "" if cell.truth_s is None else f" {cell.truth_s:.1f} s"
    return f"[{COLOURS[cell.verdict]}]{cell.verdict}[/]{seconds}"
