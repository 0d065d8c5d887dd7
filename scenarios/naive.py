"""The naive alternative to an outbox, for comparison: commit a row, then publish its event. It has its own table and topic.

It is careful naive code: each message is published after the commit of its row and waits up to a second for the broker's
acknowledgement, because a client waits for the answer; errors are counted.
"""

from __future__ import annotations

import threading
import time
import uuid

from sqlalchemy import insert, select

from connectors import envelope
from connectors.broker import Broker, BrokerUnavailable, Publisher
from db.errors import translated
from db.tables import naive_commission
from domain.changes.calculate import CommissionCalculated
from domain.clock import utc_now
from domain.message import Message
from domain.outbox import OutboxRecord
from scenarios.trial import PAIRS_PER_SECOND, Trial
from scenarios.waiting import JudgeFailed, until
from workers.observer_store import ObserverStore

SEND_TIMEOUT_S = 1.0
SEEN_WITHIN_S = 5.0


class NaiveLoad:
    """Write as many events a second as the outbox's load while the `with` block runs."""

    def __init__(self, trial: Trial) -> None:
        self.committed = 0
        self.errors = 0
        self._died: Message | None = None
        self._trial = trial
        self._publisher = Publisher(Broker(trial.settings), trial.settings.topics.naive, send_timeout_s=SEND_TIMEOUT_S)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="naive", daemon=True)

    def __enter__(self) -> NaiveLoad:
        self._trial.say("load", Message("run.naive_writes"))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._publisher.close()

    def wait_for_more(self, by: int, deadline_s: float = 30) -> None:
        """Wait until `by` more rows are committed. Raises TookTooLong, or JudgeFailed when the writer has died."""
        goal = self.committed + by

        def goal_reached() -> bool:
            if self._died:
                raise JudgeFailed(self._died)
            return self.committed >= goal

        until(goal_reached, deadline_s, Message("awaited.naive_commits", n=by), 0.02)

    def _run(self) -> None:
        try:
            self._write()
        except Exception as error:
            self._died = Message("judge.naive_ended", why=f"{type(error).__name__}: {error}")
            self._trial.report_judge_error(self._died)

    def _write(self) -> None:
        while not self._stop.wait(1 / PAIRS_PER_SECOND):
            event_id = self._commit()
            self.committed += 1
            try:
                self._publish(event_id)
            except BrokerUnavailable:
                self.errors += (
                    1  # the row is committed and the caller has its answer: nothing publishes the event later
                )

    def _commit(self) -> str:
        event_id = str(uuid.uuid4())
        values = {"event_id": event_id, "conversion_id": str(uuid.uuid4()), "correlation_id": self._trial.run_id}
        with translated(), self._trial.application.engine.begin() as connection:
            connection.execute(insert(naive_commission).values(**values, created_at=utc_now()))
        return event_id

    def _publish(self, event_id: str) -> None:
        record = OutboxRecord(
            seq=0,
            id=event_id,
            aggregate_type="commission",
            aggregate_id=event_id,
            aggregate_version=1,
            type=CommissionCalculated.type,
            version=1,
            payload="{}",
            correlation_id=self._trial.run_id,
            traceparent=None,
            occurred_at=utc_now(),
        )
        key, value = envelope.encode(record, int(time.time() * 1000))
        self._publisher.send(value, key)


def count_lost(trial: Trial) -> int:
    """Return how many rows the naive writer committed whose event the observer never saw."""
    query = select(naive_commission.c.event_id).where(naive_commission.c.correlation_id == trial.run_id)
    with trial.application.reading() as connection:
        committed = set(connection.scalars(query))
    deadline = time.monotonic() + SEEN_WITHIN_S
    while (missing := committed - _read_observed_ids(trial)) and time.monotonic() < deadline:
        trial.pause(0.2)
    return len(missing)


def _read_observed_ids(trial: Trial) -> set[str]:
    store = ObserverStore(trial.settings.observer_store)
    try:
        return set(store.published_on(trial.settings.topics.naive, trial.run_id))
    finally:
        store.close()
