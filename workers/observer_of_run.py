"""Ask the observer's store for the messages of one run. Every query raises sqlite3.OperationalError while there is no store."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.observer_store import read_only_uri


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message of the topics of events that the store still keeps."""

    event_id: str
    key: str | None
    value: bytes
    captured_us: int | None
    publish_us: int


@dataclass(frozen=True, slots=True)
class KeptDeadLetter:
    """A message of the dead-letter topic that the store still keeps."""

    event_id: str | None
    message_id: str
    number: str
    """What its property says of the `seq` of its row; empty without that property."""
    publish_us: int
    reason: str
    value: bytes
    properties: dict[str, str]


def read_event_messages(path: Path, topics: Sequence[str], correlation_id: str) -> Iterator[KeptMessage]:
    """Yield the kept messages of a correlation id's events in the order of their observation."""
    # The table of events has an index of correlation ids, the table of messages one of event ids.
    query = (
        "SELECT message.event_id, key, value, captured_us, publish_us FROM published"
        " JOIN message ON message.event_id = published.event_id WHERE published.correlation_id = ?"
        f" AND op IS NOT NULL AND topic IN ({','.join('?' * len(topics))}) ORDER BY n"
    )
    with _open_store(path) as store:
        for row in store.execute(query, (correlation_id, *topics)):
            yield KeptMessage(*row)


def read_dead_letters(path: Path, topic: str, after_n: int, correlation_id: str) -> list[KeptDeadLetter]:
    """Return the dead letters that were observed after `n` and are of a correlation id, or contain it."""
    query = (
        "SELECT event_id, message_id, properties, publish_us, value FROM message WHERE topic = ? AND n > ?"
        " AND (correlation_id = ? OR instr(value, ?) > 0) ORDER BY n"
    )
    with _open_store(path) as store:
        rows = store.execute(query, (topic, after_n, correlation_id, correlation_id.encode())).fetchall()
    letters = []
    for event_id, message_id, text, publish_us, value in rows:
        properties = json.loads(text)
        number, reason = (properties.get(f"alpes-{name}", "") for name in ("dead-letter", "reason"))
        letters.append(KeptDeadLetter(event_id, message_id, number, publish_us, reason, value, properties))
    return letters


def read_others(path: Path, topics: Sequence[str], after_n: int, correlation_id: str) -> dict[str, int]:
    """Return event id → time of its message, for the events of other correlation ids that were observed after `n`."""
    query = (
        f"SELECT event_id, min(publish_us) FROM message WHERE topic IN ({','.join('?' * len(topics))}) AND n > ?"
        " AND event_id IS NOT NULL AND op IS NOT NULL AND correlation_id <> ? GROUP BY event_id"
    )
    with _open_store(path) as store:
        return dict(store.execute(query, (*topics, after_n, correlation_id)).fetchall())


@contextlib.contextmanager
def _open_store(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(read_only_uri(path), uri=True, timeout=5)) as store:
        yield store
