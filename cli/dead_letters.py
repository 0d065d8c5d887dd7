"""The verb dead-letters: list the messages that could not be processed, and requeue or discard them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from application import Application
from cli.output import AsJson, Failed, StackName, out, print_json, say, table
from db import dead_letter_queries
from db.dead_letter_queries import DeadLetterRow
from stacks import dead_letters as letters
from stacks import instance

app = typer.Typer(
    help="List, requeue and discard dead letters: messages that could not be processed.", no_args_is_help=True
)
Numbers = Annotated[list[int] | None, typer.Argument(help="Numbers from `dead-letters list`.")]
MOST = 200


def register(parent: typer.Typer) -> None:
    app.command("list")(list_dead_letters)
    app.command()(requeue)
    app.command()(discard)
    parent.add_typer(app, name="dead-letters")


def list_dead_letters(stack: StackName = None, json: AsJson = False) -> None:
    """List the newest dead letters with their reasons."""
    with Application(instance.find(stack), pool_size=1) as application, application.reading() as connection:
        dead_letters = dead_letter_queries.dead_letters(connection, limit=MOST)
    if json:
        print_json(dead_letters)
        return
    rows = [
        (
            row.seq,
            row.dead_lettered_at.strftime("%H:%M:%S"),
            row.reason,
            row.detail[:80],
            row.event_id,
            describe_state(row),
        )
        for row in dead_letters
    ]
    table(("seq", "at (UTC)", "reason", "detail", "event", "state"), rows)
    if not rows:
        out.print("no dead letters")


def describe_state(letter: DeadLetterRow) -> str:
    """Return whether a dead letter waits, was requeued or was discarded, with the note of a discarded one."""
    if letter.requeued_at is not None:
        return "requeued"
    if letter.discarded_at is not None:
        return f"discarded: {letter.discard_note}" if letter.discard_note else "discarded"
    return "waits"


def requeue(
    seqs: Numbers = None,
    all: Annotated[bool, typer.Option("--all", help="Requeue every dead letter that waits.")] = False,
    body: Annotated[
        Path | None, typer.Option(help="A file with another body, for one dead letter of the commands topic.")
    ] = None,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Requeue dead letters: events on the retry topic, commands on the commands topic, outbox rows on the events topic.

    A command may be corrected: --body FILE sends it with the contents of the file. An event's contents are never changed.

      ./alpes dead-letters requeue 3 4      ./alpes dead-letters requeue 5 --body corrected.json
    """
    settings = instance.find(stack)
    numbers = _choose(seqs, letters.find_waiting(settings) if all else None)
    if body is not None and len(numbers) != 1:
        raise Failed("--body is the body of one dead letter: give one number")
    try:
        if body is None:
            sent = letters.requeue(settings, numbers)
        else:
            sent = [letters.send_edited(settings, numbers[0], body.read_bytes())]
    except (LookupError, OSError) as error:
        raise Failed(str(error)) from None
    if json:
        print_json({"ok": True, "requeued": sent})
    else:
        say(f"requeued {len(sent)} dead letters")


def discard(
    seqs: Numbers = None,
    note: Annotated[str, typer.Option(help="Why they need no requeue; it is kept with them.")] = "",
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Mark dead letters as discarded: they no longer wait. Their rows stay, and they can still be requeued."""
    try:
        discarded = letters.discard(instance.find(stack), _choose(seqs, None), note)
    except (LookupError, ValueError) as error:
        raise Failed(str(error)) from None
    if json:
        print_json({"ok": True, "discarded": discarded})
    else:
        say(f"discarded {len(discarded)} dead letters")


def _choose(seqs: list[int] | None, waiting: list[int] | None) -> list[int]:
    """Return the numbers that were given, or those that wait. Raises Failed when neither was asked for."""
    if waiting is not None:
        return waiting
    if not seqs:
        raise Failed("choose dead letters: give numbers from `./alpes dead-letters list`")
    return list(dict.fromkeys(seqs))
