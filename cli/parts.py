"""part, migrate, download: what `up` does, step by step; the containers of the compose stack run these."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from cli.output import AsJson, Failed, StackName, out, print_json, say
from db.binlog import BinlogUnfit
from db.users import PasswordUnfit
from stacks import instance, migration
from stacks.native.artifacts import ensure, groups, locked, missing
from stacks.native.provision import ProvisionFailed
from stacks.python_parts import python_parts
from stacks.supervisor import Supervisor, part_environment


def register(app: typer.Typer) -> None:
    for command in (part, migrate, download):
        app.command()(command)


def part(
    name: Annotated[str, typer.Argument(help="notifications, commands, observer, audit, watcher, api or dashboard.")],
    stack: StackName = None,
) -> None:
    """Run one part in the foreground, as `up` would; for containers, service managers and debuggers. Ctrl-C stops it."""
    settings = instance.find(stack)
    parts = {row.name: row for row in python_parts(settings)}
    if name not in parts:
        raise Failed(f"there is no part {name!r} to run here; there are {', '.join(sorted(parts))}")
    if not settings.worker_url and name != "observer":
        raise Failed("no database is named: set ALPES_DATABASE_URL, or run `./alpes up` once, which makes one")
    settings.run.mkdir(parents=True, exist_ok=True)
    # Through the gate: a fault's lease holds the part down here too.
    argv = Supervisor(settings).write_part(parts[name])
    os.execve(argv[0], argv, os.environ | part_environment(settings, parts[name]))


def migrate(stack: StackName = None, json: AsJson = False) -> None:
    """Bring the database to the newest schema, with its grants. With ALPES_DATABASE_ROOT_URL the users are made too.

    What is there already is left as it is; a password that changed is set.
    """
    settings = instance.find(stack)
    try:
        migration.migrate(settings, say)
    except (migration.NoDatabase, PasswordUnfit, BinlogUnfit, ProvisionFailed) as error:
        raise Failed(str(error)) from None
    if json:
        print_json({"ok": True, "stack": settings.stack})
    else:
        out.print("the database is up to date")


def download(
    group: Annotated[
        list[str] | None,
        typer.Argument(help="What to fetch: pulsar, nar-4.0.8, nar-3.1.2, mysql or byteman. All if absent."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Fetch locked artifacts into the cache and check each one's SHA-256; what is there already is not fetched again."""
    known = groups()
    unknown = sorted(set(group or []) - set(known))
    if unknown:
        raise Failed(f"no artifact belongs to {', '.join(unknown)}; there are {', '.join(known)}")
    wanted = locked(group or known)
    absent = missing(wanted)
    ensure(wanted)
    if json:
        print_json({"ok": True, "fetched": len(absent), "files": [row.path for row in wanted]})
    else:
        out.print(f"{len(wanted)} files are in the cache, {len(absent)} of them fetched now")
