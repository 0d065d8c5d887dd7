"""Test what a replay is judged by, and what its worker must leave alone."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from db import replay_queries
from db.engine import READ
from db.hops import HopRecorder
from db.tables import dead_letter
from domain.clock import utc_now
from domain.commands import ApproveCommission, CalculateCommission
from domain.outbox import OutboxRecord
from mutants.catalogue import worker_skips_inbox
from mutants.catalogue.worker_counts_effects_twice import Boastful
from mutants.catalogue.worker_drops_one import Careless
from scenarios.replay import Evidence, Replayed
from settings import Settings
from tests.builders import delivery, record
from tests.fakes import ListInlet
from tests.unit.notifications_run import Run
from tests.unit.trials import UnitTrial
from workers.consumer_type import first_consumer_number
from workers.inbox import Effect, Inbox
from workers.local_failures import LocalFailures
from workers.replaying import NoHops, OnlyNotified, choose_role
from workers.stepping import SteppedInlet

NAME = "replay-000000000001"
PAIRS = 4


def send_pairs(trial: UnitTrial) -> list[OutboxRecord]:
    for number in range(PAIRS):
        calculated = trial.instance.send("run", CalculateCommission(f"c-{number}", "a", "k", "120.50", "USD"))
        trial.instance.send("run", ApproveCommission(calculated.commission_id))
    return trial.rows()


def begin(trial: UnitTrial, rows: list[OutboxRecord]) -> Evidence:
    with trial.instance.engine.connect().execution_options(**READ) as connection:
        return Evidence.begin(connection, NAME, {row.id for row in rows}, time.time_ns() // 1000)


def conclude(trial: UnitTrial, evidence: Evidence) -> Replayed:
    with trial.instance.engine.connect().execution_options(**READ) as connection:
        evidence.update(connection)
        return evidence.conclude(connection, 1.0)


def deliver_again(trial: UnitTrial, rows: list[OutboxRecord], inbox_type: type[Inbox] = Inbox) -> None:
    """Do what the worker of a replay does, with another class of inbox."""
    inbox = inbox_type(trial.instance.engine, NAME)
    for row in rows:
        inbox.apply([Effect(delivery(row, row.seq), row, 0)], [])
    inbox.close()


def deliver_without_inbox(trial: UnitTrial, rows: list[OutboxRecord]) -> None:
    worker_skips_inbox.allow_doubles(trial.instance.engine)
    deliver_again(trial, rows, worker_skips_inbox.Forgetful)


def test_what_is_absorbed_is_counted(trial: UnitTrial) -> None:
    rows = send_pairs(trial)
    trial.catch_up()
    evidence = begin(trial, rows)
    deliver_again(trial, rows)
    deliver_again(trial, rows[:2])
    found = conclude(trial, evidence)
    assert found == Replayed(2 * PAIRS, 2 * PAIRS + 2, 2 * PAIRS, 0, 2 * PAIRS + 2, 1.0, 0)
    assert found.ok


@pytest.mark.parametrize(
    ("act", "new", "delivered"),
    [
        (deliver_without_inbox, 8, 8),
        (lambda trial, rows: deliver_again(trial, rows, Boastful), 8, 8),
        (lambda trial, rows: deliver_again(trial, rows, Careless), 0, 7),
        (lambda trial, rows: deliver_again(trial, rows[:-1]), 0, 7),
        (lambda trial, rows: None, 0, 0),
    ],
    ids=[
        "a second notification",
        "an effect in the inbox",
        "one dropped",
        "one not read",
        "acknowledged and nothing else",
    ],
)
def test_a_worker_that_absorbs_less_is_found(
    trial: UnitTrial, act: Callable[[UnitTrial, list[OutboxRecord]], None], new: int, delivered: int
) -> None:
    Careless.effect_count = 0
    rows = send_pairs(trial)
    trial.catch_up()
    evidence = begin(trial, rows)
    act(trial, rows)
    found = conclude(trial, evidence)
    assert (found.new_notifications, found.distinct_events, found.ok) == (new, delivered, False)


def test_a_dead_letter_of_a_delivery_is_no_absorption(trial: UnitTrial) -> None:
    rows = send_pairs(trial)
    trial.catch_up()
    evidence = begin(trial, rows)
    deliver_again(trial, rows[1:])
    inbox = Inbox(trial.instance.engine, NAME)
    inbox.record_dead_letter(delivery(rows[0], 99), rows[0], "failed", "why", 1)
    inbox.close()
    assert not conclude(trial, evidence).ok


def test_only_events_that_were_there_when_it_began_count(trial: UnitTrial) -> None:
    rows = send_pairs(trial)
    trial.catch_up()
    evidence = begin(trial, rows)
    deliver_again(trial, rows)
    trial.instance.send("run", CalculateCommission("later", "a", "k", "120.50", "USD"))
    trial.catch_up()
    deliver_again(trial, trial.rows())  # the later event too
    found = conclude(trial, evidence)
    assert found.ok
    assert (found.expected, found.new_notifications) == (2 * PAIRS, 0)


def test_published_events_without_an_effect_are_named_and_not_expected(trial: UnitTrial) -> None:
    rows = send_pairs(trial)
    trial.instance.pass_rows(rows[:4])
    trial.instance.observe([delivery(row, row.seq) for row in rows])
    inbox = Inbox(trial.instance.engine, "notifications")
    inbox.record_dead_letter(delivery(rows[4], 5), rows[4], "failed", "why", 1)
    inbox.close()
    evidence = begin(trial, rows)
    deliver_again(trial, rows[:4])
    found = conclude(trial, evidence)
    assert (found.expected, found.distinct_events, found.not_notified) == (4, 4, 3)
    assert not found.ok


def test_an_open_dead_letter_keeps_a_notified_event_out_until_it_is_requeued(trial: UnitTrial) -> None:
    rows = send_pairs(trial)
    trial.catch_up()
    inbox = Inbox(trial.instance.engine, "notifications")
    inbox.record_dead_letter(delivery(rows[0], 99), rows[0], "failed", "why", 1)
    inbox.close()
    ids = {row.id for row in rows}

    def absorbed() -> set[str]:
        with trial.instance.engine.connect().execution_options(**READ) as connection:
            assert replay_queries.select_absorbed(connection, []) == set()
            every_id = list(replay_queries.read_absorbed(connection))
            assert every_id == sorted(replay_queries.select_absorbed(connection, ids))
            return replay_queries.select_absorbed(connection, ids)

    assert absorbed() == ids - {rows[0].id}
    with trial.instance.engine.begin() as connection:
        connection.execute(update(dead_letter).values(requeued_at=utc_now()))
    assert absorbed() == ids


def test_the_worker_of_a_replay_sees_notified_events_only(trial: UnitTrial) -> None:
    rows = send_pairs(trial)
    trial.instance.pass_rows(rows[:3])
    messages = [delivery(row, row.seq) for row in rows] + [delivery(b"garbage", 50)]
    source = ListInlet(messages)
    inlet = OnlyNotified(source, trial.instance.engine)
    seen = inlet.receive(100, 0)
    assert seen == messages[:3]
    assert source.acknowledged == [message.message_id for message in messages[3:]]
    inlet.acknowledge(seen)
    assert len(source.acknowledged) == len(messages)
    assert (inlet.generation, inlet.receive(100, 0)) == (1, [])


def test_its_role_leaves_no_counts_no_times_and_no_dead_letters(trial: UnitTrial) -> None:
    role = choose_role(trial.settings, NAME, trial.instance.engine)
    assert isinstance(role.failures, LocalFailures)
    assert isinstance(role.hops, NoHops)
    assert not role.keeps_dead_letters
    assert set(role.topics) == set(trial.settings.topics.carrying_events())
    source = ListInlet()
    assert isinstance(role.narrow(trial.settings, NAME, source), OnlyNotified)
    own = choose_role(trial.settings, "notifications-2", trial.instance.engine)
    assert isinstance(own.hops, HopRecorder)
    own.hops.close()
    assert own.keeps_dead_letters
    assert isinstance(own.narrow(trial.settings, "notifications-2", source), SteppedInlet)
    assert trial.settings.topics.retry in own.topics


def test_without_an_outlet_nothing_is_kept_of_what_fails(trial: UnitTrial) -> None:
    run = Run(trial.instance.engine, [delivery(b"garbage", 1), delivery(record(1), 2)])
    run.worker._dead_letters = None
    run.steps()
    assert run.inlet.acknowledged == ["(7,1,-1,-1)", "(7,2,-1,-1)"]
    assert run.dead() == []
    assert run.deliveries().dead_lettered == 0


def test_its_number_is_no_number_of_a_consumer(tmp_path: Path) -> None:
    name = f"replay-{uuid.uuid4().int % 10**12:012}"
    assert first_consumer_number(Settings(home=tmp_path, workers=3), name) == 0
