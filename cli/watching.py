"""The verbs feed, topics and reconcile: what happened, read from the observer's store and the database."""

from __future__ import annotations

import json as jsonlib
import time
from typing import Annotated

import typer

from application import Application
from cli.output import AsJson, StackName, format_time, out, print_json, table
from scenarios import reconciliation
from stacks import instance
from stacks import topics as topic_reports
from workers.observer_records import Observed
from workers.observer_store import ObserverStore


def register(app: typer.Typer) -> None:
    for command in (feed, topics, reconcile):
        app.command()(command)


def feed(
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Keep printing new messages.")] = False,
    topic: Annotated[str | None, typer.Option(help="Only messages of this topic (full or short name).")] = None,
    search: Annotated[
        str | None,
        typer.Option(
            help="The beginning of an event, commission, correlation or message id, or some letters of the type."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("-n", min=1, max=1000, help="Number of newest messages to print.")] = 20,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Print messages as the observer received them from Pulsar, without a consumer of its own. --json prints one line each."""
    settings = instance.find(stack)
    name = topic if topic is None or "://" in topic else f"persistent://{settings.pulsar_namespace}/{topic}"
    store = ObserverStore(settings.observer_store)
    try:
        newest = store.read_messages(name, limit=limit, search=search)
        _print_messages(newest, json)
        last = newest[0].n if newest else 0
        while follow:
            more = store.read_messages(name, limit=500, after=last, search=search)
            _print_messages(more, json)
            last = more[0].n if more else last
            time.sleep(0.2)
    finally:
        store.close()


def topics(stack: StackName = None, json: AsJson = False) -> None:
    """List the topics with their messages and subscriptions."""
    settings = instance.find(stack)
    reports = topic_reports.list_topics(settings)
    if json:
        print_json(reports)
        return
    rows = []
    for topic in reports:
        subscriptions = ", ".join(f"{row.name} (backlog {row.backlog})" for row in topic.subscriptions)
        rows.append(("live" if topic.live else "", topic.name, topic.messages, topic.producers, subscriptions))
    table(("", "topic", "messages", "producers", "subscriptions"), rows)
    if not settings.pulsar_admin_url:
        out.print("counted by the observer: this broker has no admin API, so subscriptions are not listed", style="dim")


def reconcile(
    correlation: Annotated[str | None, typer.Option(help="Only the events of this correlation id.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Wait up to this many seconds for events in flight.")] = 5.0,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Compare committed, published, notified and audited events by id and content. Fails when they differ."""
    settings = instance.find(stack)
    deadline = time.monotonic() + wait
    with Application(settings, pool_size=1) as application:
        reconciled = reconciliation.reconcile(application, settings, correlation)
        while not reconciled.complete and time.monotonic() < deadline:
            time.sleep(0.2)
            reconciled = reconciliation.reconcile(application, settings, correlation)
    if json:
        print_json({"ok": reconciled.complete, **{name: getattr(reconciled, name) for name in reconciled.__slots__}})
    else:
        counts = ("committed", "published", "notified", "audited", "dead_lettered", "deliveries", "duplicates_absorbed")
        table(("source", "distinct events"), [(name.replace("_", " "), getattr(reconciled, name)) for name in counts])
        _print_differences(reconciled)
    if not reconciled.complete:
        raise typer.Exit(1)


def _print_differences(reconciled: reconciliation.Reconciliation) -> None:
    for name in reconciliation.DIFFER:
        ids = getattr(reconciled, name)
        if ids:
            out.print(f"[red]{name.replace('_', ' ')}[/]: {len(ids)}, for example {', '.join(ids[:3])}")
    for event_id, reason in reconciled.dead_letters.items():
        out.print(f"dead-lettered {event_id}: {reason}", markup=False)
    for difference in reconciled.differences:
        out.print(f"  {difference}", markup=False)
    if reconciled.foreign_lines:
        out.print(f"[red]lines of the audit file that are not valid audit lines[/]: {reconciled.foreign_lines}")
    if reconciled.row_deleted:
        out.print(
            f"the outbox rows of {len(reconciled.row_deleted)} events were deleted: that these were committed is known"
            " from their commissions, and their contents were not compared with a row"
        )
    if reconciled.contents_unknown:
        out.print(
            f"the contents of {reconciled.contents_unknown} published events were not compared: only their ids are known"
        )
    agreement = "[green]nothing lost, duplicated or reordered, and the contents are equal[/]"
    out.print(agreement if reconciled.complete else "[red]the sources differ[/]")


def _print_messages(messages: list[Observed], json: bool) -> None:
    for message in reversed(messages):
        if json:
            values = {name: getattr(message, name) for name in message.__slots__ if name != "value"}
            values["value"] = message.value.decode("utf-8", "backslashreplace")
            print(jsonlib.dumps(values, ensure_ascii=False), flush=True)
        else:
            short_topic = message.topic.rpartition("/")[2]
            subject = f"{message.aggregate_id or message.key or ''}"
            print(
                f"{format_time(message.publish_us)}  {short_topic:<28} {message.type:<22} {subject:<36}  {message.message_id}",
                flush=True,
            )
