"""Makes the capture forget where it was: the relay's checkpoint, or the topic of the source's offsets."""

from __future__ import annotations

import time

from connectors.admin import Admin
from db.engine import connect
from db.outbox import OutboxFeed
from settings import Settings
from stacks.supervisor import Supervisor

GONE_WITHIN_S = 15.0


def lose(settings: Settings) -> None:
    """Stop the capture, delete its offsets, start it. Raises AdminUnavailable, AdminRefused or DatabaseUnavailable."""
    if settings.stack == "embedded":
        _checkpoint(settings)
    else:
        _offset_topic(settings)


def _checkpoint(settings: Settings) -> None:
    supervisor = Supervisor(settings)
    supervisor.stop_part("relay")
    engine = connect(settings.admin_url, pool_size=1)
    try:
        OutboxFeed(engine).save_checkpoint(0)
    finally:
        engine.dispose()
        supervisor.start_part("relay")


def _offset_topic(settings: Settings) -> None:
    with Admin(settings, timeout_s=30) as admin:
        admin.source(settings.source_name, "stop")
        try:
            # Its producer closes a moment after the source says that it is stopped.
            deadline = time.monotonic() + GONE_WITHIN_S
            while admin.topic_statistics(settings.topics.offsets)["publishers"] and time.monotonic() < deadline:
                time.sleep(0.1)
            admin.delete_topic(settings.topics.offsets)
            admin.create_topic(settings.topics.offsets)
        finally:
            # Whatever happened: the source runs again.
            admin.source(settings.source_name, "start")
