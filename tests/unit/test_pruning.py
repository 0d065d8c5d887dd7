"""Test what prune deletes and keeps, and that it writes fewer rows than it deletes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select, update

from db import dead_letter_queries, notification_queries, queries
from db import pruning as rows_to_prune
from db.engine import READ, connect
from db.migrate import upgrade
from db.tables import (
    dead_letter,
    event_timing,
    metadata,
    notification,
    outbox_event,
    processed_message,
    relay_checkpoint,
    scenario_run,
)
from settings import Settings
from stacks import dead_letters, pruning
from tests.builders import AT, delivery, record
from workers.observer import build_observed
from workers.observer_store import ObserverStore

OLD, YOUNG = AT, AT + timedelta(days=36500)


class Instance:
    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home, database_url=f"sqlite:///{home / 'data' / 'alpes.db'}")
        self.settings.data.mkdir()
        self.engine: Engine = connect(self.settings.database_url)
        upgrade(self.engine)
        self.store = ObserverStore(self.settings.observer_store, write=True)

    def add(self, table: Any, *rows: dict[str, Any]) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(table), list(rows))

    def event(self, seq: int, published: bool = True, notified: bool = True, deliveries: int = 2) -> str:
        event = record(seq)
        row = {name: getattr(event, name) for name in event.__slots__ if name != "payload"}
        self.add(outbox_event, {**row, "payload": {}})
        if published:
            topics = self.settings.topics
            self.store.record([build_observed(delivery(event, seq, topics.events), topics)], topics.carrying_events())
        if notified:
            self.add(notification, _notification(event.id, event.aggregate_id))
        for number in range(deliveries):
            self.add(processed_message, _inbox(event.id, f"({seq},{number},-1,-1)"))
        self.add(event_timing, {"event_id": event.id, "persisted_us": 1})
        return event.id

    def letter(self, requeued: bool) -> None:
        self.add(dead_letter, _letter(OLD if requeued else None))

    def count(self, table: Any) -> int:
        with self.engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(table)) or 0

    def rows(self) -> int:
        return sum(map(self.count, metadata.sorted_tables))

    def close(self) -> None:
        self.store.close()
        self.engine.dispose()


def _notification(event_id: str, commission_id: str) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "commission_id": commission_id,
        "aggregate_version": 1,
        "type": "t",
        "payload": {},
        "correlation_id": "run-1",
        "consumer": "n",
        "occurred_at": OLD,
        "notified_at": OLD,
    }


def _inbox(event_id: str | None, message_id: str) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "topic": "events",
        "message_id": message_id,
        "redelivery_count": 0,
        "outcome": "applied",
        "correlation_id": "run-1",
        "consumer": "n",
        "received_at": OLD,
    }


def _letter(requeued_at: Any) -> dict[str, Any]:
    return {
        "topic": "events",
        "message_id": str(uuid.uuid4()),
        "payload": b"x" * 1000,
        "properties": {"a": "b"},
        "reason": "bad_row",
        "detail": "",
        "attempts": 1,
        "dead_lettered_at": OLD,
        "requeued_at": requeued_at,
    }


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    monkeypatch.setattr(pruning, "PAGE", 3)
    instance = Instance(tmp_path)
    instance.add(relay_checkpoint, {"name": "relay", "seq": 100, "updated_at": OLD})
    yield instance
    instance.close()


def test_prune_deletes_more_rows_than_it_writes_in_small_pages(instance: Instance) -> None:
    ids = {instance.event(seq) for seq in range(1, 11)}
    before = instance.rows()
    would = pruning.prune(instance.settings, dry_run=True)
    assert (would.pruned, instance.rows()) == (10, before)
    report = pruning.prune(instance.settings)
    assert (report.pruned, report.inbox_rows) == (10, 20)
    assert before - instance.rows() == 10 * (1 + 1 + 2) - 10  # outbox, hops and inbox; the ids stay
    with instance.engine.connect().execution_options(**READ) as connection:
        assert queries.outbox_ids(connection) == ids == notification_queries.notification_ids(connection)
    again = pruning.prune(instance.settings)
    assert (again.pruned, again.inbox_rows) == (0, 0)


def test_events_that_are_not_notified_everywhere_are_kept_with_their_deliveries(instance: Instance) -> None:
    instance.event(1)
    instance.event(2, published=False)
    instance.event(3, notified=False)
    instance.event(4)
    with instance.engine.begin() as connection:
        connection.execute(update(relay_checkpoint).values(seq=3))
    instance.add(processed_message, _inbox(None, "skipped"))
    report = pruning.prune(instance.settings)
    assert (report.pruned, report.kept_not_captured, report.kept_not_notified) == (1, 2, 1)
    assert report.inbox_rows == 3
    assert instance.count(processed_message) == 6


def test_recent_rows_are_kept(instance: Instance) -> None:
    instance.event(1)
    instance.letter(requeued=True)
    with instance.engine.begin() as connection:
        connection.execute(update(outbox_event).values(occurred_at=YOUNG))
        connection.execute(update(processed_message).values(received_at=YOUNG))
        connection.execute(update(dead_letter).values(requeued_at=YOUNG))
    before = instance.rows()
    report = pruning.prune(instance.settings)
    assert (report.pruned, report.inbox_rows, report.letters_emptied, instance.rows()) == (0, 0, 0, before)


def test_requeued_dead_letters_keep_their_row_and_lose_their_body(instance: Instance) -> None:
    for requeued in (True, False, True, True, False, True):
        instance.letter(requeued)
    assert pruning.prune(instance.settings).letters_emptied == 4
    assert pruning.prune(instance.settings).letters_emptied == 0
    with instance.engine.connect().execution_options(**READ) as connection:
        letters = dead_letter_queries.dead_letters(connection)
    assert sorted(len(letter.payload) for letter in letters) == [0, 0, 0, 0, 1000, 1000]
    assert dead_letters.find_waiting(instance.settings) == [2, 5]
    with pytest.raises(LookupError, match="no dead letter 9"):
        dead_letters.requeue(instance.settings, [2, 9])
    with pytest.raises(LookupError, match="dead letter 1, 3 was settled before, and its body was pruned"):
        dead_letters.requeue(instance.settings, [1, 2, 3])


def test_old_runs_are_deleted_with_their_records_and_the_newest_are_kept(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pruning, "KEEP_RUNS", 2)
    precious = tmp_path / "precious"
    precious.mkdir()
    # Ids that are no names of folders below `scenarios`.
    others = ["../../precious", "..", ".", "", "/", f"{tmp_path}/precious", "a--b", "-", "x/../..", "..\n"]
    names = [str(uuid.uuid4()) for _ in range(5)] + others
    for number, name in enumerate(names):
        if name not in others:
            (instance.settings.data / "scenarios" / name).mkdir(parents=True)
        started = OLD + timedelta(minutes=-number)
        run = {"id": name, "name": "s", "stack": "embedded", "seed": 1, "state": "finished", "started_at": started}
        instance.add(scenario_run, {**run, "finished_at": None if number == 3 else started})
    assert pruning.prune(instance.settings).scenario_runs == 2 + len(others)
    assert {path.name for path in (instance.settings.data / "scenarios").iterdir()} == {names[0], names[1], names[3]}
    assert instance.count(scenario_run) == 3
    assert precious.is_dir()


def test_pruning_stops_at_the_first_page_without_an_old_row(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seq in range(1, 40):
        instance.event(seq, deliveries=0)
    with instance.engine.begin() as connection:
        connection.execute(update(outbox_event).where(outbox_event.c.seq > 5).values(occurred_at=YOUNG))
    read_pages = []
    read_page = rows_to_prune.read_outbox_page

    def read_and_note(*arguments: Any) -> Any:
        read_pages.append(arguments[1])
        return read_page(*arguments)

    monkeypatch.setattr(rows_to_prune, "read_outbox_page", read_and_note)
    assert pruning.prune(instance.settings, keep_days=1).pruned == 5
    assert read_pages == [0, 3, 6]
