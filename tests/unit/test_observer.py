"""Test that the observer records every message and continues after one that it cannot read or store."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors import envelope
from connectors.broker import Received
from settings import Settings
from tests.builders import delivery, record
from tests.fakes import ListInlet
from workers.handling import Handling
from workers.in_work import InWork, key_of
from workers.local_failures import LocalFailures
from workers.observer import Observer
from workers.observer_store import ObserverStore
from workers.policy import MAX_DEATHS

TOPICS = Settings().topics


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObserverStore]:
    store = ObserverStore(tmp_path / "observer.db", write=True)
    yield store
    store.close()


def observe(store: ObserverStore, *batch: Received, counts: LocalFailures | None = None) -> list[str]:
    """Return the ids of the acknowledged messages."""
    inlet = ListInlet(list(batch))
    work = Handling(counts or LocalFailures(), InWork(), TOPICS.observed())
    Observer(store, inlet, TOPICS, threading.Event(), work).step(0)
    return inlet.acknowledged


def test_without_messages_nothing_is_written(store: ObserverStore) -> None:
    """A judge that waits until nothing happens takes each write for activity."""
    observe(store, message(1))
    before = store.read_totals()
    for _ in range(3):
        observe(store)
    assert store.read_totals() == before


def message(number: int, **changes: object) -> Received:
    return replace(delivery(record(number), number, TOPICS.events), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "\ud800"},
        {"properties": {"\udc80": "\ud800"}},
        {"properties": {"x": object()}},
        {"event_us": 2**70},
        {"value": b"[" * 100_000},
    ],
)
def test_a_message_that_cannot_be_stored_is_recorded_without_some_fields(
    store: ObserverStore, changes: dict[str, object]
) -> None:
    batch = [message(1), message(2, **changes), message(3)]
    assert sorted(observe(store, *batch)) == [sent.message_id for sent in batch]
    assert {row.message_id for row in store.read_messages()} == {sent.message_id for sent in batch}
    assert store.read_totals().distinct >= 2


def test_a_decoding_error_does_not_stop_the_observer(store: ObserverStore, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = envelope.decode
    bad = message(2)

    def raising(value: bytes) -> envelope.Decoded:
        if value == bad.value:
            raise RecursionError("too deep")
        return decode(value)

    monkeypatch.setattr(envelope, "decode", raising)
    assert len(observe(store, message(1), bad, message(3))) == 3
    assert {row.type for row in store.read_messages()} == {"CommissionCalculated", "unreadable"}


def test_a_message_that_killed_observers_is_recorded_without_being_decoded_here(
    store: ObserverStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, fatal = LocalFailures(), message(2)
    for _ in range(MAX_DEATHS):
        counts.count_death(key_of(fatal))
    decode = envelope.decode
    monkeypatch.setattr(envelope, "decode", lambda value: os._exit(137) if value == fatal.value else decode(value))
    assert len(observe(store, message(1), fatal, counts=counts)) == 2
    assert {row.type for row in store.read_messages()} == {"CommissionCalculated", "killed_worker"}
    assert store.read_totals().distinct == 2  # it was published, although it cannot be read


def test_the_observer_waits_for_a_store_that_cannot_be_written(store: ObserverStore) -> None:
    record_batch, left = store.record, [2]

    def full(*arguments: object) -> None:
        if left[0]:
            left[0] -= 1
            error = sqlite3.OperationalError("no text")
            error.sqlite_errorcode = 13
            raise error
        record_batch(*arguments)  # type: ignore[arg-type]

    store.record = full  # type: ignore[method-assign, assignment]
    inlet, stop = ListInlet([message(1)]), threading.Event()
    stop.wait = lambda timeout=None: False  # type: ignore[method-assign]
    Observer(store, inlet, TOPICS, stop, Handling(LocalFailures(), InWork(), ())).step(0)
    assert left == [0]
    assert len(inlet.acknowledged) == 1
    assert [row.type for row in store.read_messages()] == ["CommissionCalculated"]


def test_a_full_disk_loses_nothing_of_an_event(store: ObserverStore) -> None:
    """SQLite ends the transaction itself then, with room for a smaller row left."""
    small = record(1)
    large = record(2, payload=f'{{"text":"{"x" * 200_000}"}}')
    observe(store, delivery(small, 1, TOPICS.events))
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages + 2}")
    waits: list[float] = []

    def make_room(timeout: float | None = None) -> bool:
        waits.append(timeout or 0)
        if len(waits) == 3:
            store._db.execute("PRAGMA max_page_count = 1000000")
        return False

    inlet, stop = ListInlet([delivery(large, 2, TOPICS.events)]), threading.Event()
    stop.wait = make_room  # type: ignore[method-assign]
    Observer(store, inlet, TOPICS, stop, Handling(LocalFailures(), InWork(), ())).step(0)
    assert len(waits) == 3
    assert len(inlet.acknowledged) == 1
    assert store.read_totals().distinct == 2
    assert {row.event_id for row in store.read_messages()} == {small.id, large.id}


def test_each_message_of_a_group_beats(store: ObserverStore) -> None:
    beats: list[int] = []
    batch = [message(number) for number in range(1, 51)]
    Observer(
        store,
        ListInlet(batch),
        TOPICS,
        threading.Event(),
        Handling(LocalFailures(), InWork(), ()),
        lambda: beats.append(1),
    ).step(0)
    assert len(beats) >= len(batch)


@pytest.mark.parametrize("event_id", ["", "a\nb", "x" * 36])
def test_an_event_is_published_even_if_its_id_breaks_the_contract(store: ObserverStore, event_id: str) -> None:
    observe(store, delivery(replace(record(1), id=event_id), 1, TOPICS.events))
    assert store.count_messages_by_event() == {event_id: 1}
