"""Delete the position of the capture: the relay's checkpoint, or the topic of the source's offsets."""

from __future__ import annotations

import time

from connectors.admin import Admin
from db.engine import connect
from db.outbox import OutboxFeed
from settings import Settings
from stacks import operation

PRODUCER_CLOSES_WITHIN_S = 15.0
OPERATION = "loss of the offsets"


def lose(settings: Settings) -> None:
    """Stop the capture, delete its offsets, start it. Raises AdminUnavailable, AdminRefused or DatabaseUnavailable."""
    with operation.alone(settings, OPERATION, lambda _: None):
        if settings.stack == "embedded":
            _reset_checkpoint(settings)
        else:
            _recreate_offset_topic(settings)


def _reset_checkpoint(settings: Settings) -> None:
    engine = connect(settings.admin_url, pool_size=1)
    try:
        with operation.holding(settings, OPERATION) as held:
            held.hold("relay")
            OutboxFeed(engine).save_checkpoint(0)
    finally:
        engine.dispose()


def _recreate_offset_topic(settings: Settings) -> None:
    with Admin(settings, timeout_s=30) as admin, operation.holding(settings, OPERATION) as held:
        held.hold("source")  # keeps the healer away: the source is not a process
        # If this process is killed from here on, `stacks.recovery` starts the source again.
        held.note(source="stopped")
        admin.source(settings.source_name, "stop")
        try:
            # The source's producer closes a moment after the source reports that it is stopped.
            deadline = time.monotonic() + PRODUCER_CLOSES_WITHIN_S
            while admin.topic_statistics(settings.topics.offsets)["publishers"] and time.monotonic() < deadline:
                time.sleep(0.1)
            admin.delete_topic(settings.topics.offsets)
            admin.create_topic(settings.topics.offsets)
        finally:
            # Start the source after an error too.
            admin.source(settings.source_name, "start")
