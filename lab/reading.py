"""What a notebook reads: the rows, the messages, the times, as DataFrames. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from application import Application
from db import dead_letter_queries, lookups, notification_queries, queries
from db.hops import CLOCK_RESOLUTION_US, HOPS
from settings import Settings
from stacks import health
from workers import audit_file
from workers.observer_records import Observed
from workers.observer_store import ObserverStore

CLOCK_OF = {"captured": "capture", "published": "producer"}


class Reading:
    settings: Settings
    application: Application

    def commission(self, commission_id: str) -> pd.DataFrame:
        """The row of `commission`; empty when there is none."""
        with self.application.reading() as connection:
            found = queries.commission_by_id(connection, commission_id)
        return _frame([] if found is None else [found])

    def commission_of(self, conversion_id: str) -> pd.DataFrame:
        """The same, by its conversion."""
        with self.application.reading() as connection:
            found = queries.commission_by_conversion(connection, conversion_id)
        return _frame([] if found is None else [found])

    def outbox(self, commission_id: str) -> pd.DataFrame:
        """Rows of `outbox_event` of one commission, in order."""
        with self.application.reading() as connection:
            return _frame(queries.outbox_of_commission(connection, commission_id))

    def outbox_head(self) -> int:
        """Highest `seq` of the outbox: it rises with every event, and with nothing else."""
        with self.application.reading() as connection:
            return queries.outbox_head(connection)

    def notifications(self, event_ids: Iterable[str]) -> pd.DataFrame:
        """Rows of `notification` of these events, in the order they were persisted."""
        with self.application.reading() as connection:
            found = [lookups.notification_of(connection, event_id) for event_id in event_ids]
        return _frame(sorted((row for row in found if row is not None), key=lambda row: row.seq))

    def notifications_of_run(self, correlation_id: str, limit: int = 5000) -> pd.DataFrame:
        """Those of a correlation id among the newest `limit`, in the order they were persisted."""
        with self.application.reading() as connection:
            newest = notification_queries.recent_notifications(connection, limit)
        return _frame([row for row in reversed(newest) if row.correlation_id == correlation_id])

    def deliveries(self, event_id: str) -> pd.DataFrame:
        """The inbox: every committed delivery of an event, with its outcome (applied, duplicate, …)."""
        with self.application.reading() as connection:
            return _frame(lookups.deliveries_of_event(connection, event_id))

    def dead_letters(self, limit: int = 20) -> pd.DataFrame:
        """Newest first; `requeued_at` is empty for those that wait."""
        with self.application.reading() as connection:
            return _frame(dead_letter_queries.dead_letters(connection, limit))

    def messages(self, event_id: str) -> pd.DataFrame:
        """Every message that carried the event, as the observer received it; values are decoded by `Lab.envelope`."""
        return _frame(self._messages(event_id))

    def message(self, event_id: str) -> Observed:
        """The first of them, as it is. Raises IndexError while there is none."""
        return self._messages(event_id)[0]

    def audit_lines(self, event_ids: Iterable[str]) -> int:
        """How many lines of `events.jsonl` tell of these events."""
        wanted = set(event_ids)
        return sum(1 for each in audit_file.event_ids(Path(self.settings.audit_file)) if each in wanted)

    def everywhere(self, event_ids: Sequence[str]) -> bool:
        """Whether each of these events was observed on its topic, is notified of, and stands in the audit file."""
        wanted = set(event_ids)
        if self._published_among(event_ids) != wanted or len(self.notifications(event_ids)) != len(wanted):
            return False
        return self.audit_lines(event_ids) == len(wanted)

    def hop_times(self, event_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """Event id → {hop: microseconds since the epoch}."""
        with self.application.reading() as connection:
            return queries.hop_times(connection, list(event_ids))

    def hops(self, event_id: str) -> pd.DataFrame:
        """One event's way, a row each hop: ms since the command, ms since the hop before, the clock's resolution in ms."""
        at = self.hop_times([event_id])[event_id]
        rows: list[dict[str, Any]] = []
        for hop in (each for each in HOPS if each in at):
            clock = CLOCK_OF.get(hop, "host")
            since = (at[hop] - at["occurred"]) / 1000
            step = since - rows[-1]["since_command_ms"] if rows else 0.0
            resolution = CLOCK_RESOLUTION_US[clock] / 1000
            rows.append({"hop": hop, "since_command_ms": since, "step_ms": step, "resolution_ms": resolution})
        return pd.DataFrame(rows).set_index("hop")

    def backlog(self, correlation_id: str) -> pd.DataFrame:
        """Events committed and not yet notified of, at each moment one of both happened; seconds since the first."""
        with self.application.reading() as connection:
            pairs = notification_queries.latencies(connection, correlation_id)
        steps = sorted([(occurred, 1) for occurred, _ in pairs] + [(notified, -1) for _, notified in pairs])
        frame = pd.DataFrame(steps, columns=["at_us", "waiting"])
        frame["at_s"] = (frame.pop("at_us") - steps[0][0]) / 1e6
        frame["waiting"] = frame["waiting"].cumsum()
        return frame[["at_s", "waiting"]]

    def parts(self) -> pd.DataFrame:
        """How every part is, judged by whether it answers and how far it is behind."""
        return _frame(health.check(self.settings, self.application.engine))

    def _messages(self, event_id: str) -> list[Observed]:
        store = ObserverStore(self.settings.observer_store)
        try:
            return store.messages_of(event_id)
        finally:
            store.close()

    def _published_among(self, event_ids: Sequence[str]) -> set[str]:
        store = ObserverStore(self.settings.observer_store)
        try:
            return store.published_among(event_ids)
        finally:
            store.close()


def _frame(rows: Sequence[Any]) -> pd.DataFrame:
    return pd.DataFrame([asdict(row) for row in rows])
