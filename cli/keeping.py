"""The verbs prune, backup and restore."""

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
    keep_days: Annotated[float, typer.Option(min=0, help="Keep rows that are younger than this many days.")] = 7.0,
    keep: Annotated[int, typer.Option(min=0, help="Keep at least this many of the newest rows.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be removed.")] = False,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Remove outbox rows that were captured and have a notification, with everything that belongs to them.

    Their ids are kept, so that reconciliation still counts them. Inbox rows of removed events, bodies of requeued dead
    letters and old scenario runs are removed too.
    """
    report = pruning.prune(instance.find(stack), keep_days, keep, dry_run=dry_run)
    if json:
        print_json({"ok": True, **{name: getattr(report, name) for name in report.__slots__}})
        return
    out.print(
        f"{'would be' if dry_run else 'were'} removed: {report.pruned} outbox rows, {report.inbox_rows} inbox rows,"
        f" {report.letters_emptied} bodies of requeued dead letters, {report.scenario_runs} scenario runs"
    )
    if report.kept_not_captured or report.kept_not_notified:
        out.print(
            f"kept although old enough: {report.kept_not_captured} not captured,"
            f" {report.kept_not_notified} without a notification"
        )


def backup(file: Annotated[Path, typer.Argument()], stack: StackName = None, json: AsJson = False) -> None:
    """Write every row and every observed message to FILE as JSON lines, from one consistent view. FILE holds no password."""
    _print_rows(backups.backup(instance.find(stack), file), file, json)


def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Replace the data of a running stack by the back-up in FILE. The present data is deleted."""
    settings = instance.find(stack)
    require(settings, Action.RESTORE)  # refuse before asking for a confirmation
    if not yes and not typer.confirm(f"Replace everything in the {settings.stack} stack by {file}?"):
        raise typer.Exit(1)
    with foreground.interruptible():
        try:
            counts = backups.restore(settings, file, say)
        except OSError as error:
            unfinished = operation.read(settings)
            consequence = "nothing was changed" if unfinished is None else "the watcher completes or undoes it"
            raise Failed(f"restore of {file}: {error}; {consequence}") from None
    _print_rows(counts, file, json)


def _print_rows(counts: dict[str, int], file: Path, json: bool) -> None:
    if json:
        print_json({"ok": True, "file": file, "rows": counts})
    else:
        table(("table", "rows"), counts.items(), title=str(file))
