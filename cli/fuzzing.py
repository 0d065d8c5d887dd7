"""fuzz: hostile inputs over every channel, each accounted for."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from application import permissions
from cli import foreground
from cli.output import AsJson, Failed, StackName, err, out, print_json, say, table
from fuzzing import running, writing
from fuzzing.generator import make
from fuzzing.inputs import Input
from fuzzing.report import Report
from fuzzing.running import Run
from fuzzing.shrinking import Shrinker, Shrunk
from scenarios import end_to_end
from settings import Settings
from stacks import instance
from stacks.controls import control

EVERY_S = 5.0
FIGURES = ("requests", "commands", "messages", "rows", "refused", "dead_lettered", "applied")
FAULTS = ("server_errors", "worker_deaths", "unaccounted", "good_lost", "longest_standstill_s")


def register(app: typer.Typer) -> None:
    app.command("fuzz")(fuzz)


def fuzz(
    n: Annotated[
        int, typer.Option("--n", min=1, max=100_000_000, help="How many inputs, good ones included.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed makes the same inputs.")] = 1,
    stack: StackName = None,
    here: Annotated[bool, typer.Option("--running", help="Fuzz the instance that runs, not a private one.")] = False,
    only: Annotated[str, typer.Option(help="Send these numbers of the seed only, such as 4711 or 17,99.")] = "",
    again: Annotated[Path | None, typer.Option(help="Send the inputs of a file that a failed run wrote.")] = None,
    failures: Annotated[
        Path | None, typer.Option(help="Where failing inputs are written. Default: fuzz-STACK-SEED.jsonl.")
    ] = None,
    shrink: Annotated[int, typer.Option("--shrink", min=0, help="Seconds for making failing inputs small.")] = 300,
    json: AsJson = False,
) -> None:
    """Send hostile HTTP requests, commands, events and outbox rows among good ones, and account for each.

    Every input must end as exactly one of: refused, dead-lettered with a reason, or applied in all four sources (outbox,
    message on Pulsar, notification, audit line). Fails when one does not, when a part dies or answers 500, when a good
    one is lost, or when good ones stand still for a minute. A failing input is made small and written to a file.

    It starts a private instance of the stack and removes it. With --running its inputs stay in your data.

      ./alpes fuzz --n 100000 --seed 1 --json      ./alpes fuzz --stack native --n 20000

      ./alpes fuzz --seed 1 --only 4711            ./alpes fuzz --again fuzz-embedded-1.jsonl
    """
    chosen = _inputs(n, seed, only, again, here)
    with foreground.interruptible(), _instance(stack, here) as settings:
        run = Run(settings, chosen, seed)
        report = run.go(_progress(json))
        small = Shrinker(settings, shrink, say).shrink(run.failures) if shrink else []
    file = failures or Path(f"fuzz-{report.stack}-{seed}.jsonl")
    if run.failures:
        writing.write(file, [each.given for each in small] or [each.given for each in run.failures])
    if json:
        print_json(_json(report, run, small, file))
    else:
        _print(report, run, small, file)
    if not report.ok:
        raise typer.Exit(1)


@contextmanager
def _instance(stack: str | None, here: bool) -> Iterator[Settings]:
    found = instance.find(stack)
    permissions.require(found, permissions.Action.FUZZ)
    if here and not control(found).running():
        raise Failed(f"the {found.stack} stack does not run; `./alpes up -d` starts it, or leave out --running")
    if here:
        yield found
        return
    say(f"starting a private {found.stack} stack")
    with end_to_end.running(found.stack, private=True) as settings:
        yield settings


def _inputs(n: int, seed: int, only: str, again: Path | None, here: bool) -> Iterator[Input]:
    # On an instance that lives on, the ids of an earlier run may not come again: they would be duplicates.
    run = secrets.token_hex(4) if here else f"{seed:08x}"
    if again is not None:
        try:
            return iter(writing.read(again))
        except writing.NoInputs as error:
            raise Failed(str(error)) from None
    if only:
        if not all(number.strip().isdigit() for number in only.split(",")):
            raise Failed(f"--only takes numbers such as 4711 or 17,99, not {only!r}")
        # The first input makes the commission that others refer to.
        return iter([make(seed, run, number) for number in sorted({0, *map(int, only.split(","))})])
    return running.inputs(n, seed, run)


def _progress(json: bool) -> Callable[[Run], None]:
    began = said = time.monotonic()

    def progress(run: Run) -> None:
        nonlocal said
        now = time.monotonic()
        if json or now - said < EVERY_S:
            return
        said = now
        tally = run.accountant.tally
        fates = ", ".join(f"{number} {fate.replace('_', '-')}" for fate, number in sorted(tally.fates.items()))
        bad = ", ".join(f"{number} {fault.replace('_', ' ')}" for fault, number in sorted(tally.faults.items()))
        rate = run.made / (now - began)
        say(f"{run.made} inputs, {rate:.0f}/s: {fates}; {run.accountant.pending()} wait")
        if bad:
            say(f"✗ {bad}")

    return progress


def _json(report: Report, run: Run, small: list[Shrunk], file: Path) -> dict[str, Any]:
    found = asdict(report)
    if run.failures:
        found["failures"] = {"file": str(file), "shrunk": [_told(each) for each in small]}
    return found


def _told(small: Shrunk) -> dict[str, Any]:
    return {
        "channel": small.given.channel,
        "number": small.of,
        "kind": small.given.kind,
        "fault": small.fault,
        "detail": small.detail,
        "alone": small.alone,
        "input": writing.line(small.given)[:2000],
    }


def _print(report: Report, run: Run, small: list[Shrunk], file: Path) -> None:
    verdict = "[green]PASS[/]" if report.ok else "[red]FAIL[/]"
    out.print(f"{verdict} [bold]fuzz[/] ({report.stack}, seed {report.seed}, {report.seconds:.0f} s)")
    table(("inputs", ""), [(name.replace("_", " "), getattr(report, name)) for name in FIGURES])
    table(("faults", ""), [(name.replace("_", " "), getattr(report, name)) for name in FAULTS])
    if report.died:
        _line(f"died: {', '.join(f'{part} {times}×' for part, times in Counter(report.died).items())}")
    if report.stuck:
        _line(f"stood still until the run gave up: {', '.join(report.stuck)}")
    if not run.failures:
        return
    for each in small:
        alone = "" if each.alone else " (not alone: others failed with it)"
        err.print(
            f"\n{each.given.channel} {each.of}, {each.given.kind}: {each.fault}{alone}", style="red", markup=False
        )
        again = f"./alpes fuzz --stack {report.stack} --seed {report.seed} --only {each.of}"
        _line(f"  {each.detail[:500]}\n  {repr(each.given)[:1500]}\n  again: {again}")
    _line(f"\n{file} has the failing inputs: ./alpes fuzz --stack {report.stack} --again {file}")


def _line(text: str) -> None:
    """Not broken at the terminal's width: it is copied."""
    out.print(text, markup=False, soft_wrap=True)
