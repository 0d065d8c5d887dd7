"""A replay judges the program that is installed as the notifications worker, and leaves everything else as it was."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from application import Application, leases
from connectors.broker import Broker, Publisher
from db import notification_queries, queries
from domain.commands import ApproveCommission, CalculateCommission
from mutants.catalogue import module_of
from scenarios import end_to_end, replay
from scenarios.replay import Replayed
from scenarios.waiting import until
from settings import Settings
from stacks import environment, faults, processes
from stacks.beside import EndedBeside

PAIRS = 20


@pytest.fixture(scope="module")
def instance() -> Iterator[Settings]:
    """An instance of these tests' own, because what a broken worker has written stays."""
    with end_to_end.running("embedded", private=True) as settings:
        run_id = str(uuid.uuid4())
        with Application(settings, pool_size=1) as application:
            for number in range(PAIRS):
                calculated = application.send(
                    CalculateCommission(f"{run_id[:8]}-{number}", "a", "k", "120.50", "USD", run_id)
                )
                application.send(ApproveCommission(calculated.commission_id, run_id))
        until(lambda: count_notified(settings) == 2 * PAIRS, 30, "everything is notified")
        until(lambda: replay.preview_replay(settings).events == 2 * PAIRS, 30, "everything is observed")
        yield settings


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is lost does not come, however long a test waits for it."""
    monkeypatch.setattr(replay, "STALLED_S", 3.0)


def count_notified(settings: Settings) -> int:
    with Application(settings, pool_size=1) as application, application.reading() as connection:
        return len(notification_queries.notification_ids(connection))


def count_deliveries(settings: Settings) -> queries.Deliveries:
    with Application(settings, pool_size=1) as application, application.reading() as connection:
        return queries.count_deliveries(connection)


@contextmanager
def installed(settings: Settings, module: str) -> Iterator[None]:
    """Make another module the worker's program; the process that runs stays as it is."""
    file = environment.part_file(settings, "notifications")
    sound = file.read_text(encoding="utf-8")
    specification = json.loads(sound)
    *interpreter, _ = specification["argv"]
    file.write_text(json.dumps({**specification, "argv": [*interpreter, module]}), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(sound, encoding="utf-8")


def replay_with(settings: Settings, mutant: str) -> Replayed:
    with installed(settings, module_of(mutant)):
        return replay.replay(settings)


def test_the_sound_worker_absorbs_everything_though_it_is_killed_once(instance: Settings) -> None:
    found = replay.replay(instance)
    assert found.ok
    assert found.expected == found.distinct_events == 2 * PAIRS
    assert found.duplicates_absorbed == found.deliveries > found.expected  # the first ones came twice
    assert (instance.logs / "replay.log").read_text().count(" starting on ") == 2
    assert_nothing_is_left(instance)


def test_a_worker_that_drops_events_is_found(instance: Settings) -> None:
    found = replay_with(instance, "worker_drops_one")
    assert not found.ok
    assert found.distinct_events < found.expected
    assert found.new_notifications == 0


def test_a_worker_that_acknowledges_before_it_writes_is_found(instance: Settings) -> None:
    found = replay_with(instance, "worker_acknowledges_early")
    assert not found.ok
    assert found.distinct_events < found.expected


def test_a_worker_whose_inbox_counts_effects_twice_is_found(instance: Settings) -> None:
    found = replay_with(instance, "worker_counts_effects_twice")
    assert not found.ok
    assert found.new_notifications == found.expected


def test_a_program_that_ends_by_itself_is_an_error(instance: Settings) -> None:
    with installed(instance, "mutants.catalogue.there_is_none"), pytest.raises(EndedBeside, match=r"replay\.log"):
        replay.replay(instance)
    assert "there_is_none" in (instance.logs / "replay.log").read_text()
    assert_nothing_is_left(instance)


def test_an_event_with_an_open_dead_letter_stays_dead(instance: Settings) -> None:
    """Nothing makes it fail any more, but only a requeue may bring its effect about."""
    publisher = Publisher(Broker(instance), instance.topics.events)
    publisher.send(b"no envelope")
    publisher.close()
    run_id = str(uuid.uuid4())
    notified = count_notified(instance)
    with Application(instance, pool_size=1) as application:
        commission_id = application.send(CalculateCommission(run_id, "a", "k", "1.00", "USD", run_id)).commission_id
        until(lambda: count_notified(instance) == notified + 1, 20, "its first event is notified")
        faults.fail(instance, "notifications", commission_id, 60)
        application.send(ApproveCommission(commission_id, run_id))
    until(lambda: count_deliveries(instance).dead_lettered == 2, 20, "both are dead-lettered")
    leases.release(instance, "notifications", "fail")
    found = replay.replay(instance)
    assert found.ok
    assert found.distinct_events == found.expected == notified + 1
    assert count_notified(instance) == notified + 1
    assert count_deliveries(instance).dead_lettered == 2


def test_an_event_that_its_worker_has_not_processed_is_left_to_it(
    instance: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "CAUGHT_UP_WITHIN_S", 0.5)
    run_id = str(uuid.uuid4())
    notified, seen = count_notified(instance), replay.preview_replay(instance).events
    faults.kill(instance, "notifications", hold_s=120)
    with Application(instance, pool_size=1) as application:
        application.send(CalculateCommission(run_id, "a", "k", "1.00", "USD", run_id))
    until(lambda: replay.preview_replay(instance).events == seen + 1, 20, "its event is published")
    found = replay.replay(instance)
    assert (found.not_notified, found.new_notifications, found.ok) == (1, 0, False)
    assert found.distinct_events == found.expected == notified
    assert count_notified(instance) == notified
    faults.release(instance, "notifications")
    until(lambda: count_notified(instance) == notified + 1, 30, "its worker brings the effect about")


def test_a_worker_without_an_inbox_is_found(instance: Settings) -> None:
    """The last one: it takes a constraint of the table away."""
    found = replay_with(instance, "worker_skips_inbox")
    assert not found.ok
    assert found.new_notifications == found.expected


def assert_nothing_is_left(settings: Settings) -> None:
    assert list(settings.run.rglob("replay-*")) == []
    assert not [name for _, name in processes.find_named(settings) if name.startswith("replay")]
