"""The verbs part, migrate and download: single steps of `up`, which the containers of the compose stack run."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from application.components import COMPONENTS, find_component
from cli.output import AsJson, Failed, StackName, out, print_json, say
from stacks import instance, migration
from stacks.native.artifacts import download_missing, find_missing_artifacts, list_groups, read_artifacts
from stacks.python_parts import list_python_parts
from stacks.supervisor import Supervisor, part_environment


def register(app: typer.Typer) -> None:
    for command in (part, migrate, download):
        app.command()(command)


def part(
    name: Annotated[
        str,
        typer.Argument(help=f"{', '.join(component.name for component in COMPONENTS.values() if component.module)}."),
    ],
    process_name: Annotated[
        str | None,
        typer.Option("--as", hidden=True, help="Name of the process, when it runs beside the component: see `replay`."),
    ] = None,
    stack: StackName = None,
) -> None:
    """Run one component in the foreground, with the command and environment of `up`. Ctrl-C stops it.

    Containers, service managers and debuggers use it.
    """
    settings = instance.find(stack)
    parts = {part.name: part for part in list_python_parts(settings)}
    if name not in parts:
        raise Failed(f"this stack has no component {name!r}; choose one of {', '.join(sorted(parts))}")
    if not settings.worker_url and find_component(name).needs_database:
        raise Failed("there is no database: set ALPES_DATABASE_URL, or run `./alpes up` once, which creates one")
    if process_name is not None:  # no lease of the component holds it
        command = parts[name].command
        os.chdir(command.cwd)
        env = part_environment(settings, parts[name]) | {"ALPES_PART": process_name}
        os.execve(command.argv[0], command.argv, os.environ | env)
    settings.run.mkdir(parents=True, exist_ok=True)
    # The process starts through the gate, so that a fault's lease can hold it down.
    argv = Supervisor(settings).write_part(parts[name])
    os.execve(argv[0], argv, os.environ | part_environment(settings, parts[name]))


def migrate(stack: StackName = None, json: AsJson = False) -> None:
    """Migrate the database to the newest schema and set its grants. With ALPES_DATABASE_ROOT_URL the users are created too.

    Existing tables and users are kept; a changed password is set.
    """
    settings = instance.find(stack)
    migration.migrate(settings, say)
    if json:
        print_json({"ok": True, "stack": settings.stack})
    else:
        out.print("the database is up to date")


def download(
    group: Annotated[
        list[str] | None,
        typer.Argument(help="What to download: pulsar, nar-4.0.8, nar-3.1.2, mysql or byteman. Default: all."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Download the files of the lock that the cache lacks, and check the SHA-256 of each."""
    all_groups = list_groups()
    unknown = sorted(set(group or []) - set(all_groups))
    if unknown:
        raise Failed(f"there is no download {', '.join(unknown)}; choose from {', '.join(all_groups)}")
    chosen = read_artifacts(group or all_groups)
    absent = find_missing_artifacts(chosen)
    download_missing(chosen)
    if json:
        print_json({"ok": True, "fetched": len(absent), "files": [row.path for row in chosen]})
    else:
        out.print(f"{len(chosen)} files are in the cache, {len(absent)} of them new")
