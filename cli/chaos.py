"""The verb `scenario chaos`: random faults under load, for one seed or many; a failing schedule is shrunk."""

from __future__ import annotations

import re
import time
from typing import Annotated, Any

import typer

from cli.output import AsJson, Failed, StackName, out, print_json, say, table
from cli.scenario_runs import Seed, coloured, print_results, run_scenario, running_instance
from scenarios import chaos_schedule, chaos_shrinking
from scenarios.model import Result
from settings import Settings

COUNTS = {
    "lost": "lost",
    "duplicated": "duplicated_effects",
    "out_of_order": "out_of_order",
    "never_committed": "never_committed",
    "contents_differ": "contents_differ",
}
"""Name in the summary → count of a run."""


def chaos(
    minutes: Annotated[float, typer.Option(min=0.1, max=1440, help="Minutes during which faults are injected.")] = 1.0,
    seed: Seed = None,
    seeds: Annotated[
        str, typer.Option(help="Several runs one after the other and a summary, for example 1-60 or 3,7.")
    ] = "",
    faults: Annotated[
        str, typer.Option(help="Inject exactly this schedule, for example 2.5:kill-broker@3.0,1.0:lose-offsets@0.0.")
    ] = "",
    shrink: Annotated[
        int, typer.Option(min=0, help="Seconds to spend on shrinking the schedule of a run that fails.")
    ] = 900,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Inject random faults under a steady load, also two at a time. A seed makes the schedule reproducible.

    Fails unless every verdict is PASS. The schedule of the first run that fails is shrunk to the fewest faults that still
    fail, on private instances, and printed as a command.
    """
    numbers = read_seeds(seeds) if seeds else [seed]
    _check_schedule(faults)
    with running_instance(stack) as settings:
        results = [run_scenario(settings, "chaos", number, minutes, faults) for number in numbers]
    failed = next((result for result in results if result.verdict == "FAIL"), None)
    command = "" if failed is None or not shrink else _shrink(settings, failed, minutes, shrink)
    if seeds:
        _print_summary(settings, results, minutes, command, json)
    else:
        if command:
            say(f"the fewest faults that still fail: {command}")
        print_results(settings, results, json, as_list=False)


def read_seeds(text: str) -> list[int]:
    """Return the seeds of a text such as `1-60` or `3,7,20-22`. Raises Failed for another text."""
    if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", text):
        raise Failed(f"{text!r} names no seeds; they look like 1-60 or 3,7")
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def summarize(results: list[Result], stack: str, minutes: float, command: str) -> dict[str, Any]:
    """Return the summary of several runs; `command` repeats the shrunk schedule of the first that failed."""
    faults: dict[str, int] = {}
    for result in results:
        for name, times in result.figures.get("faults", {}).items():
            faults[name] = faults.get(name, 0) + times
    counts = {name: sum(getattr(result.counts, count) for result in results) for name, count in COUNTS.items()}
    return {
        "ok": all(result.verdict == "PASS" for result in results),
        "stack": stack,
        "minutes": minutes,
        "runs": len(results),
        **counts,
        "committed": sum(result.counts.committed for result in results),
        "duplicates_absorbed": sum(result.counts.duplicates_absorbed for result in results),
        "faults": dict(sorted(faults.items())),
        "failed_seeds": [result.seed for result in results if result.verdict == "FAIL"],
        "inconclusive_seeds": [result.seed for result in results if result.verdict == "INCONCLUSIVE"],
        "shrunk": command or None,
        "results": [
            {
                "seed": result.seed,
                "verdict": result.verdict,
                "reason": result.reason,
                "duration_s": result.duration_s,
                "schedule": result.figures.get("schedule", ""),
            }
            for result in results
        ],
    }


def _check_schedule(faults: str) -> None:
    try:
        if faults:
            chaos_schedule.read(faults)
    except ValueError as error:
        raise Failed(str(error)) from None


def _shrink(settings: Settings, failed: Result, minutes: float, budget_s: float) -> str:
    """Return the command that repeats the failure with the fewest faults; empty when it had no fault to leave out."""
    schedule = failed.figures.get("schedule", "")
    if not schedule:
        return ""
    say(f"seed {failed.seed} failed: {failed.reason}; shrinking its schedule for up to {budget_s} s: {schedule}")
    smallest = chaos_shrinking.shrink_schedule(settings, failed, minutes, time.monotonic() + budget_s, say)
    return chaos_shrinking.write_command(settings, failed, minutes, smallest)


def _print_summary(settings: Settings, results: list[Result], minutes: float, command: str, json: bool) -> None:
    summary = summarize(results, settings.stack, minutes, command)
    if json:
        print_json(summary)
    else:
        table(
            ("seed", "verdict", "reason"),
            [(result.seed, coloured(result.verdict), result.reason) for result in results],
        )
        names = ("runs", "committed", *COUNTS, "duplicates_absorbed")
        table(("count", ""), [(name.replace("_", " "), summary[name]) for name in names])
        if command:
            out.print(f"the fewest faults that still fail:\n  {command}", markup=False, soft_wrap=True)
    if not summary["ok"]:
        raise typer.Exit(1)
