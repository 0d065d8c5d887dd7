"""Read rows, messages and times as DataFrames for a notebook. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from application import Application
from db import dead_letter_queries, lookups, notification_queries, queries
from db.hops import HOPS, RESOLUTION_US
from settings import Settings
from stacks import health
from workers import audit_file
from workers.observer_records import Observed
from workers.observer_store import ObserverStore


class Reading:
    settings: Settings
    application: Application

    def commission(self, commission_id: str) -> pd.DataFrame:
        """Return the row of `commission`, or no row when there is none."""
        with self.application.reading() as connection:
            row = queries.commission_by_id(connection, commission_id)
        return _to_frame([] if row is None else [row])

    def commission_of(self, conversion_id: str) -> pd.DataFrame:
        """Return the row of `commission` of a conversion, or no row when there is none."""
        with self.application.reading() as connection:
            row = queries.commission_by_conversion(connection, conversion_id)
        return _to_frame([] if row is None else [row])

    def outbox(self, commission_id: str) -> pd.DataFrame:
        """Return the rows of `outbox_event` of one commission, in order."""
        with self.application.reading() as connection:
            return _to_frame(queries.outbox_of_commission(connection, commission_id))

    def outbox_head(self) -> int:
        """Return the highest `seq` of the outbox: it rises with every event, and with nothing else."""
        with self.application.reading() as connection:
            return queries.outbox_head(connection)

    def notifications(self, event_ids: Iterable[str]) -> pd.DataFrame:
        """Return the rows of `notification` of these events, in the order in which they were persisted."""
        with self.application.reading() as connection:
            rows = [lookups.notification_of(connection, event_id) for event_id in event_ids]
        return _to_frame(sorted((row for row in rows if row is not None), key=lambda row: row.seq))

    def notifications_of_run(self, correlation_id: str, limit: int = 5000) -> pd.DataFrame:
        """Return the notifications of a correlation id among the newest `limit`, in the order of their persistence."""
        with self.application.reading() as connection:
            newest = notification_queries.recent_notifications(connection, limit)
        return _to_frame([row for row in reversed(newest) if row.correlation_id == correlation_id])

    def deliveries(self, event_id: str) -> pd.DataFrame:
        """Return the inbox rows of an event: every committed delivery with its outcome (applied, duplicate, …)."""
        with self.application.reading() as connection:
            return _to_frame(lookups.deliveries_of_event(connection, event_id))

    def dead_letters(self, limit: int = 20) -> pd.DataFrame:
        """Return the dead letters, newest first; `requeued_at` is empty for open ones."""
        with self.application.reading() as connection:
            return _to_frame(dead_letter_queries.dead_letters(connection, limit))

    def messages(self, event_id: str) -> pd.DataFrame:
        """Return every message that carried the event, as the observer received it. `Lab.envelope` decodes a value."""
        return _to_frame(self._messages(event_id))

    def message(self, event_id: str) -> Observed:
        """Return the first message that carried the event. Raises IndexError while there is none."""
        return self._messages(event_id)[0]

    def audit_lines(self, event_ids: Iterable[str]) -> int:
        """Return how many lines of `events.jsonl` belong to these events."""
        ids = set(event_ids)
        return sum(1 for event_id in audit_file.event_ids(Path(self.settings.audit_file)) if event_id in ids)

    def everywhere(self, event_ids: Sequence[str]) -> bool:
        """Return whether each of these events was observed on its topic, notified, and written to the audit file."""
        ids = set(event_ids)
        if self._published_among(event_ids) != ids or len(self.notifications(event_ids)) != len(ids):
            return False
        return self.audit_lines(event_ids) == len(ids)

    def hop_times(self, event_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return event id → {timestamp: microseconds since the epoch}."""
        with self.application.reading() as connection:
            return queries.read_hop_times(connection, list(event_ids))

    def hops(self, event_id: str) -> pd.DataFrame:
        """Return the path of one event, a row for each timestamp.

        Columns: ms since the command, ms since the previous timestamp, resolution of the clock in ms.
        """
        times_us = self.hop_times([event_id])[event_id]
        rows: list[dict[str, Any]] = []
        for hop in (name for name in HOPS if name in times_us):
            since_command_ms = (times_us[hop] - times_us["occurred"]) / 1000
            step_ms = since_command_ms - rows[-1]["since_command_ms"] if rows else 0.0
            resolution_ms = RESOLUTION_US[hop] / 1000
            rows.append(
                {"hop": hop, "since_command_ms": since_command_ms, "step_ms": step_ms, "resolution_ms": resolution_ms}
            )
        return pd.DataFrame(rows).set_index("hop")

    def backlog(self, correlation_id: str) -> pd.DataFrame:
        """Return the number of events committed and not yet notified, after each change, with seconds since the first."""
        with self.application.reading() as connection:
            pairs = notification_queries.read_occurred_and_notified(connection, correlation_id)
        steps = sorted([(occurred, 1) for occurred, _ in pairs] + [(notified, -1) for _, notified in pairs])
        frame = pd.DataFrame(steps, columns=["at_us", "waiting"])
        frame["at_s"] = (frame.pop("at_us") - steps[0][0]) / 1e6
        frame["waiting"] = frame["waiting"].cumsum()
        return frame[["at_s", "waiting"]]

    def parts(self) -> pd.DataFrame:
        """Return the health of every component: whether it answers, and how large its lag is."""
        parts = health.check(self.settings, self.application.engine)
        return pd.DataFrame([{"part": part.part, "light": part.light, "detail": part.detail} for part in parts])

    def _messages(self, event_id: str) -> list[Observed]:
        store = ObserverStore(self.settings.observer_store)
        try:
            return store.read_messages_of(event_id)
        finally:
            store.close()

    def _published_among(self, event_ids: Sequence[str]) -> set[str]:
        store = ObserverStore(self.settings.observer_store)
        try:
            return store.select_published(event_ids)
        finally:
            store.close()


def _to_frame(rows: Sequence[Any]) -> pd.DataFrame:
    return pd.DataFrame([asdict(row) for row in rows])
