"""The same commands without an outbox, for comparison: commit a row, then publish its event. It has its own table and topic.

It is careful naive code: each message is published after the commit of its row and waits up to a second for the broker's
acknowledgement, because a client waits for the answer; errors are counted. What fails to be published is not tried again:
a process that remembers it in memory loses it when it dies, and one that writes it down has an outbox.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable

from sqlalchemy import insert, select

from connectors import envelope
from connectors.broker import Broker, BrokerUnavailable, Publisher
from db.errors import translated
from db.tables import naive_commission
from domain.changes.approve import CommissionApproved
from domain.changes.calculate import CommissionCalculated
from domain.clock import utc_now
from domain.commands import ApproveCommission, CalculateCommission
from domain.message import Message
from domain.outbox import OutboxRecord
from scenarios.load import Load
from scenarios.trial import Trial
from scenarios.waiting import JudgeFailed
from workers.observer_store import ObserverStore

SEND_TIMEOUT_S = 1.0
SEEN_WITHIN_S = 5.0
POLL_S = 0.005


class NaiveLoad:
    """Repeat every command of the outbox's load without an outbox, in its order, while the `with` block runs.

    The load waits for it, so that both sides always have the same number of commands behind them.
    """

    def __init__(self, trial: Trial, load: Load) -> None:
        self.committed = 0
        self.errors = 0
        self._handled = 0
        """Commands whose row is committed and whose event is published, or failed to be."""
        self._died: Message | None = None
        self._trial = trial
        self._load = load
        self._publisher = Publisher(Broker(trial.settings), trial.settings.topics.naive, send_timeout_s=SEND_TIMEOUT_S)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="naive", daemon=True)

    def __enter__(self) -> NaiveLoad:
        self._trial.say("load", Message("run.naive_writes"))
        self._trial.count_beside = self._count
        self._load.count_repeated = lambda: self._handled
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._publisher.close()

    def wait_for_more(self, by: int, deadline_s: float = 30) -> None:
        """Wait until `by` more rows are committed. Raises TookTooLong, or JudgeFailed when the writer has died."""
        goal = self.committed + by
        self._wait_until(lambda: self.committed >= goal, deadline_s, Message("awaited.naive_commits", n=by))

    def catch_up(self, deadline_s: float = 60) -> None:
        """Wait until it has repeated all commands of the load, which has ended. Raises what `wait_for_more` raises."""
        goal = len(self._load.sent)
        left = Message("awaited.naive_commits", n=goal - self._handled)
        self._wait_until(lambda: self._handled >= goal, deadline_s, left)

    def _wait_until(self, reached: Callable[[], bool], deadline_s: float, awaited: Message) -> None:
        def reached_or_died() -> bool:
            if self._died:
                raise JudgeFailed(self._died)
            return reached()

        self._trial.wait(reached_or_died, deadline_s, awaited, 0.02)

    def _count(self) -> tuple[int, int]:
        """Return how many events were committed so far, and how many of them the observer has seen on Pulsar."""
        return self.committed, len(_read_observed_ids(self._trial))

    def _run(self) -> None:
        try:
            self._write()
        except Exception as error:
            self._died = Message("judge.naive_ended", why=f"{type(error).__name__}: {error}")
            self._trial.report_judge_error(self._died)

    def _write(self) -> None:
        """Repeat the commands as the load gets them acknowledged."""
        conversion_id = ""
        while not self._stop.is_set():
            if self.committed >= len(self._load.sent):
                self._stop.wait(POLL_S)
                continue
            command = self._load.sent[self.committed].command
            if isinstance(command, CalculateCommission):
                conversion_id = command.conversion_id  # an approval follows the calculation of its commission
            event_id = self._commit(conversion_id)
            self.committed += 1
            try:
                self._publish(event_id, command)
            except BrokerUnavailable:
                self.errors += 1  # the row is committed and the caller has its answer: nothing publishes it later
            self._handled += 1

    def _commit(self, conversion_id: str) -> str:
        event_id = str(uuid.uuid4())
        values = {"event_id": event_id, "conversion_id": conversion_id, "correlation_id": self._trial.run_id}
        with translated(), self._trial.application.engine.begin() as connection:
            connection.execute(insert(naive_commission).values(**values, created_at=utc_now()))
        return event_id

    def _publish(self, event_id: str, command: CalculateCommission | ApproveCommission) -> None:
        event = CommissionCalculated if isinstance(command, CalculateCommission) else CommissionApproved
        record = OutboxRecord(
            seq=0,
            id=event_id,
            aggregate_type="commission",
            aggregate_id=event_id,
            aggregate_version=1,
            type=event.type,
            version=1,
            payload="{}",
            correlation_id=self._trial.run_id,
            traceparent=None,
            occurred_at=utc_now(),
        )
        key, value = envelope.encode(record, int(time.time() * 1000))
        self._publisher.send(value, key)


def find_lost(trial: Trial) -> list[str]:
    """Return the ids of the rows that the naive writer committed and whose event the observer never saw, oldest first."""
    query = (
        select(naive_commission.c.event_id)
        .where(naive_commission.c.correlation_id == trial.run_id)
        .order_by(naive_commission.c.created_at)
    )
    with trial.application.reading() as connection:
        committed = list(connection.scalars(query))
    deadline = time.monotonic() + SEEN_WITHIN_S
    while True:
        observed = _read_observed_ids(trial)
        lost = [event_id for event_id in committed if event_id not in observed]
        if not lost or time.monotonic() > deadline:
            return lost
        trial.pause(0.2)


def _read_observed_ids(trial: Trial) -> set[str]:
    store = ObserverStore(trial.settings.observer_store)
    try:
        return set(store.count_messages_on_topic(trial.settings.topics.naive, trial.run_id))
    finally:
        store.close()
