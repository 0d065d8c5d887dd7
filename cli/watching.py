"""feed, topics, reconcile, dead-letters: what happened, from the observer's store and the database."""

from __future__ import annotations

import json as jsonlib
import time
from typing import Annotated

import typer

from application import Application
from cli.output import AsJson, Failed, StackName, clock, out, print_json, say, table
from db import queries
from scenarios import reconciliation
from stacks import dead_letters as letters
from stacks import instance
from stacks import topics as topic_reports
from workers.observer_store import Observed, ObserverStore

dead_letter_app = typer.Typer(
    help="Messages that could not be processed: list them, send them again.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    for command in (feed, topics, reconcile):
        app.command()(command)
    dead_letter_app.command("list")(list_dead_letters)
    dead_letter_app.command("requeue")(requeue)
    app.add_typer(dead_letter_app, name="dead-letters")


def feed(
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on printing what comes.")] = False,
    topic: Annotated[str | None, typer.Option(help="Only this topic (full or short name).")] = None,
    search: Annotated[
        str | None,
        typer.Option(help="The beginning of an event, commission, correlation or message id, or a part of the type."),
    ] = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many of the newest.")] = 20,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """The messages on Pulsar as the observer received them; opens no consumer. With --json, one line a message."""
    settings = instance.find(stack)
    name = topic if topic is None or "://" in topic else f"persistent://{settings.pulsar_namespace}/{topic}"
    store = ObserverStore(settings.observer_store)
    try:
        newest = store.feed(name, limit=limit, search=search)
        _print(newest, json)
        last = newest[0].n if newest else 0
        while follow:
            more = store.feed(name, limit=500, after=last, search=search)
            _print(more, json)
            last = more[0].n if more else last
            time.sleep(0.2)
    finally:
        store.close()


def topics(stack: StackName = None, json: AsJson = False) -> None:
    """The topics with their messages and subscriptions."""
    settings = instance.find(stack)
    found = topic_reports.topics(settings)
    if json:
        print_json(found)
        return
    rows = []
    for topic in found:
        subscriptions = ", ".join(f"{row.name} ({row.backlog} waiting)" for row in topic.subscriptions)
        rows.append(("live" if topic.live else "", topic.name, topic.messages, topic.producers, subscriptions))
    table(("", "topic", "messages", "producers", "subscriptions"), rows)
    if not settings.pulsar_admin_url:
        out.print("counted by the observer: this broker has no admin REST, so it tells no subscriptions", style="dim")


def reconcile(
    correlation: Annotated[str | None, typer.Option(help="Only the events of this correlation id.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Wait up to so many seconds for what is in flight.")] = 5.0,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Committed = published = notified = audited: compares ids and contents of the four. Fails when they differ."""
    settings = instance.find(stack)
    deadline = time.monotonic() + wait
    with Application(settings, pool_size=1) as application:
        found = reconciliation.reconcile(application, settings, correlation)
        while not found.complete and time.monotonic() < deadline:
            time.sleep(0.2)
            found = reconciliation.reconcile(application, settings, correlation)
    if json:
        print_json({"ok": found.complete, **{name: getattr(found, name) for name in found.__slots__}})
    else:
        counts = ("committed", "published", "notified", "audited", "dead_lettered", "deliveries", "duplicates_absorbed")
        table(("source", "distinct events"), [(name.replace("_", " "), getattr(found, name)) for name in counts])
        _print_differences(found)
    if not found.complete:
        raise typer.Exit(1)


def _print_differences(found: reconciliation.Reconciliation) -> None:
    for name in reconciliation.DIFFER:
        ids = getattr(found, name)
        if ids:
            out.print(f"[red]{name.replace('_', ' ')}[/]: {len(ids)}, for example {', '.join(ids[:3])}")
    for event_id, reason in found.dead_letters.items():
        out.print(f"dead-lettered {event_id}: {reason}", markup=False)
    for difference in found.differences:
        out.print(f"  {difference}", markup=False)
    if found.foreign_lines:
        out.print(f"[red]lines of the audit file that are no audit lines[/]: {found.foreign_lines}")
    if found.contents_unknown:
        out.print(f"{found.contents_unknown} published events are known by id only: their contents were not compared")
    equal = "[green]nothing lost, doubled or reordered, and the contents are equal[/]"
    out.print(equal if found.complete else "[red]the sources differ[/]")


def list_dead_letters(stack: StackName = None, json: AsJson = False) -> None:
    """The newest dead letters with their reasons."""
    with Application(instance.find(stack), pool_size=1) as application, application.reading() as connection:
        found = queries.dead_letters(connection, limit=200)
    if json:
        print_json(found)
        return
    rows = [
        (
            row.seq,
            row.dead_lettered_at.strftime("%H:%M:%S"),
            row.reason,
            row.detail[:80],
            row.event_id,
            "yes" if row.requeued_at else "",
        )
        for row in found
    ]
    table(("seq", "at (UTC)", "reason", "detail", "event", "requeued"), rows)
    if not rows:
        out.print("no dead letters")


def requeue(
    seqs: Annotated[list[int] | None, typer.Argument(help="Numbers from the list.")] = None,
    all: Annotated[bool, typer.Option("--all", help="Every one that was not requeued yet.")] = False,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Send dead letters again, through the retry topic (events), the commands topic, or the events topic (outbox rows)."""
    settings = instance.find(stack)
    wanted = list(seqs or [])
    if all:
        wanted = letters.waiting(settings)
    if not wanted and not all:
        raise Failed("say which: numbers from `./alpes dead-letters list`, or --all")
    try:
        sent = letters.requeue(settings, wanted)
    except (LookupError, letters.NotRequeued) as error:
        raise Failed(str(error)) from None
    if json:
        print_json({"ok": True, "requeued": sent})
    else:
        say(f"{len(sent)} sent again")


def _print(messages: list[Observed], json: bool) -> None:
    for message in reversed(messages):
        if json:
            values = {name: getattr(message, name) for name in message.__slots__ if name != "value"}
            values["value"] = message.value.decode("utf-8", "backslashreplace")
            print(jsonlib.dumps(values, ensure_ascii=False), flush=True)
        else:
            short = message.topic.rpartition("/")[2]
            of = f"{message.aggregate_id or message.key or ''}"
            print(
                f"{clock(message.publish_us)}  {short:<28} {message.type:<22} {of:<36}  {message.message_id}",
                flush=True,
            )
