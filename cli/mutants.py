"""The verb `scenario mutants`: run the system with one mutant at a time, and report which property finds it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli import foreground
from cli.output import AsJson, Failed, StackName, out, print_json, say, table
from mutants import running
from mutants.catalogue import describe, draw_sample
from mutants.model import Trial
from settings.stack_facts import DEFAULT


def mutants(
    name: Annotated[list[str] | None, typer.Option(help="Only this mutant; may be repeated. Default: all.")] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Only this many mutants, drawn at random from the seed.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The seed of the sample. Default: today's date, for example 20260131.")
    ] = None,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Run each mutant under a scenario that must fail. A mutant is a component with one defect, put in on purpose.

    Fails unless every mutant is found by the property that names its defect. Each runs on a private instance of the stack,
    which is removed afterwards; your instance is not touched.

      ./alpes scenario mutants --name relay_drops_one      ./alpes scenario mutants --sample 3 --seed 20260131
    """
    stack = stack or DEFAULT.name
    names = _select_mutants(running.select_names(stack), name)
    seed = int(datetime.now(UTC).strftime("%Y%m%d")) if seed is None else seed
    if sample is not None:
        names = draw_sample(names, sample, seed)
        say(f"sample of {len(names)} mutants: ./alpes scenario mutants --sample {sample} --seed {seed} --stack {stack}")
    with foreground.interruptible():
        trials = [_try_mutant(stack, mutant, f"{number} of {len(names)}") for number, mutant in enumerate(names, 1)]
    ok = all(trial.ok for trial in trials)
    if json:
        drawn = None if sample is None else {"n": sample, "seed": seed}
        print_json({"ok": ok, "stack": stack, "sample": drawn, "mutants": trials})
    else:
        _print_trials(trials)
    if not ok:
        raise typer.Exit(1)


def _select_mutants(available: list[str], names: list[str] | None) -> list[str]:
    unknown = sorted(set(names or ()) - set(available))
    if unknown:
        raise Failed(f"there is no mutant {', '.join(unknown)} on this stack; choose from {', '.join(available)}")
    return [mutant for mutant in available if names is None or mutant in names]


def _try_mutant(stack: str, name: str, position: str) -> Trial:
    say(f"{position}: {name}, under {running.choose_scenario(name, stack)}. {describe(name)}")
    trial = running.try_mutant(name, stack)
    finding = (
        f"found by {trial.caught_by}" if trial.ok else f"NOT FOUND by {trial.expected}: {trial.verdict}, {trial.reason}"
    )
    say(f"  {finding} ({trial.seconds:.0f} s)")
    return trial


def _print_trials(trials: list[Trial]) -> None:
    rows = [
        (
            trial.name,
            f"[green]{trial.caught_by}[/]" if trial.ok else f"[red]not found by {trial.expected}[/]",
            trial.scenario,
            trial.counter_example_events or "–",
            f"{trial.seconds:.0f}",
        )
        for trial in trials
    ]
    table(("mutant", "found by", "scenario", "events of the counter-example", "s"), rows)
    found_count = sum(trial.ok for trial in trials)
    out.print(f"{found_count} of {len(trials)} mutants found")
