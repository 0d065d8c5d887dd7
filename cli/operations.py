"""source, replay, reset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from application.permissions import Action, require
from cli import foreground
from cli.lifecycle import logs
from cli.output import AsJson, Failed, StackName, out, print_json, say, table
from scenarios import replay as replaying
from settings import Settings
from stacks import instance, operation, ownership, source_control
from stacks import reset as resetting
from stacks.controls import control

source_app = typer.Typer(help="The Debezium source of the native stack.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    source_app.command("status")(status)
    source_app.command("render")(render)
    for action in source_control.ACTIONS:
        source_app.command(action, help=_HELP[action])(_command(action))
    source_app.command("logs")(source_logs)
    app.add_typer(source_app, name="source")
    for command in (replay, reset):
        app.command()(command)


_HELP = {
    "restart": "Restart its instance; it goes on from its stored offsets, within a few seconds.",
    "stop": "Stop it; the watcher leaves it stopped until `start`.",
    "start": "Start it after a stop.",
    "create": "Wait for the broker, make its topics, create the source or update it to the committed configuration.",
    "delete": "Delete it; its offsets stay, so that one created again goes on there.",
}


def _command(action: source_control.Action):  # type: ignore[no-untyped-def]
    def run(stack: StackName = None, json: AsJson = False) -> None:
        settings = instance.find(stack)
        try:
            source_control.act(settings, action)
        except source_control.NoSource as error:
            raise Failed(str(error)) from None
        if json:
            print_json({"ok": True, "action": action})
        else:
            out.print(f"source: {action} done")

    return run


def status(stack: StackName = None, json: AsJson = False) -> None:
    """Whether it runs, and how far it is behind the outbox. Fails when it is down."""
    try:
        found = source_control.report(instance.find(stack))
    except source_control.NoSource as error:
        raise Failed(str(error)) from None
    if json:
        print_json(found)
    else:
        table(("", ""), [(name, getattr(found, name)) for name in found.__slots__])
    if not found.running:
        raise typer.Exit(1)


def render(
    output: Annotated[Path, typer.Argument(help="File to write; it will hold the source's password, mode 0640.")],
    stack: StackName = None,
) -> None:
    """Write the source's configuration as `pulsar-admin sources create --source-config-file` takes it."""
    try:
        source_control.render(instance.find(stack), output)
    except source_control.NoSource as error:
        raise Failed(str(error)) from None
    except OSError as error:
        raise Failed(f"{output} cannot be written: {error}") from None
    say(f"wrote {output}")


def source_logs(
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on printing what is added.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the last lines.")] = 50,
    stack: StackName = None,
) -> None:
    """What the source's own threads log inside the broker."""
    logs("source", follow, lines, stack)


def replay(
    preview: Annotated[bool, typer.Option("--preview", help="Only say how much would be read.")] = False,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Read every event again from the beginning, on a fresh subscription: the inbox must absorb all of them."""
    settings = instance.find(stack)
    expected = replaying.preview(settings)
    if preview:
        if json:
            print_json(expected)
        else:
            out.print(f"{expected.events} events in {expected.messages} messages would be read again")
        return
    say(f"reading {expected.events} events again")
    found = replaying.replay(settings)
    if json:
        print_json({"ok": found.ok, **{name: getattr(found, name) for name in found.__slots__}})
    else:
        out.print(
            f"{found.deliveries} deliveries of {found.distinct_events} events in {found.seconds} s:"
            f" {found.duplicates_absorbed} duplicates absorbed, {found.new_notifications} new notifications"
        )
    if not found.ok:
        raise typer.Exit(1)


def reset(
    everything: Annotated[
        bool, typer.Option("--all", help="Stop the stack, delete all its data, start it again.")
    ] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Empty tables, topics, the observer's store and the audit file, in step, of a running stack."""
    settings = instance.find(stack)
    require(settings, Action.RESET)  # before it is asked for, too; a reset of everything asks nowhere else
    if not yes and not typer.confirm(f"Delete all commissions and events of the {settings.stack} stack?"):
        raise typer.Exit(1)
    with foreground.interruptible():
        removed = _start_afresh(settings) if everything else resetting.reset(settings, say)
    if json:
        print_json({"ok": True, "removed": removed})
    else:
        out.print(
            "everything is empty again"
            if everything
            else f"removed {sum(removed.values())} rows; everything is empty again"
        )


def _start_afresh(settings: Settings) -> dict[str, int]:
    instance.require(settings)
    with operation.alone(settings, "reset --all", say), operation.without_scenario(settings):
        was = control(settings).running()
        instance.down(settings, say)
        left = instance.remove_data(settings)
        if left:
            say(f"not made by this program, so they stay: {ownership.named(left)}")
        if was:
            instance.up(settings.stack, settings.home, say, go_on=True)
    return {}
