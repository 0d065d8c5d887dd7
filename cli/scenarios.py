"""The verbs `scenario list`, run, chaos, runs, show, export and stop."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from application import Application
from cli import foreground
from cli.output import AsJson, Failed, StackName, err, out, print_json, say, table
from scenarios import end_to_end, evidence, journal, runner
from scenarios.catalogue import scenarios
from scenarios.model import Moment, Result
from scenarios.observations import CounterExample
from settings import Settings
from settings.stack_facts import DEFAULT
from stacks import instance

scenario_app = typer.Typer(
    help=(
        "Break the running stack on purpose, and let the counts of events judge. A private stack is started when none"
        " runs; Ctrl-C stops the scenario and ends its faults."
    ),
    no_args_is_help=True,
)
Seed = Annotated[int | None, typer.Option(help="The same seed sends the same commands. Default: a random one.")]
COLOURS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}
MARKS = {"fault": "✗", "confirmed": "✓", "unconfirmed": "?", "fault_end": "↺", "recovered": "✓", "verdict": "■"}


def register(app: typer.Typer) -> None:
    for name, command in (
        ("list", list_scenarios),
        ("run", run),
        ("chaos", chaos),
        ("runs", runs),
        ("show", show),
        ("export", export),
        ("stop", stop),
    ):
        scenario_app.command(name)(command)
    app.add_typer(scenario_app, name="scenario")


def list_scenarios(json: AsJson = False) -> None:
    """List the scenarios: the hypothesis of each, and the fault that tests it."""
    catalogue = list(scenarios().values())
    if json:
        print_json(
            [
                {
                    name: getattr(scenario, name)
                    for name in ("name", "quality", "hypothesis", "breaks", "stacks", "takes_s")
                }
                for scenario in catalogue
            ]
        )
        return
    for scenario in catalogue:
        restriction = "" if scenario.runs_on(DEFAULT.name) else f"  [yellow]only on {', '.join(scenario.places)}[/]"
        out.print(f"[bold]{scenario.name}[/]  [dim]{scenario.quality}, about {scenario.takes_s} s[/]{restriction}")
        out.print(f"  {scenario.hypothesis}\n  [red]✗[/] {scenario.breaks}\n")
    out.print("run one: ./alpes scenario run NAME   all: ./alpes scenario run all   random: ./alpes scenario chaos")


def run(
    name: Annotated[str, typer.Argument(help="A scenario's name, or `all`.")],
    seed: Seed = None,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Run a scenario, or all of them one after the other. Fails unless every verdict is PASS."""
    with _running_instance(stack) as settings:
        if name == "all":
            names = [
                scenario.name
                for scenario in scenarios().values()
                if scenario.in_all and scenario.runs_on(settings.stack, settings.cluster)
            ]
        else:
            names = [name]
        results = [_run_scenario(settings, scenario_name, seed, 1.0) for scenario_name in names]
        _print_results(settings, results, json, whole=name == "all")


def chaos(
    minutes: Annotated[float, typer.Option(min=0.1, max=1440, help="Minutes during which faults are injected.")] = 1.0,
    seed: Seed = None,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Inject random faults under a steady load; a seed makes the schedule reproducible. Fails unless the verdict is PASS."""
    with _running_instance(stack) as settings:
        _print_results(settings, [_run_scenario(settings, "chaos", seed, minutes)], json, whole=False)


def runs(
    name: Annotated[str | None, typer.Option(help="Only of this scenario.")] = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=1000, help="Number of newest runs to print.")] = 20,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """List the runs, the newest first."""
    settings = instance.find(stack)
    with Application(settings, pool_size=1) as application, application.reading() as connection:
        history = journal.list_runs(connection, limit, name)
    if json:
        print_json(history)
        return
    rows = [
        (
            entry.id,
            entry.name,
            f"{entry.started_at:%Y-%m-%d %H:%M:%S}",
            entry.state,
            _coloured(entry.verdict),
            entry.seed,
        )
        for entry in history
    ]
    table(("run", "scenario", "started (UTC)", "state", "verdict", "seed"), rows)


def show(
    run_id: Annotated[str, typer.Argument(help="A run's id, or the beginning of it; `last` is the newest.")] = "last",
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Print the result of a run: timeline, counts, checks, recovery time."""
    _, result = _load_result(stack, run_id)
    if json:
        print_json(result)
        return
    for moment in result.timeline:
        _print_moment(moment, out)
    _print_result(result)


def export(
    run_id: Annotated[str, typer.Argument(help="A run's id, or the beginning of it; `last` is the newest.")] = "last",
    folder: Annotated[Path, typer.Option("--to", help="Folder to write to.")] = Path(),
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Write the evidence of a run as one self-contained HTML file and as JSON."""
    _, result = _load_result(stack, run_id)
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{result.name}-{result.stack}-{result.run_id[:8]}"
    page, document = stem.with_suffix(".html"), stem.with_suffix(".json")
    page.write_text(evidence.render_html(result), encoding="utf-8")
    document.write_text(jsonlib.dumps(result.to_json(), indent=2), encoding="utf-8")
    if json:
        print_json({"ok": True, "html": page.resolve(), "json": document.resolve()})
    else:
        out.print(f"{page}\n{document}", markup=False)


def stop(stack: StackName = None, json: AsJson = False) -> None:
    """Stop the running scenario and end its faults."""
    settings = instance.find(stack)
    run_id = runner.current(settings)
    if run_id is not None:
        runner.stop(settings, run_id)
    if json:
        print_json({"ok": True, "stopped": run_id})
    else:
        out.print("no scenario runs" if run_id is None else f"run {run_id} is ending")


@contextmanager
def _running_instance(stack: str | None) -> Iterator[Settings]:
    present = instance.find(stack)
    with foreground.interruptible(), end_to_end.running(present.stack, say=say) as settings:
        yield settings


def _run_scenario(settings: Settings, name: str, seed: int | None, minutes: float) -> Result:
    say(f"{name} on the {settings.stack} stack")
    try:
        return runner.run(settings, name, seed, minutes, lambda moment: _print_moment(moment, err))
    except LookupError as error:
        raise Failed(str(error)) from None
    except KeyboardInterrupt:
        run_id = runner.current(settings)
        if run_id is not None:
            runner.stop(settings, run_id)
            for moment in runner.follow(settings, run_id):
                _print_moment(moment, err)
        raise


def _print_results(settings: Settings, results: list[Result], json: bool, *, whole: bool) -> None:
    ok = all(result.verdict == "PASS" for result in results)
    if json and whole:
        print_json({"ok": ok, "stack": settings.stack, "results": [result.summary() for result in results]})
    elif json:
        (single_result,) = results
        print_json({"ok": ok, "stack": settings.stack, **single_result.summary()})
    else:
        for result in results:
            _print_result(result)
    if not ok:
        raise typer.Exit(1)


def _load_result(stack: str | None, run_id: str) -> tuple[Settings, Result]:
    settings = instance.find(stack)
    with Application(settings, pool_size=1) as application, application.reading() as connection:
        finished_ids = [run_row.id for run_row in journal.list_runs(connection, 1000) if run_row.state == "finished"]
        matching = (
            finished_ids[:1]
            if run_id == "last"
            else [finished_id for finished_id in finished_ids if finished_id.startswith(run_id)]
        )
        if len(matching) != 1:
            raise Failed(f"{len(matching)} finished runs match {run_id!r}; `./alpes scenario runs` lists them")
        result = journal.load_stored_result(connection, matching[0]) or journal.load_result(settings, matching[0])
    if result is None:
        raise Failed(f"run {matching[0]} has no stored result; run the scenario again")
    return settings, result


def _print_moment(moment: Moment, to: Console) -> None:
    at = datetime.fromtimestamp(moment.at, UTC).astimezone()
    to.print(f"  {at:%H:%M:%S}.{at.microsecond // 1000:03d} {MARKS.get(moment.kind, '·')} {moment.text}", markup=False)


def _print_result(result: Result) -> None:
    out.print(f"\n{_coloured(result.verdict)} [bold]{result.name}[/] ({result.stack}, seed {result.seed})")
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
    out.print(f"[red]counter-example[/] to: {counter_example.said()}")
    for event in counter_example.events:
        at = "–" if event.at is None else f"{datetime.fromtimestamp(event.at, UTC).astimezone():%H:%M:%S.%f}"
        out.print(f"  {at:>15}  {event.place:<8}  {event.id:<36}  {event.text}", markup=False, soft_wrap=True)


def _coloured(verdict: str | None) -> str:
    return "" if verdict is None else f"[{COLOURS[verdict]}]{verdict}[/]"
