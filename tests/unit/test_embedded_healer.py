"""What the healer of the embedded broker takes for a standstill."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from db.engine import connect
from db.migrate import upgrade
from db.tables import dead_letter, processed_message
from domain.clock import utc_now
from settings import Settings
from stacks.embedded_healer import PATIENCE_S, RECENT_S, BrokerHealer
from tests.builders import delivery, record
from workers import observer_trimmed
from workers.heartbeat import Heartbeat, heartbeat_file
from workers.observer import build_observed
from workers.observer_store import ObserverStore


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path / 'test.db'}")
    Heartbeat(settings, "observer").beat(True)
    return settings


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = connect(settings.database_url)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store(settings: Settings) -> Iterator[ObserverStore]:
    store = ObserverStore(settings.observer_store, write=True)
    yield store
    store.close()


def receive(engine: Engine, topic: str, message_id: str, age_s: float = 0.0) -> None:
    values: dict[str, Any] = {
        "topic": topic,
        "message_id": message_id,
        "redelivery_count": 0,
        "outcome": "applied",
        "consumer": "n",
    }
    with engine.begin() as connection:
        connection.execute(insert(processed_message).values(**values, received_at=utc_now() - timedelta(seconds=age_s)))


def bury(engine: Engine, message_id: str) -> int:
    values = {
        "topic": "events",
        "message_id": message_id,
        "payload": b"",
        "properties": {},
        "reason": "r",
        "detail": "d",
    }
    now = utc_now()
    with engine.begin() as connection:
        times = {"dead_lettered_at": now, "published_at": now}
        statement = insert(dead_letter).values(**values, **times, attempts=1, publish_us=1)
        key = connection.execute(statement).inserted_primary_key
    assert key is not None
    return int(key[0])


def test_a_message_that_a_worker_received_and_the_observer_did_not_is_missing(
    settings: Settings, engine: Engine, store: ObserverStore
) -> None:
    topics = settings.topics
    observed = delivery(record(1), 1, topics.events)
    store.record([build_observed(observed, topics)], topics.carrying_events())
    receive(engine, topics.events, observed.message_id)
    healer = BrokerHealer(settings, engine)
    assert healer._find_unobserved() == frozenset()
    receive(engine, topics.retry, "9:9")
    receive(engine, topics.retry, "1:1", age_s=RECENT_S + 1)
    receive(engine, "another", "2:2")
    assert healer._find_unobserved() == {f"{topics.retry} 9:9"}


def test_a_published_dead_letter_that_the_observer_did_not_see_is_missing(
    settings: Settings, engine: Engine, store: ObserverStore
) -> None:
    topics = settings.topics
    seen, unseen = bury(engine, "1:1"), bury(engine, "1:2")
    message = replace(delivery(record(1), 1, topics.dead_letter), properties={"alpes-dead-letter": str(seen)})
    store.record([build_observed(message, topics)], topics.carrying_events())
    assert BrokerHealer(settings, engine)._find_unobserved() == {f"dead letter {unseen}"}


def test_nothing_is_missing_while_the_observer_starts(settings: Settings, engine: Engine) -> None:
    (settings.run / "heartbeat" / "observer").unlink()
    receive(engine, settings.topics.retry, "9:9")
    assert BrokerHealer(settings, engine)._find_unobserved() == frozenset()


def test_a_message_that_was_recorded_and_trimmed_is_not_missing(
    settings: Settings, engine: Engine, store: ObserverStore
) -> None:
    topic = settings.topics.events
    observer_trimmed.add(store._db, topic, [(f"(7,{number},-1,-1)", 5) for number in range(10)])
    for number in range(12):
        receive(engine, topic, f"(7,{number},-1,-1)")
    assert BrokerHealer(settings, engine)._find_unobserved() == {f"{topic} (7,{number},-1,-1)" for number in (10, 11)}


@pytest.mark.parametrize("number", ["²", "x", "", "٣"])
def test_a_foreign_property_does_not_end_the_healer(
    settings: Settings, engine: Engine, store: ObserverStore, number: str
) -> None:
    topics = settings.topics
    seq = bury(engine, "1:1")
    message = replace(delivery(record(1), 1, topics.dead_letter), properties={"alpes-dead-letter": number})
    store.record([build_observed(message, topics)], topics.carrying_events())
    assert BrokerHealer(settings, engine)._find_unobserved() == {f"dead letter {seq}"}


def test_nothing_is_missing_while_the_store_cannot_be_read(settings: Settings, engine: Engine) -> None:
    settings.observer_store.parent.mkdir(parents=True, exist_ok=True)
    settings.observer_store.write_bytes(b"no database" * 500)
    receive(engine, settings.topics.events, "9:9")
    bury(engine, "1:1")
    assert BrokerHealer(settings, engine)._find_unobserved() == frozenset()


def find_lockout(settings: Settings, engine: Engine) -> str | None:
    """Return what a healer says of a client whose heartbeat stays as it is for longer than its patience."""
    healer = BrokerHealer(settings, engine)
    assert healer._find_lockout(100.0) is None
    assert healer._find_lockout(100.0 + PATIENCE_S) is None
    return healer._find_lockout(101.0 + PATIENCE_S)


def test_a_replay_that_cannot_connect_shows_a_stuck_broker(settings: Settings, engine: Engine) -> None:
    Heartbeat(settings, "replay-000000000001").beat(False)
    assert find_lockout(settings, engine) == "replay-000000000001 cannot connect"


def test_a_replay_that_is_connected_or_has_ended_shows_none(settings: Settings, engine: Engine) -> None:
    Heartbeat(settings, "replay-000000000001").beat(True)
    with subprocess.Popen(["true"]) as ended:
        pass
    beat = {"connected": False, "pid": ended.pid}
    heartbeat_file(settings, "replay-000000000002").write_text(json.dumps(beat), encoding="utf-8")
    assert find_lockout(settings, engine) is None
