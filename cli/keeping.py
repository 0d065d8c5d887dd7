"""prune, backup, restore: what is kept, and for how long."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from application.permissions import Action, require
from cli import foreground
from cli.output import AsJson, Failed, StackName, out, print_json, say, table
from stacks import backup as backups
from stacks import instance, operation, pruning


def register(app: typer.Typer) -> None:
    for command in (prune, backup, restore):
        app.command()(command)


def prune(
    keep_days: Annotated[float, typer.Option(min=0, help="Keep rows younger than so many days.")] = 7.0,
    keep: Annotated[int, typer.Option(min=0, help="Keep the newest so many rows, whatever their age.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Remove outbox rows that were captured and notified of, and what belongs to them. Ids are remembered, so that
    reconciliation still counts. Inbox rows of removed events, bodies of requeued dead letters and old scenario runs go too."""
    found = pruning.prune(instance.find(stack), keep_days, keep, dry_run=dry_run)
    if json:
        print_json({"ok": True, **{name: getattr(found, name) for name in found.__slots__}})
        return
    out.print(
        f"{'would be' if dry_run else 'were'} removed: {found.pruned} outbox rows, {found.inbox_rows} inbox rows,"
        f" {found.letters_emptied} bodies of requeued dead letters, {found.scenario_runs} scenario runs"
    )
    if found.kept_not_captured or found.kept_not_notified:
        out.print(
            f"kept although old enough: {found.kept_not_captured} not captured, {found.kept_not_notified} not notified of"
        )


def backup(file: Annotated[Path, typer.Argument()], stack: StackName = None, json: AsJson = False) -> None:
    """Write every row, and what the observer saw, to FILE as JSON lines, as of one moment. It holds no password."""
    _told(backups.backup(instance.find(stack), file), file, json)


def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Put a running stack back to FILE. What it holds now is deleted."""
    settings = instance.find(stack)
    require(settings, Action.RESTORE)  # before it is asked for, too
    if not yes and not typer.confirm(f"Replace everything in the {settings.stack} stack by {file}?"):
        raise typer.Exit(1)
    with foreground.interruptible():
        try:
            counts = backups.restore(settings, file, say)
        except OSError as error:
            left = operation.read(settings)
            what = "nothing was changed" if left is None else "the watcher completes or undoes it"
            raise Failed(f"restore of {file}: {error}; {what}") from None
    _told(counts, file, json)


def _told(counts: dict[str, int], file: Path, json: bool) -> None:
    if json:
        print_json({"ok": True, "file": file, "rows": counts})
    else:
        table(("table", "rows"), counts.items(), title=str(file))
