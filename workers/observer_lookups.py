"""Ask the observer's store for a few messages, without keeping it open: for the healer of the embedded broker."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from workers import observer_trimmed
from workers.observer_store import read_only_uri


def recently_published(path: Path, limit: int) -> list[str]:
    """Return the event ids of the newest messages that have one; none while the store cannot be read."""
    query = "SELECT DISTINCT event_id FROM (SELECT event_id, op FROM message ORDER BY n DESC LIMIT ?) WHERE op = 'c'"
    try:
        with contextlib.closing(sqlite3.connect(read_only_uri(path), uri=True, timeout=1)) as store:
            return [row[0] for row in store.execute(query, (limit,)) if row[0] is not None]
    except sqlite3.Error:
        return []


def find_unobserved(path: Path, messages: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of the messages, each a topic and an id, that are not in the store; none while it cannot be read."""
    query = "SELECT 1 FROM message WHERE topic = ? AND message_id = ?"
    try:
        with contextlib.closing(sqlite3.connect(read_only_uri(path), uri=True, timeout=1)) as store:
            return {
                message
                for message in messages
                if store.execute(query, message).fetchone() is None and not observer_trimmed.holds(store, *message, 0)
            }
    except sqlite3.Error:
        return set()


def find_unobserved_dead_letters(path: Path, topic: str, seqs: Sequence[int]) -> set[int]:
    """Return those dead letters, by the `seq` of their rows, that are not among the topic's newest; none as above."""
    query = "SELECT properties FROM message WHERE topic = ? ORDER BY n DESC LIMIT ?"
    try:
        with contextlib.closing(sqlite3.connect(read_only_uri(path), uri=True, timeout=1)) as store:
            rows = store.execute(query, (topic, 4 * len(seqs))).fetchall() if seqs else []
    except sqlite3.Error:
        return set()
    return set(seqs) - {
        int(number) for row in rows if (number := json.loads(row[0]).get("alpes-dead-letter", "")).isdecimal()
    }


def observed_since(path: Path, event_ids: Sequence[str]) -> dict[str, int]:
    """Return event id → time when the observer first recorded it, in microseconds since the epoch, of the kept messages.

    Raises sqlite3.Error while the store cannot be read.
    """
    since: dict[str, int] = {}
    with contextlib.closing(sqlite3.connect(read_only_uri(path), uri=True, timeout=1)) as store:
        for start in range(0, len(event_ids), 500):
            chunk = event_ids[start : start + 500]
            query = (
                "SELECT event_id, MIN(observed_us) FROM message WHERE op IS NOT NULL"
                f" AND event_id IN ({','.join('?' * len(chunk))}) GROUP BY event_id"
            )
            since |= {row[0]: row[1] for row in store.execute(query, tuple(chunk))}
    return since


def published_after(path: Path, topic: str, publish_us: int, limit: int) -> list[int]:
    """Return when the observer recorded the newest messages of a topic that were published after a time. Raises sqlite3.Error."""
    query = "SELECT publish_us, observed_us FROM message WHERE topic = ? ORDER BY n DESC LIMIT ?"
    with contextlib.closing(sqlite3.connect(read_only_uri(path), uri=True, timeout=1)) as store:
        return [row[1] for row in store.execute(query, (topic, limit)) if row[0] > publish_us]
