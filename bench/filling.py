"""Fill the databases of a stopped instance with many finished events, quickly.

Every event is committed, published, notified and audited, so the instance has nothing to do when it starts.
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
from db.hops import HOPS
from db.migrate import upgrade
from db.notification_queries import NotificationRow
from domain.changes.approve import CommissionApproved
from domain.changes.calculate import CommissionCalculated
from domain.outbox import OutboxRecord
from settings import Settings
from stacks import ownership
from workers import audit_file
from workers.audit_index import AuditIndex
from workers.observer_records import Observed
from workers.observer_store import KEEP, ObserverStore

ROWS_WITH_HOPS = 20_000
"""Number of newest events with hop times: more than a page keeps in memory."""
CORRELATION = "bench-filling"

_NUMBERS = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :rows)"
# Ids are as long and as random as UUIDs, so that an index over them is as large and as slow as a real one.
_ID = "substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-' || substr(h, 13, 4) || '-' || substr(h, 17, 4) || '-' || substr(h, 21)"
_AT = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || ((:rows - n) * 0.001 + 60) || ' seconds')"


def fill(settings: Settings, rows: int) -> float:
    """Fill an instance with SQLite, empty tables and an empty store, and return the seconds it took."""
    started_at = time.monotonic()
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
        _fill_tables(db, rows)
        _fill_observer_totals(db, rows, settings.topics.events)
        db.execute("COMMIT")
        _fill_observer_messages(db, settings)
        _write_audit_file(db, settings.audit_file)
    db.close()
    return time.monotonic() - started_at


def _fill_tables(db: sqlite3.Connection, rows: int) -> None:
    values = {"rows": rows, "correlation": CORRELATION}
    payload = "json_object('commissionId', c, 'conversionId', c, 'amount', '12.05', 'currency', 'USD')"
    db.execute(
        f"INSERT INTO outbox_event (seq, id, aggregate_type, aggregate_id, aggregate_version, type, version, payload,"
        f" correlation_id, occurred_at) SELECT n, {_ID}, 'commission', c, 1, '{CommissionCalculated.type}', 1, {payload},"
        f" :correlation, {_AT} FROM ({_NUMBERS} SELECT n, lower(hex(randomblob(16))) AS h, printf('%08x-', n * 2654435761"
        " % 4294967296) || '0000-4000-8000-' || printf('%012x', n) AS c FROM number)",
        values,
    )
    db.execute(
        "INSERT INTO commission SELECT aggregate_id, aggregate_id, 'aff-1', 'cmp-1', '120.50', '0.1', '12.05', 'USD',"
        f" '{CommissionApproved.status}', 1, occurred_at, occurred_at FROM outbox_event"
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
    times = ", ".join(f"{at} + {1500 * (position + 1)} + abs(random() % 4000)" for position in range(len(HOPS) - 1))
    db.execute(f"INSERT INTO event_timing SELECT id, {times} FROM outbox_event WHERE seq > ?", (rows - ROWS_WITH_HOPS,))
    db.execute("INSERT INTO relay_checkpoint VALUES ('relay', ?, '2026-01-01 00:00:00.000000')", (rows,))


def _fill_observer_totals(db: sqlite3.Connection, rows: int, topic: str) -> None:
    db.execute(
        "INSERT INTO seen.published (event_id, seq, correlation_id, times)"
        " SELECT id, seq, correlation_id, 1 FROM outbox_event"
    )
    db.execute("UPDATE seen.total SET value = ? WHERE name IN ('distinct', 'watermark')", (rows,))
    db.execute("INSERT INTO seen.topic VALUES (?, ?, 0)", (topic, rows))


def _fill_observer_messages(db: sqlite3.Connection, settings: Settings) -> None:
    """Record the newest messages in the observer's store, as many as it keeps."""
    store = ObserverStore(settings.observer_store, write=True)
    names = OutboxRecord.__slots__
    query = f"SELECT {', '.join(names)} FROM outbox_event ORDER BY seq DESC LIMIT {KEEP}"
    newest = [dict(zip(names, row, strict=True)) for row in db.execute(query)]
    try:
        # No topic counts as carrying events here, because `_fill_observer_totals` has counted them already.
        store.record([_make_observed(row, settings.topics.events) for row in reversed(newest)], ())
    finally:
        store.close()


def _make_observed(row: dict[str, Any], topic: str) -> Observed:
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


def _write_audit_file(db: sqlite3.Connection, path: Path) -> None:
    """Write the audit file and its index. Without the index, the audit worker would compare the whole file first."""
    index = AuditIndex(path.with_suffix(".index"))
    lines = _make_audit_lines(db)
    try:
        with path.open("wb") as file:
            while page := list(islice(lines, 10_000)):
                file.writelines(line for _, line in page)
                index.add(page)
    finally:
        index.close()


def _make_audit_lines(db: sqlite3.Connection) -> Iterator[tuple[int, bytes]]:
    names = NotificationRow.__slots__
    for row in db.execute(f"SELECT {', '.join(names)} FROM notification ORDER BY seq"):
        values = dict(zip(names, row, strict=True))
        values["payload"] = json.loads(values["payload"])
        for name in ("occurred_at", "notified_at"):
            values[name] = datetime.fromisoformat(values[name])
        yield row[0], audit_file.line(NotificationRow(**values))
