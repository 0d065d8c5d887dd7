"""Let the source forget its position: its offsets, and for a new snapshot its schema history too."""

from __future__ import annotations

import time
from collections.abc import Callable

from connectors.admin import Admin, AdminRefused
from settings import Settings
from stacks import operation
from stacks.native import intent
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
            admin.source(name, "start")


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
        forget(settings, admin, (settings.topics.offsets, settings.topics.schema_history), held)
