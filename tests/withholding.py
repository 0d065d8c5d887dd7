"""Commit events that the capture never sees: in sessions without a binlog, as a restored replica or a careless script."""

from __future__ import annotations

import uuid

from sqlalchemy import make_url

from application import Application
from db import queries
from domain.commands import CalculateCommission
from settings import Settings

WITHHELD_AT_ONCE = 200


def calculate(settings: Settings, count: int) -> set[str]:
    """Send commands in this process, and return the ids of their events."""
    ids: set[str] = set()
    with Application(settings, pool_size=1) as application:
        for _ in range(count):
            marker = uuid.uuid4().hex
            application.send(CalculateCommission(marker, "aff-1", "cmp-1", "1.00", "USD", marker))
            with application.reading() as connection:
                ids |= queries.outbox_ids(connection, marker)
    return ids


def withhold_from_binlog(settings: Settings, root_url: str, count: int) -> set[str]:
    """Commit events in sessions without a binlog, with one event between them that it has.

    Where the capture advances no more although rows wait, the watcher lets it take a new snapshot, which publishes them.
    """
    url = make_url(root_url).set(database=make_url(settings.database_url).database)
    unlogged_url = url.update_query_dict({"init_command": "SET SESSION sql_log_bin = 0"})
    unlogged = settings.model_copy(update={"database_url": unlogged_url.render_as_string(hide_password=False)})
    ids: set[str] = set()
    for first in range(0, count, WITHHELD_AT_ONCE):
        ids |= calculate(unlogged, min(WITHHELD_AT_ONCE, count - first))
        calculate(settings, 1)
    return ids
