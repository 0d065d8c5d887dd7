"""Run scenarios for the command line, and print what they say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from cli import foreground
from cli.output import Failed, err, out, print_json, say, table
from scenarios import end_to_end, runner
from scenarios.model import Moment, Result
from scenarios.observations import CounterExample
from settings import Settings
from stacks import instance

Seed = Annotated[int | None, typer.Option(help="The same seed sends the same commands. Default: a random one.")]
COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}
MARKS = {"fault": "✗", "confirmed": "✓", "unconfirmed": "?", "fault_end": "↺", "recovered": "✓", "verdict": "■"}


@contextmanager
def running_instance(stack: str | None) -> Iterator[Settings]:
    present = instance.find(stack)
    with foreground.interruptible(), end_to_end.running(present.stack, say=say) as settings:
        yield settings


def run_scenario(settings: Settings, name: str, seed: int | None, minutes: float = 1.0, faults: str = "") -> Result:
    """Run a scenario and print its timeline as it grows; Ctrl-C stops it and ends its faults."""
    say(f"{name} on the {settings.stack} stack")
    try:
        return runner.run(settings, name, seed, minutes, lambda moment: print_moment(moment, err), faults)
    except LookupError as error:
        raise Failed(str(error)) from None
    except KeyboardInterrupt:
        run_id = runner.current(settings)
        if run_id is not None:
            runner.stop(settings, run_id)
            for moment in runner.follow(settings, run_id):
                print_moment(moment, err)
        raise


def print_results(settings: Settings, results: list[Result], json: bool, *, as_list: bool) -> None:
    ok = all(result.verdict == "PASS" for result in results)
    if json and as_list:
        print_json({"ok": ok, "stack": settings.stack, "results": [result.summary() for result in results]})
    elif json:
        (single_result,) = results
        print_json({"ok": ok, "stack": settings.stack, **single_result.summary()})
    else:
        for result in results:
            print_result(result)
    if not ok:
        raise typer.Exit(1)


def print_moment(moment: Moment, to: Console) -> None:
    at = datetime.fromtimestamp(moment.at, UTC).astimezone()
    to.print(f"  {at:%H:%M:%S}.{at.microsecond // 1000:03d} {MARKS.get(moment.kind, '·')} {moment.text}", markup=False)


def print_result(result: Result) -> None:
    out.print(f"\n{coloured(result.verdict)} [bold]{result.name}[/] ({result.stack}, seed {result.seed})")
    out.print(result.hypothesis, markup=False)
    counts = result.counts
    table(("count", ""), [(name.replace("_", " "), getattr(counts, name)) for name in counts.__slots__])
    for check in (*result.confirmations, *result.checks):
        out.print(f"{'[green]✓[/]' if check.ok else '[red]✗[/]'} {check.name} [dim]{check.detail}[/]")
    if result.counter_example is not None:
        _print_counter_example(result.counter_example)
    for name, value in result.figures.items():
        out.print(f"  {name.replace('_', ' ')}: {value}", markup=False)
    recovery_text = (
        "nothing to recover from" if result.recovery_s is None else f"recovered after {result.recovery_s:.2f} s"
    )
    out.print(f"{recovery_text}; {result.duration_s:.1f} s in total; run {result.run_id}", markup=False)


def _print_counter_example(counter_example: CounterExample) -> None:
    """Print the observations that prove a violation, in the order of time; `–` is what has no time of its own."""
    out.print(f"[red]counter-example[/] to: {counter_example.get_message()}")
    for event in counter_example.events:
        at = "–" if event.at is None else f"{datetime.fromtimestamp(event.at, UTC).astimezone():%H:%M:%S.%f}"
        out.print(f"  {at:>15}  {event.place:<8}  {event.id:<36}  {event.text}", markup=False, soft_wrap=True)


def coloured(verdict: str | None) -> str:
    return "" if verdict is None else f"[{COLOURS[verdict]}]{verdict}[/]"
