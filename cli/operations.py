"""The verbs source, replay, repair and reset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from application.permissions import Action, require
from cli import foreground
from cli.lifecycle import logs
from cli.output import AsJson, Failed, StackName, out, print_json, say, table
from scenarios import repair as repair_operation
from scenarios import replay as replay_operation
from settings import Settings
from stacks import instance, operation, ownership, source_control
from stacks import reset as reset_operation
from stacks.captures import capture_of
from stacks.controls import control

source_app = typer.Typer(help="The Debezium source of the native stack.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    source_app.command("status")(status)
    source_app.command("render")(render)
    for action in source_control.ACTIONS:
        source_app.command(action, help=_ACTION_HELP[action])(_make_command(action))
    source_app.command("doctor")(source_doctor)
    source_app.command("resnapshot")(resnapshot)
    source_app.command("logs")(source_logs)
    app.add_typer(source_app, name="source")
    for command in (replay, repair, reset):
        app.command()(command)


_ACTION_HELP = {
    "restart": "Restart the source; it continues from its stored offsets within a few seconds.",
    "stop": "Stop the source; the watcher leaves it stopped until `start`.",
    "start": "Start the source after a stop.",
    "create": "Wait for the broker, create the topics, and create the source or update it to the committed configuration.",
    "delete": "Delete the source; its offsets stay, and a source created later continues from them.",
}


def _make_command(action: source_control.Action):  # type: ignore[no-untyped-def]
    def run_action(stack: StackName = None, json: AsJson = False) -> None:
        settings = instance.find(stack)
        if not settings.facts.capture.reads_binlog:
            raise source_control.make_refusal(settings)
        capture_of(settings).act(action)
        if json:
            print_json({"ok": True, "action": action})
        else:
            out.print(f"source: {action} done")

    return run_action


def status(stack: StackName = None, json: AsJson = False) -> None:
    """Print the state of the source, and its backlog: how many outbox rows it has not captured. Fails unless it runs."""
    report = source_control.read_report(instance.find(stack))
    if json:
        print_json(report)
    else:
        table(
            ("", ""), [(name, getattr(report, name)) for name in report.__slots__ if getattr(report, name) is not None]
        )
    if not report.running:
        raise typer.Exit(1)


def source_doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Apply the cure: restart, new snapshot, or creation.")] = False,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Print what is wrong with the source: its error, the cause, and the cure. Fails unless it is healthy.

    The watcher applies the same cures by itself, each a few times only. No cure deletes data: a new snapshot publishes every row of
    the outbox again, and the inbox absorbs what is known.
    """
    capture = capture_of(instance.find(stack))
    finding = capture.examine()
    with foreground.interruptible():
        is_cured = fix and not finding.ok and capture.cure(finding, say)
    if json:
        print_json({**{name: getattr(finding, name) for name in finding.__slots__}, "applied": is_cured})
    else:
        rows = [
            ("error", finding.error or None),
            ("cause", finding.sentence),
            ("cure", finding.cure),
            ("command", finding.advice),
        ]
        table(("", ""), [row for row in rows if row[1] is not None])
        if is_cured:
            out.print("the cure was applied; `./alpes source doctor` shows in some seconds whether it helped")
        elif fix and not finding.ok:
            out.print("nothing was applied: that cause is removed by hand")
    if not finding.ok and not is_cured:
        raise typer.Exit(1)


def resnapshot(
    first_seq: Annotated[
        int | None,
        typer.Option("--from", metavar="SEQ", help="Publish only the rows with this seq or a higher one."),
    ] = None,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Let the source forget its offsets and schema history, and publish every row of the outbox again from a new snapshot.

    For a source whose position or schema history is gone. Nothing is lost, because the outbox holds each row that was not
    published; the inbox absorbs the others. A source that was stopped takes the snapshot when it is started.

    With --from, it publishes the rows from SEQ on, and the command returns when it has. Rows that commit late with a lower seq
    are published too. That needs a source that reads, and has published every row below SEQ: otherwise it is refused.
    """
    capture = capture_of(instance.find(stack))
    with foreground.interruptible():
        capture.resnapshot(say, first_seq)
    if json:
        print_json({"ok": True, "action": "resnapshot", "from": first_seq})
    else:
        out.print("source: resnapshot done")


def render(
    output: Annotated[Path, typer.Argument(help="File to write with mode 0640; it holds the source's password.")],
    stack: StackName = None,
) -> None:
    """Write the source's configuration in the format of `pulsar-admin sources create --source-config-file`."""
    try:
        source_control.write_configuration(instance.find(stack), output)
    except OSError as error:
        raise Failed(f"{output} cannot be written: {error}") from None
    say(f"wrote {output}")


def source_logs(
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Keep printing new lines.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="Number of last lines to print.")] = 50,
    stack: StackName = None,
) -> None:
    """Print the log of the source, whose threads run inside the broker."""
    logs("source", follow, lines, stack)


def replay(
    preview: Annotated[
        bool, typer.Option("--preview", help="Only print how many events and messages would be read.")
    ] = False,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Read every event again from the beginning with a new subscription.

    The installed worker's program does so, in a process of its own with the log `replay`. Fails unless its inbox absorbs them.
    """
    settings = instance.find(stack)
    expected = replay_operation.preview_replay(settings)
    if preview:
        if json:
            print_json(expected)
        else:
            out.print(f"{expected.events} events in {expected.messages} messages would be read again")
        return
    say(f"reading {expected.events} events again")
    outcome = replay_operation.replay(settings)
    if json:
        print_json({"ok": outcome.ok, **{name: getattr(outcome, name) for name in outcome.__slots__}})
    else:
        out.print(
            f"{outcome.deliveries} deliveries of {outcome.distinct_events} events in {outcome.seconds} s:"
            f" {outcome.duplicates_absorbed} duplicates absorbed, {outcome.new_notifications} new notifications"
        )
        if outcome.distinct_events < outcome.expected:
            out.print(f"{outcome.expected - outcome.distinct_events} events were not delivered, or not recorded")
        if outcome.not_notified:
            out.print(
                f"{outcome.not_notified} published events were never notified; `./alpes repair` publishes them again"
            )
    if not outcome.ok:
        raise typer.Exit(1)


def repair(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print which events are missing.")] = False,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Publish again exactly the events that are committed and missing downstream, and nothing else.

    An event is missing when it has neither a notification nor a dead letter, although every component is healthy and no more
    events arrive. Fails unless all sources agree afterwards.
    """
    settings = instance.find(stack)
    if dry_run:
        missing = repair_operation.find_missing_events(settings, say)
        if json:
            print_json({"missing": len(missing), "event_ids": list(missing.values())})
        else:
            table(("seq", "event id"), list(missing.items()))
            out.print(f"{len(missing)} events are missing")
        return
    with foreground.interruptible():
        outcome = repair_operation.repair(settings, say)
    if json:
        print_json({"ok": outcome.ok, **{name: getattr(outcome, name) for name in outcome.__slots__}})
    else:
        out.print(
            f"{outcome.missing} events were missing; {outcome.published_again} of them and {outcome.others_published} others were"
            f" published again; the sources {'agree' if outcome.reconciled else 'still differ'}"
        )
        if outcome.out_of_order:
            out.print(f"{outcome.out_of_order} events were notified after a later one of their commission")
        for seq, reason in outcome.unpublishable.items():
            out.print(f"row {seq} cannot be published: {reason}")
    if not outcome.ok:
        raise typer.Exit(1)


def reset(
    everything: Annotated[
        bool, typer.Option("--all", help="Stop the stack, delete all its data, and start it again.")
    ] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Empty the tables, topics, observer's store and audit file of a running stack, consistently."""
    settings = instance.find(stack)
    # A refusal comes before the question; and nothing else checks `--all`.
    require(settings, Action.RESET)
    if not yes and not typer.confirm(f"Delete all commissions and events of the {settings.stack} stack?"):
        raise typer.Exit(1)
    with foreground.interruptible():
        removed = _delete_and_start(settings) if everything else reset_operation.reset(settings, say)
    if json:
        print_json({"ok": True, "removed": removed})
    else:
        out.print(
            "everything is empty again"
            if everything
            else f"removed {sum(removed.values())} rows; everything is empty again"
        )


def _delete_and_start(settings: Settings) -> dict[str, int]:
    instance.require(settings)
    with operation.alone(settings, "reset --all", say), operation.without_scenario(settings):
        was_running = control(settings).running()
        instance.down(settings, say)
        foreign_files = instance.remove_data(settings)
        if foreign_files:
            say(f"kept, because this program did not create them: {ownership.name_some(foreign_files)}")
        if was_running:
            instance.up(settings.stack, settings.home, say, go_on=True)
    return {}
