"""Remember which recorded messages were trimmed, as ranges of their numbers, so that a redelivery is not counted again.

Pulsar numbers the messages of a ledger consecutively, so a few ranges are enough for any number of trimmed messages.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence

SCHEMA = """
CREATE TABLE IF NOT EXISTS trimmed (
    topic TEXT NOT NULL, series TEXT NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, until_us INTEGER NOT NULL,
    PRIMARY KEY (topic, series, low)) WITHOUT ROWID;
"""
_MESSAGE_ID = re.compile(r"\((-?\d+),(-?\d+),(-?\d+),(-?\d+)\)")


def add(db: sqlite3.Connection, topic: str, messages: Sequence[tuple[str, int]]) -> None:
    """Add messages of a topic, each with its id and its time of publication in microseconds."""
    numbered = sorted((*_split_id(message_id), publish_us) for message_id, publish_us in messages)
    for series, number, publish_us in numbered:
        before = db.execute(
            "SELECT low, high, until_us FROM trimmed WHERE topic = ? AND series = ? AND low <= ? ORDER BY low DESC LIMIT 1",
            (topic, series, number),
        ).fetchone()
        if before is not None and before[1] >= number - 1:
            low, high, until_us = before[0], max(before[1], number), max(before[2], publish_us)
        else:
            low, high, until_us = number, number, publish_us
        after = db.execute(
            "SELECT high, until_us FROM trimmed WHERE topic = ? AND series = ? AND low = ?", (topic, series, high + 1)
        ).fetchone()
        if after is not None:
            db.execute("DELETE FROM trimmed WHERE topic = ? AND series = ? AND low = ?", (topic, series, high + 1))
            high, until_us = after[0], max(until_us, after[1])
        db.execute("INSERT OR REPLACE INTO trimmed VALUES (?, ?, ?, ?, ?)", (topic, series, low, high, until_us))


def holds(db: sqlite3.Connection, topic: str, message_id: str, publish_us: int) -> bool:
    """Return whether a message was recorded and trimmed.

    A message published later than all of its range is another one: a broker with a new store assigns the same ids again.
    """
    series, number = _split_id(message_id)
    row = db.execute(
        "SELECT high, until_us FROM trimmed WHERE topic = ? AND series = ? AND low <= ? ORDER BY low DESC LIMIT 1",
        (topic, series, number),
    ).fetchone()
    return row is not None and row[0] >= number and publish_us <= row[1]


def _split_id(message_id: str) -> tuple[str, int]:
    """Return the series in which a message is numbered, and its number there."""
    match = _MESSAGE_ID.fullmatch(message_id)
    if match is None:
        return message_id, 0
    ledger, entry, partition, batch = match.groups()
    if batch == "-1":
        return f"{ledger},{partition}", int(entry)
    return f"{ledger},{partition},{entry}", int(batch)
