"""Test which messages of the observer's store are a run's: events by their correlation id, dead letters also by contents."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from settings import Settings
from tests.builders import delivery, record
from workers import observer_of_run
from workers.observer import build_observed
from workers.observer_store import ObserverStore


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path)
    settings.data.mkdir()
    return settings


@pytest.fixture
def store(settings: Settings) -> Iterator[ObserverStore]:
    store = ObserverStore(settings.observer_store, write=True)
    yield store
    store.close()


def observe(store: ObserverStore, settings: Settings, *messages: object) -> None:
    topics = settings.topics
    store.record([build_observed(message, topics) for message in messages], topics.carrying_events())  # type: ignore[arg-type]


def test_every_message_of_the_runs_events_is_read_in_the_order_of_observation(
    store: ObserverStore, settings: Settings
) -> None:
    topic = settings.topics.events
    first, second = record(1, id="e-1", correlation_id="run-1"), record(2, id="e-2", correlation_id="run-1")
    other = record(3, id="e-3", correlation_id="run-2")
    observe(
        store,
        settings,
        *(delivery(each, number, topic) for number, each in enumerate((second, first, other, second))),
    )
    topics = settings.topics.carrying_events()
    messages = list(observer_of_run.read_event_messages(settings.observer_store, topics, "run-1"))
    assert [message.event_id for message in messages] == ["e-2", "e-1", "e-2"]
    assert messages[0].value == delivery(second, 0, topic).value
    assert messages[0].captured_us == 1_700_000_000_000_000


def test_a_message_on_another_topic_is_no_event_message(store: ObserverStore, settings: Settings) -> None:
    event = record(1, correlation_id="run-1")
    observe(
        store, settings, delivery(event, 1, settings.topics.events), delivery(event, 2, settings.topics.dead_letter)
    )
    topics = settings.topics.carrying_events()
    assert len(list(observer_of_run.read_event_messages(settings.observer_store, topics, "run-1"))) == 1


def test_dead_letters_are_found_by_their_id_or_by_what_they_hold(store: ObserverStore, settings: Settings) -> None:
    topic = settings.topics.dead_letter
    named = replace(
        delivery(record(1, id="e-1", correlation_id="run-1"), 1, topic), properties={"alpes-dead-letter": "7"}
    )
    quoting = delivery(b"garbage of run-1", 2, topic)
    foreign = delivery(b"garbage of run-2", 3, topic)
    observe(store, settings, named, quoting, foreign)
    found = observer_of_run.read_dead_letters(settings.observer_store, topic, 0, "run-1")
    assert [(letter.event_id, letter.number) for letter in found] == [("e-1", "7"), (None, "")]
    later = observer_of_run.read_dead_letters(settings.observer_store, topic, 1, "run-1")
    assert [letter.event_id for letter in later] == [None]


def test_without_a_store_it_says_so_at_once_and_makes_none(settings: Settings) -> None:
    with pytest.raises(sqlite3.OperationalError):
        observer_of_run.read_dead_letters(settings.observer_store, "t", 0, "run-1")
    with pytest.raises(sqlite3.OperationalError):
        list(observer_of_run.read_event_messages(settings.observer_store, ["t"], "run-1"))
    assert not settings.observer_store.exists()
