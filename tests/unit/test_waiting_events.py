"""What waits is what is missing at each component, and not how far two highest numbers are apart."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db.outbox import OutboxFeed
from domain.commands import CalculateCommission
from domain.outbox import OutboxRecord
from stacks import health, waiting_events
from stacks.lag import read_lag
from stacks.part_health import PartHealth
from stacks.waiting_events import LATE_AFTER_S, Waiting, WaitingEvents, read_waiting
from tests.builders import delivery
from tests.instances import Instance
from workers.heartbeat import Heartbeat

RUN = str(uuid.uuid4())


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    made = Instance(tmp_path)
    for number in range(4):
        made.send(RUN, CalculateCommission(f"conversion-{number}", "aff-1", "cmp-1", "10.00", "USD"))
    yield made
    made.close()


def _rows(instance: Instance) -> list[OutboxRecord]:
    feed = OutboxFeed(instance.engine)
    rows = [row for row in feed.after(0, 100) if isinstance(row, OutboxRecord)]
    feed.close()
    return rows


def _counts(instance: Instance) -> tuple[int, int, int]:
    waiting = read_waiting(instance.settings, instance.engine)
    return waiting.capture.count, waiting.notifications.count, waiting.observer.count


def test_all_events_wait_for_the_capture_until_they_are_seen(instance: Instance) -> None:
    assert _counts(instance) == (4, 0, 0)
    instance.observe([delivery(row, row.seq, instance.settings.topics.events) for row in _rows(instance)])
    assert _counts(instance) == (0, 4, 0)


def test_an_event_that_the_capture_skipped_waits_although_later_ones_passed(instance: Instance) -> None:
    rows = _rows(instance)
    instance.pass_rows([row for row in rows if row != rows[1]])
    assert _counts(instance) == (1, 0, 0)
    assert read_lag(instance.settings, instance.engine).capture_behind == 1


def test_a_number_that_no_row_has_is_not_missing(instance: Instance) -> None:
    rows = _rows(instance)
    instance.pass_rows(rows[:-1])
    with instance.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE outbox_event SET seq = seq + 100 WHERE seq = ?", (rows[-1].seq,))
    assert read_lag(instance.settings, instance.engine).capture_behind == 1


def test_an_event_that_only_the_observer_missed_waits_for_the_observer(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "observe", lambda messages: None)
    instance.pass_on()
    assert _counts(instance) == (0, 0, 4)


def test_commands_wait_that_were_published_after_the_last_one_that_was_processed(instance: Instance) -> None:
    settings, row = instance.settings, _rows(instance)[0]
    seen = [
        replace(delivery(row, 70 + number, settings.topics.commands), publish_us=1000 + number) for number in (1, 2)
    ]
    instance.observe(seen)
    assert read_waiting(settings, instance.engine).commands.count == 0  # nobody says how far the worker is
    Heartbeat(settings, "commands").beat(True, reached_us=1001)
    assert read_waiting(settings, instance.engine).commands.count == 1
    Heartbeat(settings, "commands").beat(True, reached_us=1002)
    assert read_waiting(settings, instance.engine).commands.count == 0


def test_a_worker_with_a_heartbeat_is_behind_when_events_wait_too_long(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = instance.settings

    def lights(oldest_s: float) -> dict[str, PartHealth]:
        nothing = Waiting()
        waiting = WaitingEvents(nothing, Waiting(7, oldest_s), nothing, nothing)
        monkeypatch.setattr(health, "read_waiting", lambda *_: waiting)
        for part in ("notifications", "observer"):
            Heartbeat(settings, part).beat(True)
        return {row.part: row for row in health.check(settings, instance.engine)}

    assert lights(LATE_AFTER_S - 0.1)["notifications"].light == "ok"
    late = lights(LATE_AFTER_S + 0.1)
    assert (late["notifications"].light, late["observer"].light) == ("behind", "ok")
    assert late["notifications"].works
    assert late["notifications"].detail == "7 events wait for it, the oldest for 1.6 s"


def test_without_a_store_nobody_waits_for_the_observer(tmp_path: Path, instance: Instance) -> None:
    instance.pass_on()
    missing = instance.settings.model_copy(update={"home": tmp_path / "other"})
    assert waiting_events.read_waiting(missing, instance.engine).observer == Waiting()
