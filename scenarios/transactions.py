"""Write transactions as other applications do: one that stays open, one that deletes its outbox row, one without the binlog."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from sqlalchemy import Connection, delete, event

from application import Application
from db.tables import outbox_event
from domain.commands import ApproveCommission, CalculateCommission, Command, CommissionResult
from domain.message import Message
from scenarios.trial import Trial
from settings import Settings

WRITTEN_WITHIN_S = 10.0
OPEN_AT_MOST_S = 120.0
"""After this an open transaction commits, whatever became of the run."""


@contextmanager
def held_open(trial: Trial, command: Command) -> Iterator[Future[CommissionResult]]:
    """Write a command's rows and keep its transaction open while the block runs; then commit it.

    The future, which holds its result after the block, ends when the transaction has committed. Raises TookTooLong.
    """
    written, let_commit = threading.Event(), threading.Event()

    def wait_before_commit(point: str) -> None:
        if point == "outbox_written":
            written.set()
            let_commit.wait(OPEN_AT_MOST_S)

    with (
        Application(trial.settings, pool_size=1, reached=wait_before_commit) as application,
        ThreadPoolExecutor(1) as threads,
    ):
        future = threads.submit(send, trial, application, command)
        try:
            trial.wait(written.is_set, WRITTEN_WITHIN_S, Message("awaited.rows_written"))
            yield future
        finally:
            let_commit.set()
        future.result()


@contextmanager
def deleting_rows(
    settings: Settings, correlation_id: str, copy: Callable[[Connection, str], None]
) -> Iterator[Application]:
    """Yield an application whose transactions delete the outbox rows of a correlation id right before they commit.

    `copy` is called before, in the same transaction.
    """
    # The application's own user may not delete outbox rows.
    with Application(settings.model_copy(update={"database_url": settings.admin_url}), pool_size=1) as application:
        sender = threading.get_ident()

        def delete_before_commit(connection: Connection) -> None:
            if threading.get_ident() != sender:
                return  # the thread that writes timestamps has no outbox row, and would wait for the locks of one that has
            copy(connection, correlation_id)
            connection.execute(delete(outbox_event).where(outbox_event.c.correlation_id == correlation_id))

        event.listen(application.engine, "commit", delete_before_commit)
        yield application


def send(trial: Trial, application: Application, command: Command) -> CommissionResult:
    """Send a command of the run through another application than the trial's. Raises what `Application.send` raises."""
    with trial.operations.invoked("SQL", command) as answer:
        result = application.send(command)
        answer.acknowledge(result.event_ids)
    return result


def send_pair(trial: Trial, application: Application) -> None:
    """Calculate the next commission of the stream and approve it. Raises what `Application.send` raises."""
    command: CalculateCommission = trial.next_command()
    commission_id = send(trial, application, command).commission_id
    send(trial, application, ApproveCommission(commission_id, trial.run_id))
