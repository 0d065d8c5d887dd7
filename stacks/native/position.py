"""Let the source forget its position: its offsets, and for a new snapshot its schema history too."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from connectors import source
from connectors.admin import Admin, AdminRefused
from settings import Settings
from stacks import operation
from stacks.native import binlog_history, intent
from stacks.operation import Holding, Say

PRODUCER_CLOSES_WITHIN_S = 15.0
RESNAPSHOT = "new snapshot of the source"


def stop(admin: Admin, name: str) -> None:
    """Stop the source. Pulsar answers 400 if it is stopped already. Raises AdminUnavailable or AdminRefused."""
    try:
        admin.source(name, "stop")
    except AdminRefused as error:
        if error.status != 400 or admin.source_status(name).running:
            raise


def start(admin: Admin, name: str) -> None:
    """Start a source that was stopped at the broker. Pulsar answers 400 if it is started. Raises AdminUnavailable or AdminRefused."""
    try:
        admin.source(name, "start")
    except AdminRefused as error:
        if error.status != 400:
            raise


def forget(
    settings: Settings,
    admin: Admin,
    topics: tuple[str, ...],
    held: Holding,
    change: Callable[[], object] = lambda: None,
) -> None:
    """Stop the source, empty these topics of its own, and start it unless its user wants it stopped.

    `change` is called before it starts. If this process is killed meanwhile, `stacks.recovery` starts the source again. Raises AdminUnavailable or AdminRefused.
    """
    name = settings.source_name
    held.note(source="stopped")
    stop(admin, name)
    try:
        empty(admin, topics)
        change()
    finally:
        # Start the source after an error too.
        if intent.read(settings) == "run":
            start(admin, name)


def empty(admin: Admin, topics: tuple[str, ...]) -> None:
    """Delete these topics of a stopped source and create them anew. Raises AdminUnavailable or AdminRefused."""
    for topic in topics:
        _await_no_publisher(admin, topic)
        admin.delete_topic(topic)
        admin.create_topic(topic)


def _await_no_publisher(admin: Admin, topic: str) -> None:
    """Wait until the source's producer has closed, a moment after the source reports that it is stopped."""
    deadline = time.monotonic() + PRODUCER_CLOSES_WITHIN_S
    while time.monotonic() < deadline:
        try:
            if not admin.topic_statistics(topic)["publishers"]:
                return
        except AdminRefused as error:
            if error.status == 404:  # it is lost already
                return
            raise
        time.sleep(0.1)


def resnapshot(settings: Settings, say: Say, patience_s: float = operation.PATIENCE_S) -> None:
    """Let the source take a new snapshot: it publishes every row of the outbox again, and the inbox absorbs the known ones.

    Nothing is lost: a row that was not published is still in the outbox. Raises Busy, AdminUnavailable or AdminRefused.
    """
    with (
        operation.alone(settings, RESNAPSHOT, say, patience_s),
        operation.holding(settings, RESNAPSHOT) as held,
        Admin(settings, timeout_s=60) as admin,
    ):
        held.hold(settings.facts.capture.component)  # it is no process: this keeps the healer away
        binlog_history.forget(settings)
        forget(settings, admin, (settings.topics.offsets, settings.topics.schema_history), held)


def has_snapshot(settings: Settings) -> bool:
    """Return whether the stored position is behind a complete snapshot. Raises AdminUnavailable or AdminRefused.

    While it takes one, each position says so.
    """
    with Admin(settings) as admin:
        stored = admin.read_last_message(settings.topics.offsets)
    return bool(stored) and "snapshot" not in json.loads(stored)


def begin_snapshot(settings: Settings, held: Holding, statement: str) -> None:
    """Let the source begin a snapshot of the rows that the statement selects. Raises AdminUnavailable or AdminRefused."""
    held.hold(settings.facts.capture.component)
    topics = (settings.topics.offsets, settings.topics.schema_history)
    with Admin(settings, timeout_s=60) as admin:
        config = source.render(settings, statement)
        forget(settings, admin, topics, held, lambda: source.ensure_source(admin, config))


def restore_configuration(settings: Settings) -> None:
    """Give the source its ordinary configuration, unless its user has deleted it. Raises AdminUnavailable or AdminRefused."""
    with Admin(settings, timeout_s=60) as admin:
        if not admin.source_exists(settings.source_name):
            return
        source.ensure_source(admin, source.render(settings))
        if intent.read(settings) == "run":
            start(admin, settings.source_name)
        else:
            stop(admin, settings.source_name)
