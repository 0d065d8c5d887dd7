"""The verbs `scenario list`, run, runs, show, export and stop; `scenario mutants` is in cli.mutants, `scenario chaos` in cli.chaos."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

from application import Application
from cli import chaos, mutants
from cli.matrix import matrix
from cli.output import AsJson, Failed, StackName, out, print_json, table
from cli.scenario_runs import Seed, coloured, print_moment, print_result, print_results, run_scenario, running_instance
from scenarios import evidence, journal, runner
from scenarios.catalogue import list_all, scenarios
from scenarios.model import Result
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


def register(app: typer.Typer) -> None:
    for name, command in (
        ("list", list_scenarios),
        ("run", run),
        ("chaos", chaos.chaos),
        ("matrix", matrix),
        ("runs", runs),
        ("show", show),
        ("export", export),
        ("stop", stop),
        ("mutants", mutants.mutants),
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
    with running_instance(stack) as settings:
        every_name = [scenario.name for scenario in list_all(settings.stack, settings.cluster, settings.capture)]
        names = every_name if name == "all" else [name]
        results = [run_scenario(settings, scenario_name, seed) for scenario_name in names]
        print_results(settings, results, json, as_list=name == "all")


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
            coloured(entry.verdict),
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
        print_moment(moment, out)
    print_result(result)


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
