"""Test the observer's store: it counts each message once and each event once, however often they are delivered."""

from __future__ import annotations

import dataclasses
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain import contents
from settings import Settings
from tests.builders import delivery, record
from workers import observer_store
from workers.observer import build_observed
from workers.observer_records import VARYING, Published
from workers.observer_store import ObserverStore

TOPICS = Settings().topics
LIVE = TOPICS.carrying_events()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObserverStore]:
    store = ObserverStore(tmp_path / "observer.db", write=True)
    yield store
    store.close()


def test_a_redelivered_message_is_counted_once(store: ObserverStore) -> None:
    seen = build_observed(delivery(record(5), 1, TOPICS.events), TOPICS)
    store.record([seen], LIVE)
    store.record([seen], LIVE)
    assert (store.read_totals().distinct, store.read_totals().watermark) == (1, 5)
    assert [count.messages for count in store.read_topic_counts()] == [1]


def test_an_event_published_twice_is_one_event_in_two_messages(store: ObserverStore) -> None:
    event = record(1)
    store.record([build_observed(delivery(event, number, TOPICS.events), TOPICS) for number in (1, 2)], LIVE)
    assert store.read_totals().distinct == 1
    assert store.count_messages_by_event() == {event.id: 2}
    assert len(store.read_messages_of(event.id)) == 2


def test_dead_letters_and_requeued_events_do_not_count_as_published(store: ObserverStore) -> None:
    store.record(
        [build_observed(delivery(record(1), 1, topic), TOPICS) for topic in (TOPICS.dead_letter, TOPICS.retry)], LIVE
    )
    assert store.read_totals().distinct == 0
    assert store.count_messages_by_event() == {}


def test_the_feed_is_newest_first_and_can_be_searched(store: ObserverStore) -> None:
    events = [record(seq, f"agg-{seq}") for seq in (1, 2, 3)]
    store.record([build_observed(delivery(event, event.seq, TOPICS.events), TOPICS) for event in events], LIVE)
    assert [row.seq for row in store.read_messages()] == [3, 2, 1]
    assert [row.seq for row in store.read_messages(search="agg-2")] == [2]
    assert [row.seq for row in store.read_messages(search="AGG-")] == [3, 2, 1]
    assert [row.seq for row in store.read_messages(search=events[1].id[-8:].upper())] == [2]
    assert [row.seq for row in store.read_messages(search="-3")] == [3]
    assert store.read_messages(search="gg-") == []
    assert [row.seq for row in store.read_messages(search="(7,3")] == [3]
    assert [row.seq for row in store.read_messages(search="calculated")] == [3, 2, 1]
    assert (
        store.read_messages(search="%") == store.read_messages(search="agg_2") == store.read_messages(search="!") == []
    )
    assert [row.seq for row in store.read_messages(TOPICS.events, limit=1)] == [3]
    assert store.read_messages(TOPICS.commands) == []
    newest = store.read_messages(limit=1)[0].n
    assert store.read_messages(after=newest) == []
    assert [row.seq for row in store.read_messages(before=newest)] == [2, 1]


def test_bodies_are_bounded_and_counts_are_not(store: ObserverStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer_store, "KEEP", 10)
    for number in range(30):
        store.record([build_observed(delivery(record(number + 1), number, TOPICS.events), TOPICS)], LIVE)
    assert len(store.read_messages(limit=100)) <= 12
    assert store.read_totals().distinct == 30
    assert len(store.count_messages_by_event()) == 30


@pytest.mark.parametrize("batched", [False, True])
def test_a_redelivered_message_is_not_counted_again_after_it_was_trimmed(
    store: ObserverStore, monkeypatch: pytest.MonkeyPatch, batched: bool
) -> None:
    monkeypatch.setattr(observer_store, "KEEP", 10)
    seen = [build_observed(delivery(record(number), number, TOPICS.events), TOPICS) for number in range(1, 41)]
    if batched:
        seen = [
            dataclasses.replace(message, message_id=f"(7,{message.seq // 8},-1,{message.seq % 8})")
            for message in seen
            if message.seq
        ]
    for message in random.Random(1).sample(seen, len(seen)):
        store.record([message], LIVE)
    for message in seen:
        store.record([message], LIVE)
    assert set(store.count_messages_by_event().values()) == {1}
    assert store.read_topic_counts()[0].messages == 40
    # Ids that a broker with a new store assigns again belong to other messages.
    kept = {row.message_id for row in store.read_messages(limit=100)}
    trimmed = [message for message in seen if message.message_id not in kept][:5]
    store.record([dataclasses.replace(message, publish_us=message.publish_us + 1) for message in trimmed], LIVE)
    assert sorted(store.count_messages_by_event().values()) == [1] * 35 + [2] * 5


def test_the_record_of_trimmed_messages_does_not_grow_with_their_number(
    store: ObserverStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer_store, "KEEP", 10)
    for number in range(200):
        store.record([build_observed(delivery(record(number + 1), number, TOPICS.events), TOPICS)], LIVE)
    assert store._db.execute("SELECT COUNT(*), max(high) > 150 FROM trimmed").fetchone()[:] == (1, 1)


@pytest.mark.parametrize("name", ["C#", "100%", "who?", "a b"])
def test_a_store_can_be_read_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "observer.db"
    ObserverStore(path, write=True).close()
    reader = ObserverStore(path)
    assert reader.read_totals().distinct == 0
    reader.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_message_that_cannot_be_decoded_is_in_the_feed(store: ObserverStore) -> None:
    store.record([build_observed(delivery(b"\xff garbage", 1, TOPICS.events), TOPICS)], LIVE)
    (row,) = store.read_messages()
    assert (row.type, row.value, row.event_id) == ("not_an_envelope", b"\xff garbage", None)


def test_a_reader_needs_a_store(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        ObserverStore(tmp_path / "none.db")


def test_the_store_returns_what_was_recorded(store: ObserverStore) -> None:
    seen = build_observed(delivery(record(1), 1, TOPICS.events), TOPICS)
    store.record([seen], LIVE)
    (row,) = store.read_messages()
    assert dataclasses.replace(row, n=0, contents=seen.contents, version=seen.version) == seen


def test_contents_are_kept_for_every_event_and_a_differing_second_message_is_marked(store: ObserverStore) -> None:
    same, varied = record(1), record(2)
    other = dataclasses.replace(varied, payload='{"amount":"99.99"}')
    for number, event in enumerate((same, same, varied, other, varied)):
        store.record([build_observed(delivery(event, number, TOPICS.events), TOPICS)], LIVE)
    published = {event.event_id: event for event in store.read_published_contents()}
    assert published[same.id] == Published(same.id, contents.of_record(same).digest(), same.version)
    assert published[varied.id].contents == VARYING
    assert list(store.read_published_contents("other")) == []


def test_contents_survive_backup_and_restore(store: ObserverStore, tmp_path: Path) -> None:
    event = record(1)
    store.record([build_observed(delivery(event, 1, TOPICS.events), TOPICS)], LIVE)
    again = ObserverStore(tmp_path / "again.db", write=True)
    again.restore([*store.read_published_rows(), {"event_id": "old", "seq": 9, "correlation_id": "c", "times": 1}])
    digests = {published.event_id: published.contents for published in again.read_published_contents()}
    again.close()
    assert digests == {event.id: contents.of_record(event).digest(), "old": None}


def test_a_store_of_an_older_program_is_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    old = sqlite3.connect(path)
    old.execute(
        "CREATE TABLE published (event_id TEXT PRIMARY KEY, seq INTEGER NOT NULL, correlation_id TEXT NOT NULL,"
        " times INTEGER NOT NULL) WITHOUT ROWID"
    )
    old.execute("INSERT INTO published VALUES ('e', 1, 'c', 1)")
    old.commit()
    old.close()
    reader = ObserverStore(path)
    assert list(reader.read_published_contents()) == [Published("e", None, None)]
    reader.close()
    writer = ObserverStore(path, write=True)
    event = record(1, id="e")
    writer.record([build_observed(delivery(event, 1, TOPICS.events), TOPICS)], LIVE)
    assert [published.contents for published in writer.read_published_contents()] == [
        contents.of_record(event).digest()
    ]
    writer.close()
