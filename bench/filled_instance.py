"""Start a private embedded instance that holds many finished events."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from application import Application
from bench.filling import fill
from db import notification_queries
from scenarios.waiting import until
from settings import Settings
from stacks import instance
from stacks.processes import free_port
from stacks.resolving import hidden_environment

STARTS_WITHIN_S = 300.0


@contextmanager
def filled_instance(rows: int, say: Callable[[str], None]) -> Iterator[tuple[Settings, float]]:
    """Yield the settings of an instance with `rows` events and the seconds that the filling took; it is removed afterwards.

    Raises StartFailed or TookTooLong.
    """
    with TemporaryDirectory(prefix="alpes-bench-", ignore_cleanup_errors=True) as folder:
        options: dict[str, Any] = {name: free_port() for name in ("api_port", "broker_port", "dashboard_port")}
        options |= {"owner_pid": os.getpid(), "without": ()}
        with hidden_environment(options):
            settings = instance.resolve("embedded", Path(folder), **options)
            say(f"filling {rows:,} events")
            fill_s = fill(settings, rows, say)
            started = instance.up("embedded", Path(folder), lambda _: None, deadline_s=STARTS_WITHIN_S, **options)
            try:
                with Application(started.settings, pool_size=1) as application:
                    until(lambda: is_filled(application, rows), 60, "the filled rows")
                yield started.settings, fill_s
            finally:
                instance.down(started.settings, lambda _: None)


def is_filled(application: Application, rows: int) -> bool:
    """Return whether all filled notifications are there. Raises DatabaseUnavailable."""
    with application.reading() as connection:
        return notification_queries.notification_head(connection) == rows
