"""The verb step: hold the events, and let one pass at a time."""

from __future__ import annotations

import typer

from application import breakpoints
from cli.output import AsJson, StackName, out, print_json
from stacks import instance, stepping

app = typer.Typer(
    help="Hold every event before it is published, processed and acknowledged, and let one pass at a time.",
    no_args_is_help=True,
)


def register(parent: typer.Typer) -> None:
    app.command("on")(start)
    app.command("next")(let_next_pass)
    app.command("off")(end)
    app.command("list")(list_held)
    parent.add_typer(app, name="step")


def start(stack: StackName = None) -> None:
    """Hold the events from now on, for ten minutes or until `step off`.

    On native and compose the source runs inside Pulsar, so there an event is held first before it is processed.
    """
    settings = instance.find(stack)
    stepping.start(settings)
    out.print(f"events are held at: {', '.join(breakpoints.list_names(settings))}; `./alpes step next` lets one pass")


def let_next_pass(stack: StackName = None, json: AsJson = False) -> None:
    """Let the event that is furthest on its path pass one breakpoint, and say what this changed."""
    held = stepping.let_pass(instance.find(stack))
    if json:
        print_json({"breakpoint": held.name, "part": held.part, "event_id": held.event_id})
        return
    out.print(f"{held.event_id} passed {held.name}: {stepping.PASSED[held.name]}")


def end(stack: StackName = None) -> None:
    """Let everything pass again."""
    stepping.end(instance.find(stack))
    out.print("events pass again")


def list_held(stack: StackName = None, json: AsJson = False) -> None:
    """List what waits at each breakpoint."""
    settings = instance.find(stack)
    held = breakpoints.read_held(settings)
    if json:
        print_json(held)
        return
    if not held:
        out.print("step mode is off")
    for place in held:
        following = f"; next {place.event_id}: {stepping.WAITS[place.name]}" if place.count else ""
        out.print(f"{place.name} in {place.part}: {place.count} held{following}")
