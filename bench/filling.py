"""Fills the databases of an instance that is not started with a great many finished events, quickly.

Every event went its whole way: committed, published, notified, audited. So the instance starts with nothing to do.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from connectors import envelope
from db.engine import connect, sqlite_url
from db.migrate import upgrade
from db.notification_queries import NotificationRow
from domain.outbox import OutboxRecord
from settings import Settings
from stacks import ownership
from workers import audit_file
from workers.audit_index import AuditIndex
from workers.observer_records import Observed
from workers.observer_store import KEEP, ObserverStore

TIMED = 20_000
"""So many of the newest have hop times: more than a page keeps in memory."""
CORRELATION = "bench-filling"

_NUMBERS = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :rows)"
# Ids as long as a UUID, and as scattered: an index over them is as large and as slow as a real one.
_ID = "substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-' || substr(h, 13, 4) || '-' || substr(h, 17, 4) || '-' || substr(h, 21)"
_AT = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || ((:rows - n) * 0.001 + 60) || ' seconds')"


def fill(settings: Settings, rows: int) -> float:
    """SQLite only, tables and store empty; seconds it took."""
    began = time.monotonic()
    path = settings.data / "alpes.db"
    ownership.claim(ownership.INSTANCE, settings.home)
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = connect(sqlite_url(path))
    upgrade(engine)
    engine.dispose()
    ObserverStore(settings.observer_store, write=True).close()
    with sqlite3.connect(path, isolation_level=None) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA cache_size=-800000")
        db.execute("ATTACH ? AS seen", (str(settings.observer_store),))
        db.execute("BEGIN")
        _tables(db, rows)
        _observed_totals(db, rows, settings.topics.events)
        db.execute("COMMIT")
        _messages(db, settings)
        _audit(db, settings.audit_file)
    db.close()
    return time.monotonic() - began


def _tables(db: sqlite3.Connection, rows: int) -> None:
    values = {"rows": rows, "correlation": CORRELATION}
    payload = "json_object('commissionId', c, 'conversionId', c, 'amount', '12.05', 'currency', 'USD')"
    db.execute(
        f"INSERT INTO outbox_event (seq, id, aggregate_type, aggregate_id, aggregate_version, type, version, payload,"
        f" correlation_id, occurred_at) SELECT n, {_ID}, 'commission', c, 1, 'CommissionCalculated', 1, {payload},"
        f" :correlation, {_AT} FROM ({_NUMBERS} SELECT n, lower(hex(randomblob(16))) AS h, printf('%08x-', n * 2654435761"
        " % 4294967296) || '0000-4000-8000-' || printf('%012x', n) AS c FROM number)",
        values,
    )
    db.execute(
        "INSERT INTO commission SELECT aggregate_id, aggregate_id, 'aff-1', 'cmp-1', '120.50', '0.1', '12.05', 'USD',"
        " 'APPROVED', 1, occurred_at, occurred_at FROM outbox_event"
    )
    db.execute(
        "INSERT INTO notification SELECT seq, id, aggregate_id, 1, type, payload, correlation_id, 'notifications',"
        " occurred_at, occurred_at FROM outbox_event"
    )
    db.execute(
        "INSERT INTO processed_message SELECT seq, id, 'events', '(0,' || seq || ',-1,-1)', 0, 'applied', correlation_id,"
        " 'notifications', occurred_at FROM outbox_event"
    )
    at = "CAST((julianday(occurred_at) - 2440587.5) * 86400000000 AS INTEGER)"
    for place, (hop, clock) in enumerate(
        (
            ("committed", "host"),
            ("captured", "capture"),
            ("published", "producer"),
            ("received", "host"),
            ("persisted", "host"),
        )
    ):
        db.execute(
            f"INSERT INTO hop_time SELECT id, ?, {at} + ? + abs(random() % 4000), ? FROM outbox_event WHERE seq > ?",
            (hop, 1500 * (place + 1), clock, rows - TIMED),
        )
    db.execute("INSERT INTO relay_checkpoint VALUES ('relay', ?, '2026-01-01 00:00:00.000000')", (rows,))


def _observed_totals(db: sqlite3.Connection, rows: int, topic: str) -> None:
    db.execute("INSERT INTO seen.published SELECT id, seq, correlation_id, 1 FROM outbox_event")
    db.execute("UPDATE seen.total SET value = ? WHERE name IN ('distinct', 'watermark')", (rows,))
    db.execute("INSERT INTO seen.topic VALUES (?, ?, 0)", (topic, rows))


def _messages(db: sqlite3.Connection, settings: Settings) -> None:
    """The newest, as many as the observer keeps."""
    store = ObserverStore(settings.observer_store, write=True)
    names = OutboxRecord.__slots__
    query = f"SELECT {', '.join(names)} FROM outbox_event ORDER BY seq DESC LIMIT {KEEP}"
    newest = [dict(zip(names, row, strict=True)) for row in db.execute(query)]
    try:
        # No topic carries events here: what they count is counted above.
        store.record([_observed(row, settings.topics.events) for row in reversed(newest)], ())
    finally:
        store.close()


def _observed(row: dict[str, Any], topic: str) -> Observed:
    record = OutboxRecord(**{**row, "occurred_at": datetime.fromisoformat(row["occurred_at"])})
    us = int((record.occurred_at - datetime(1970, 1, 1)) / timedelta(microseconds=1))
    key, value = envelope.encode(record, us // 1000)
    return Observed(
        topic=topic,
        message_id=f"(0,{record.seq},-1,-1)",
        key=key,
        aggregate_id=record.aggregate_id,
        event_id=record.id,
        seq=record.seq,
        type=record.type,
        correlation_id=record.correlation_id,
        op="c",
        captured_us=us,
        publish_us=us,
        event_us=0,
        observed_us=us,
        properties={},
        value=value,
    )


def _audit(db: sqlite3.Connection, path: Path) -> None:
    """The file and its index: else the audit process would compare all of it first."""
    index = AuditIndex(path.with_suffix(".index"))
    lines = _lines(db)
    try:
        with path.open("wb") as file:
            while page := list(islice(lines, 10_000)):
                file.writelines(line for _, line in page)
                index.add(page)
    finally:
        index.close()


def _lines(db: sqlite3.Connection) -> Iterator[tuple[int, bytes]]:
    names = NotificationRow.__slots__
    for row in db.execute(f"SELECT {', '.join(names)} FROM notification ORDER BY seq"):
        values = dict(zip(names, row, strict=True))
        values["payload"] = json.loads(values["payload"])
        for name in ("occurred_at", "notified_at"):
            values[name] = datetime.fromisoformat(values[name])
        yield row[0], audit_file.line(NotificationRow(**values))
