"""How many commands a second one process writes, and whether the notifications keep up."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from application import Application
from db import notification_queries
from domain.commands import CalculateCommission
from scenarios.reconciliation import reconcile
from scenarios.waiting import TookTooLong, until
from settings import Settings


@dataclass(frozen=True, slots=True)
class Throughput:
    stack: str
    commands: int
    writers: int
    commands_per_s: float
    notifications_per_s: float
    """From the first command to the last notification."""
    drained_after_s: float
    """From the last command's commit to the last notification's."""
    lost: int
    duplicates_absorbed: int
    out_of_order: int


def throughput(
    settings: Settings,
    commands: int,
    writers: int,
    progress: Callable[[int], None] = lambda done: None,
    deadline_s: float = 120,
) -> Throughput:
    """Write as fast as `writers` threads can, then wait for the last notification. Events still missing are `lost`."""
    correlation_id = str(uuid.uuid4())
    done = 0

    def write(_number: int) -> None:
        nonlocal done
        command = CalculateCommission(str(uuid.uuid4()), "aff-bench", "cmp-bench", "120.50", "USD", correlation_id)
        application.send(command)
        done += 1
        if done % 100 == 0:
            progress(done)

    with Application(settings, pool_size=writers + 1) as application:
        began = time.time()
        with ThreadPoolExecutor(writers) as pool:
            list(pool.map(write, range(commands)))
        last_command = time.time()
        with contextlib.suppress(TookTooLong):  # what is missing is counted below
            until(lambda: _notified(application, correlation_id) >= commands, deadline_s, "all notified", 0.1)
        with application.reading() as connection:
            last = notification_queries.last_notified_us(connection, correlation_id) / 1e6
        with contextlib.suppress(TookTooLong):  # what is missing is counted below
            until(lambda: reconcile(application, settings, correlation_id).complete, 10, "reconciled", 0.2)
        found = reconcile(application, settings, correlation_id)
    return Throughput(
        stack=settings.stack,
        commands=commands,
        writers=writers,
        commands_per_s=round(commands / (last_command - began), 1),
        notifications_per_s=round(found.notified / (last - began), 1),
        drained_after_s=round(last - last_command, 3),
        lost=len(found.not_published) + len(found.not_notified) + len(found.not_audited) + (commands - found.committed),
        duplicates_absorbed=found.duplicates_absorbed,
        out_of_order=len(found.out_of_order),
    )


def _notified(application: Application, correlation_id: str) -> int:
    with application.reading() as connection:
        return notification_queries.count_notifications(connection, correlation_id)
