"""Fill the databases of a stopped instance with many finished events, quickly.

Every event is committed, published, notified and audited, so the instance has nothing to do when it starts.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from connectors import envelope
from db.engine import connect, sqlite_url
from db.hops import HOPS
from db.migrate import upgrade
from domain.changes.approve import CommissionApproved
from domain.changes.calculate import CommissionCalculated
from domain.outbox import OutboxRecord
from settings import Settings
from stacks import ownership
from workers.audit_index import AuditIndex
from workers.observer_records import Observed
from workers.observer_store import KEEP, ObserverStore

ROWS_WITH_HOPS = 20_000
"""Number of newest events with hop times: more than a page keeps in memory."""
CORRELATION = "bench-filling"

_NUMBERS = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :rows)"
# Ids are like those of `application.commissions.new_id`, so that an index over them is as large and as quick as a real one.
_PREFIX = "substr(t, 1, 8) || '-' || substr(t, 9, 4)"
_ID = f"{_PREFIX} || '-7' || substr(h, 1, 3) || '-8' || substr(h, 4, 3) || '-' || substr(h, 7, 12)"
_COMMISSION_ID = f"{_PREFIX} || '-7000-8000-' || printf('%012x', n)"
_AT = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || ((:rows - n) * 0.001 + 60) || ' seconds')"
_MEMBERS = [
    "commissionId",
    "conversionId",
    "affiliateId=aff-1",
    "campaignId=cmp-1",
    "grossAmount=120.50",
    "rate=0.1",
    "amount=12.05",
    "currency=USD",
]
"""The members of each payload in their order; those without a value are ids."""
_CACHE_KB = 2_000_000


def fill(settings: Settings, rows: int, say: Callable[[str], None] = lambda _: None) -> float:
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
        db.execute("ATTACH ? AS seen", (str(settings.observer_store),))
        db.create_function("digest", 1, _digest, deterministic=True)
        with _quickly(db, ("main", "seen")):
            say(f"filling the tables with {rows:,} events")
            _fill_tables(db, rows)
            say("filling the observer's store")
            _fill_observer_totals(db, rows, settings.topics.events)
            say("building the indexes")
        _fill_observer_messages(db, settings)
        say("writing the audit file")
        _write_audit_file(db, settings.audit_file)
    db.close()
    os.sync()  # the disk is busy with so many bytes for minutes, and what is measured next would wait for it
    return time.monotonic() - started_at


@contextmanager
def _quickly(db: sqlite3.Connection, schemas: Sequence[str]) -> Iterator[None]:
    """Let the block write without a journal and without the indexes that can be built afterwards, in the order of their keys.

    A power cut would leave nothing usable, but then nobody needs it.
    """
    indexes = []
    for schema in schemas:
        db.execute(f"PRAGMA {schema}.journal_mode=OFF")
        db.execute(f"PRAGMA {schema}.synchronous=OFF")
        db.execute(f"PRAGMA {schema}.cache_size=-{_CACHE_KB}")
        for name, sql in db.execute(f"SELECT name, sql FROM {schema}.sqlite_master WHERE type = 'index'").fetchall():
            if sql is not None:  # the others belong to a key of their table
                db.execute(f"DROP INDEX {schema}.{name}")
                indexes.append(sql.replace(f" {name} ", f" {schema}.{name} ", 1))
    db.execute("BEGIN")
    yield
    for sql in indexes:
        db.execute(sql)
    db.execute("COMMIT")
    for schema in schemas:
        db.execute(f"PRAGMA {schema}.journal_mode=WAL")


def _conversion_id(number: str) -> str:
    """Return the SQL expression of a conversion's id: clients name them, in no order. `number` is the column with the event's number."""
    return f"printf('%08x-0000-4000-8000-%012x', {number} * 2654435761 % 4294967296, {number})"


def _payload(members: Sequence[str], comma: str, colon: str, commission_id: str, number: str) -> str:
    """Return the SQL expression of a payload's text; the last two are the columns with the commission's id and the event's number."""
    ids = {"commissionId": commission_id, "conversionId": _conversion_id(number)}
    texts = []
    for member in members:
        name, _, value = member.partition("=")
        texts.append(f'"{name}"{colon}"{value}"' if value else f'"{name}"{colon}"\' || {ids[name]} || \'"')
    return "'{" + comma.join(texts) + "}'"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def _fill_tables(db: sqlite3.Connection, rows: int) -> None:
    values = {"rows": rows, "correlation": CORRELATION, "now_ms": time.time_ns() // 1_000_000}
    columns = (
        f"SELECT n, {_ID} AS id, {_COMMISSION_ID} AS c FROM ({_NUMBERS} SELECT n, lower(hex(randomblob(9))) AS h,"
        " printf('%012x', :now_ms - :rows + n - 60000) AS t FROM number)"
    )
    db.execute(
        f"INSERT INTO outbox_event (seq, id, aggregate_type, aggregate_id, aggregate_version, type, version, payload,"
        f" correlation_id, occurred_at) SELECT n, id, 'commission', c, 1, '{CommissionCalculated.type}', 1,"
        f" {_payload(_MEMBERS, ', ', ': ', 'c', 'n')}, :correlation, {_AT} FROM ({columns})",
        values,
    )
    db.execute(
        f"INSERT INTO commission SELECT aggregate_id, {_conversion_id('seq')}, 'aff-1', 'cmp-1', '120.50', '0.1', '12.05', 'USD',"
        f" '{CommissionApproved.status}', 1, occurred_at, occurred_at FROM outbox_event ORDER BY 2"
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
    canonical = _payload(sorted(_MEMBERS), ",", ":", "aggregate_id", "seq")
    at = "replace(occurred_at, ' ', 'T') || 'Z'"
    db.execute(
        "INSERT INTO seen.published (event_id, seq, correlation_id, times, contents, version)"
        " SELECT id, seq, correlation_id, 1,"
        f" digest(json_array(id, aggregate_id, aggregate_version, type, {canonical}, correlation_id, {at})), version"
        " FROM outbox_event ORDER BY id"
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
    """Yield the `seq` and the line of each notification; the database makes them faster than `workers.audit_file.line`."""
    texts = {"eventId": "event_id", "type": "type", "commissionId": "commission_id"}
    times = {"occurredAt": "occurred_at", "notifiedAt": "notified_at"}
    members = [f""" ',"{name}":"' || {column} || '"' """ for name, column in texts.items()]
    members.append(""" ',"aggregateVersion":' || aggregate_version || ',"correlationId":"' || correlation_id || '"' """)
    members += [f""" ',"{name}":"' || replace({column}, ' ', 'T') || 'Z"' """ for name, column in times.items()]
    members.append(""" ',"consumer":"' || consumer || '","payload":' || json(payload) || '}' || char(10) """)
    line = f"""CAST('{{"seq":' || seq || {" || ".join(members)} AS BLOB)"""
    yield from db.execute(f"SELECT seq, {line} FROM notification ORDER BY seq")
