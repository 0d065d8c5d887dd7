"""The distinct published events are read in two orders, and by their ids, also from a store of an older version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from settings import Settings
from tests.builders import delivery, record
from workers.observer import build_observed
from workers.observer_store import ObserverStore
from workers.published_events import PublishedEvents

TOPICS = Settings().topics
SEQS = (3, 1, 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "observer.db"


@pytest.fixture
def store(path: Path) -> Iterator[PublishedEvents]:
    with closing(ObserverStore(path, write=True)) as store:
        events = [record(seq, id=f"e-{9 - seq}") for seq in SEQS]
        messages = [build_observed(delivery(event, event.seq, TOPICS.events), TOPICS) for event in events]
        store.record(messages, TOPICS.carrying_events())
        yield store


def test_pages_come_in_the_order_of_seq_with_contents_and_version(store: PublishedEvents) -> None:
    pages = list(store.read_published_pages(2))
    assert [[event_id for event_id, _, _ in page] for page in pages] == [["e-8", "e-7"], ["e-6"]]
    by_id = {event.event_id: (event.contents, event.version) for event in store.read_published_contents()}
    assert {event_id: (contents, version) for page in pages for event_id, contents, version in page} == by_id
    assert None not in by_id.values()


def test_ids_come_in_their_own_order(store: PublishedEvents) -> None:
    assert list(store.read_published_ids()) == ["e-6", "e-7", "e-8"]


def test_contents_are_read_of_chosen_events(store: PublishedEvents) -> None:
    assert [event.event_id for event in store.select_published_contents(["e-6", "e-1", "e-8"])] == ["e-6", "e-8"]
    assert store.select_published_contents([]) == []


def test_reading_in_order_uses_one_index(store: PublishedEvents) -> None:
    query = "EXPLAIN QUERY PLAN SELECT event_id, contents, version FROM published ORDER BY seq"
    (step,) = store._db.execute(query).fetchall()
    assert "USING COVERING INDEX published_in_order" in step[3]


def test_a_store_of_an_older_version_gets_the_index(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            "CREATE TABLE published (event_id TEXT PRIMARY KEY, seq INTEGER NOT NULL, correlation_id TEXT NOT NULL,"
            " times INTEGER NOT NULL) WITHOUT ROWID; CREATE INDEX published_by_seq ON published (seq);"
            "INSERT INTO published VALUES ('e-1', 1, 'run', 1)"
        )
    with closing(ObserverStore(path)) as reader:  # no observer of this version has opened it yet
        assert list(reader.read_published_pages(10)) == [[("e-1", None, None)]]
        assert reader.select_published_contents(["e-1"])[0].contents is None
    with closing(ObserverStore(path, write=True)) as store:
        names = {row[1] for row in store._db.execute("PRAGMA index_list(published)")}
    assert "published_in_order" in names
    assert "published_by_seq" not in names
