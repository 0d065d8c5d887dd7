"""scenario list | run | chaos | runs | show | export | stop: quality scenarios that prove themselves."""

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
from settings import Settings
from stacks import instance

scenario_app = typer.Typer(
    help=(
        "Break the running parts on purpose and let the counts judge. A private stack is started when none runs;"
        " Ctrl-C stops the scenario and restores what it broke."
    ),
    no_args_is_help=True,
)
Seed = Annotated[int | None, typer.Option(help="The same seed sends the same commands; one is made up when absent.")]
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
    """Every scenario: what it believes, and what it breaks to find out."""
    found = list(scenarios().values())
    if json:
        print_json(
            [
                {name: getattr(each, name) for name in ("name", "quality", "hypothesis", "breaks", "stacks", "takes_s")}
                for each in found
            ]
        )
        return
    for each in found:
        only = "" if "embedded" in each.stacks else f"  [yellow]only on {', '.join(each.stacks)}[/]"
        out.print(f"[bold]{each.name}[/]  [dim]{each.quality}, about {each.takes_s} s[/]{only}")
        out.print(f"  {each.hypothesis}\n  [red]✗[/] {each.breaks}\n")
    out.print("run one: ./alpes scenario run NAME   all: ./alpes scenario run all   random: ./alpes scenario chaos")


def run(
    name: Annotated[str, typer.Argument(help="A scenario's name, or `all`.")],
    seed: Seed = None,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Run a scenario, or all of them one after the other. Fails unless every verdict is PASS."""
    with _running(stack) as settings:
        if name == "all":
            names = [each.name for each in scenarios().values() if each.in_all and settings.stack in each.stacks]
        else:
            names = [name]
        results = [_run(settings, each, seed, 1.0) for each in names]
        _tell(settings, results, json, whole=name == "all")


def chaos(
    minutes: Annotated[float, typer.Option(min=0.1, max=1440, help="How long faults are injected.")] = 1.0,
    seed: Seed = None,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """A random schedule of faults over a steady load; the same seed, the same schedule. Fails unless PASS."""
    with _running(stack) as settings:
        _tell(settings, [_run(settings, "chaos", seed, minutes)], json, whole=False)


def runs(
    name: Annotated[str | None, typer.Option(help="Only of this scenario.")] = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many of the newest.")] = 20,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """The history of runs, newest first."""
    settings = instance.find(stack)
    with Application(settings, pool_size=1) as application, application.reading() as connection:
        found = journal.runs(connection, limit, name)
    if json:
        print_json(found)
        return
    rows = [
        (each.id, each.name, f"{each.started_at:%Y-%m-%d %H:%M:%S}", each.state, _coloured(each.verdict), each.seed)
        for each in found
    ]
    table(("run", "scenario", "started (UTC)", "state", "verdict", "seed"), rows)


def show(
    run_id: Annotated[str, typer.Argument(help="A run's id, or the beginning of it; `last` is the newest.")] = "last",
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """What a run found: timeline, counts, checks, recovery."""
    _, found = _find(stack, run_id)
    if json:
        print_json(found)
        return
    for moment in found.timeline:
        _print_moment(moment, out)
    _print_result(found)


def export(
    run_id: Annotated[str, typer.Argument(help="A run's id, or the beginning of it; `last` is the newest.")] = "last",
    folder: Annotated[Path, typer.Option("--to", help="Folder to write to.")] = Path(),
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """The evidence of a run: one HTML file that needs nothing else, and the same as JSON."""
    _, found = _find(stack, run_id)
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{found.name}-{found.stack}-{found.run_id[:8]}"
    page, data = stem.with_suffix(".html"), stem.with_suffix(".json")
    page.write_text(evidence.html(found), encoding="utf-8")
    data.write_text(jsonlib.dumps(found.to_json(), indent=2), encoding="utf-8")
    if json:
        print_json({"ok": True, "html": page.resolve(), "json": data.resolve()})
    else:
        out.print(f"{page}\n{data}", markup=False)


def stop(stack: StackName = None, json: AsJson = False) -> None:
    """Stop the scenario that runs now; what it broke is restored."""
    settings = instance.find(stack)
    run_id = runner.current(settings)
    if run_id is not None:
        runner.stop(settings, run_id)
    if json:
        print_json({"ok": True, "stopped": run_id})
    else:
        out.print("no scenario runs" if run_id is None else f"run {run_id} is ending")


@contextmanager
def _running(stack: str | None) -> Iterator[Settings]:
    found = instance.find(stack)
    with foreground.interruptible(), end_to_end.running(found.stack, say=say) as settings:
        yield settings


def _run(settings: Settings, name: str, seed: int | None, minutes: float) -> Result:
    say(f"{name} on the {settings.stack} stack")
    try:
        return runner.run(settings, name, seed, minutes, lambda moment: _print_moment(moment, err))
    except (LookupError, runner.AnotherRuns, runner.NotOnThisStack, runner.NoVerdict) as error:
        raise Failed(str(error)) from None
    except KeyboardInterrupt:
        run_id = runner.current(settings)
        if run_id is not None:
            runner.stop(settings, run_id)
            for moment in runner.follow(settings, run_id):
                _print_moment(moment, err)
        raise


def _tell(settings: Settings, results: list[Result], json: bool, *, whole: bool) -> None:
    ok = all(each.verdict == "PASS" for each in results)
    if json and whole:
        print_json({"ok": ok, "stack": settings.stack, "results": [each.summary() for each in results]})
    elif json:
        (only,) = results
        print_json({"ok": ok, "stack": settings.stack, **only.summary()})
    else:
        for each in results:
            _print_result(each)
    if not ok:
        raise typer.Exit(1)


def _find(stack: str | None, run_id: str) -> tuple[Settings, Result]:
    settings = instance.find(stack)
    with Application(settings, pool_size=1) as application, application.reading() as connection:
        known = [each.id for each in journal.runs(connection, 1000) if each.state == "finished"]
        matching = known[:1] if run_id == "last" else [each for each in known if each.startswith(run_id)]
        if len(matching) != 1:
            raise Failed(f"{len(matching)} finished runs match {run_id!r}; `./alpes scenario runs` lists them")
        found = journal.stored_result(connection, matching[0]) or journal.result(settings, matching[0])
    if found is None:
        raise Failed(f"run {matching[0]} kept no result")
    return settings, found


def _print_moment(moment: Moment, to: Console) -> None:
    at = datetime.fromtimestamp(moment.at, UTC).astimezone()
    to.print(f"  {at:%H:%M:%S}.{at.microsecond // 1000:03d} {MARKS.get(moment.kind, '·')} {moment.text}", markup=False)


def _print_result(found: Result) -> None:
    out.print(f"\n{_coloured(found.verdict)} [bold]{found.name}[/] ({found.stack}, seed {found.seed})")
    out.print(found.hypothesis, markup=False)
    counts = found.counts
    table(("count", ""), [(name.replace("_", " "), getattr(counts, name)) for name in counts.__slots__])
    for check in (*found.confirmations, *found.checks):
        out.print(f"{'[green]✓[/]' if check.ok else '[red]✗[/]'} {check.name} [dim]{check.detail}[/]")
    for name, value in found.figures.items():
        out.print(f"  {name.replace('_', ' ')}: {value}", markup=False)
    recovery = "nothing to recover from" if found.recovery_s is None else f"recovered after {found.recovery_s:.2f} s"
    out.print(f"{recovery}; {found.duration_s:.1f} s in all; run {found.run_id}", markup=False)


def _coloured(verdict: str | None) -> str:
    return "" if verdict is None else f"[{COLOURS[verdict]}]{verdict}[/]"
