"""The verb fuzz: send hostile inputs through every channel, and account for each."""

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
from fuzzing.generator import generate_input
from fuzzing.inputs import Input
from fuzzing.report import Report
from fuzzing.running import Run
from fuzzing.shrinking import Shrinker, Shrunk
from scenarios import end_to_end
from settings import Settings
from stacks import instance
from stacks.controls import control

PROGRESS_EVERY_S = 5.0
FIGURES = ("requests", "commands", "messages", "rows", "refused", "dead_lettered", "applied")
FAULTS = ("server_errors", "worker_deaths", "unaccounted", "good_lost", "longest_standstill_s")


def register(app: typer.Typer) -> None:
    app.command("fuzz")(fuzz)


def fuzz(
    n: Annotated[
        int, typer.Option("--n", min=1, max=100_000_000, help="Number of inputs, the good ones included.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed generates the same inputs.")] = 1,
    stack: StackName = None,
    here: Annotated[
        bool, typer.Option("--running", help="Fuzz the running instance instead of a private one.")
    ] = False,
    only: Annotated[str, typer.Option(help="Send only the inputs with these numbers, such as 4711 or 17,99.")] = "",
    again: Annotated[Path | None, typer.Option(help="Send the inputs in the file of a failed run.")] = None,
    failures: Annotated[
        Path | None, typer.Option(help="File to write failing inputs to. Default: fuzz-STACK-SEED.jsonl.")
    ] = None,
    shrink: Annotated[int, typer.Option("--shrink", min=0, help="Seconds to spend on shrinking failing inputs.")] = 300,
    json: AsJson = False,
) -> None:
    """Send hostile HTTP requests, commands, events and outbox rows among good ones, and account for each.

    Every input must be refused, dead-lettered with a reason, or applied in all four places (outbox, message on Pulsar,
    notification, audit line). Fails when an input is not, when a component dies or answers 500, when a good input is
    lost, or when no good input makes progress for a minute. A failing input is shrunk and written to a file.

    It starts a private instance of the stack and removes it afterwards. With --running the inputs stay in your data.

      ./alpes fuzz --n 100000 --seed 1 --json      ./alpes fuzz --stack native --n 20000

      ./alpes fuzz --seed 1 --only 4711            ./alpes fuzz --again fuzz-embedded-1.jsonl
    """
    inputs = _choose_inputs(n, seed, only, again, here)
    with foreground.interruptible(), _running_instance(stack, here) as settings:
        run = Run(settings, inputs, seed)
        report = run.execute(_progress())
        shrunk = Shrinker(settings, shrink, say).shrink(run.failures) if shrink else []
    file = failures or Path(f"fuzz-{report.stack}-{seed}.jsonl")
    if run.failures:
        writing.write(file, [failure.input for failure in shrunk] or [failure.input for failure in run.failures])
    if json:
        print_json(_as_json(report, run, shrunk, file))
    else:
        _print_report(report, run, shrunk, file)
    if not report.ok:
        raise typer.Exit(1)


@contextmanager
def _running_instance(stack: str | None, here: bool) -> Iterator[Settings]:
    settings_of_stack = instance.find(stack)
    permissions.require(settings_of_stack, permissions.Action.FUZZ)
    if here and not control(settings_of_stack).running():
        raise Failed(
            f"the {settings_of_stack.stack} stack is not running; start it with `./alpes up -d`, or leave out --running"
        )
    if here:
        yield settings_of_stack
        return
    say(f"starting a private {settings_of_stack.stack} stack")
    with end_to_end.running(settings_of_stack.stack, private=True) as settings:
        yield settings


def _choose_inputs(n: int, seed: int, only: str, again: Path | None, here: bool) -> Iterator[Input]:
    # An instance that was fuzzed before knows the ids of that run: the same ids would be duplicates.
    run = secrets.token_hex(4) if here else f"{seed:08x}"
    if again is not None:
        return iter(writing.read(again))
    if only:
        if not all(number.strip().isdigit() for number in only.split(",")):
            raise Failed(f"--only takes numbers such as 4711 or 17,99, not {only!r}")
        # Input 0 creates the commission that the others refer to.
        return iter([generate_input(seed, run, number) for number in sorted({0, *map(int, only.split(","))})])
    return running.generate_inputs(n, seed, run)


def _progress() -> Callable[[Run], None]:
    started_at = printed_at = time.monotonic()

    def progress(run: Run) -> None:
        nonlocal printed_at
        now = time.monotonic()
        if now - printed_at < PROGRESS_EVERY_S:
            return
        printed_at = now
        tally = run.accountant.tally
        fates = ", ".join(f"{number} {fate.replace('_', '-')}" for fate, number in sorted(tally.fates.items()))
        bad = ", ".join(f"{number} {fault.replace('_', ' ')}" for fault, number in sorted(tally.faults.items()))
        rate = run.created_count / (now - started_at)
        say(f"{run.created_count} inputs, {rate:.0f}/s: {fates}; {run.accountant.count_pending()} pending")
        if bad:
            say(f"✗ {bad}")

    return progress


def _as_json(report: Report, run: Run, shrunk: list[Shrunk], file: Path) -> dict[str, Any]:
    document = asdict(report)
    if run.failures:
        document["failures"] = {"file": str(file), "shrunk": [_describe(counter_example) for counter_example in shrunk]}
    return document


def _describe(shrunk: Shrunk) -> dict[str, Any]:
    return {
        "channel": shrunk.input.channel,
        "number": shrunk.number,
        "kind": shrunk.input.kind,
        "fault": shrunk.fault,
        "detail": shrunk.detail,
        "alone": shrunk.alone,
        "input": writing.to_line(shrunk.input)[:2000],
    }


def _print_report(report: Report, run: Run, shrunk: list[Shrunk], file: Path) -> None:
    verdict = "[green]PASS[/]" if report.ok else "[red]FAIL[/]"
    out.print(f"{verdict} [bold]fuzz[/] ({report.stack}, seed {report.seed}, {report.seconds:.0f} s)")
    table(("inputs", ""), [(name.replace("_", " "), getattr(report, name)) for name in FIGURES])
    table(("faults", ""), [(name.replace("_", " "), getattr(report, name)) for name in FAULTS])
    if report.died:
        _print_unwrapped(f"died: {', '.join(f'{part} {times}×' for part, times in Counter(report.died).items())}")
    if report.stuck:
        _print_unwrapped(f"no progress until the run gave up: {', '.join(report.stuck)}")
    if not run.failures:
        return
    for counter_example in shrunk:
        alone_note = "" if counter_example.alone else " (fails together with other inputs only)"
        err.print(
            f"\n{counter_example.input.channel} {counter_example.number}, {counter_example.input.kind}: {counter_example.fault}{alone_note}",
            style="red",
            markup=False,
        )
        command = f"./alpes fuzz --stack {report.stack} --seed {report.seed} --only {counter_example.number}"
        _print_unwrapped(
            f"  {counter_example.detail[:500]}\n  {repr(counter_example.input)[:1500]}\n  again: {command}"
        )
    _print_unwrapped(f"\n{file} has the failing inputs: ./alpes fuzz --stack {report.stack} --again {file}")


def _print_unwrapped(text: str) -> None:
    """Print without line breaks at the terminal's width, because users copy these lines."""
    out.print(text, markup=False, soft_wrap=True)
