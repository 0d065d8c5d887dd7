"""Test that a message which ends its worker's process is identified, counted across processes, and dead-lettered, and no other."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine

from application import leases
from connectors import envelope
from connectors.broker import Received
from db import dead_letter_queries, notification_queries
from db.engine import READ, connect
from db.errors import DatabaseUnavailable
from db.failures import Counts, MessageFailures, MessageKey
from domain.outbox import OutboxRecord
from settings import Settings
from tests.builders import delivery, record
from tests.fakes import ListInlet, ListOutlet, Measurements
from workers import handling, in_work, policy
from workers.handling import Handling
from workers.in_work import InWork, key_of
from workers.inbox import Effect, Inbox
from workers.local_failures import LocalFailures
from workers.notifications import NotificationsWorker

PART = "notifications"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def run_in_fork(action: Callable[[], object]) -> int:
    """Run an action in a forked process that ends at once, and return its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Broker:
    """Delivers every unacknowledged message to each new process, as a subscription does."""

    def __init__(self, *messages: Received) -> None:
        self.messages = messages
        self.acknowledged: set[str] = set()

    def worker(
        self, settings: Settings, check: Callable[[OutboxRecord], None]
    ) -> tuple[NotificationsWorker, ListInlet]:
        engine = connect(f"sqlite:///{settings.home / 'test.db'}")
        inlet = ListInlet([message for message in self.messages if message.message_id not in self.acknowledged])
        counts = MessageFailures(engine)
        work = handling.open_for_component(settings, PART, counts, ["events"])
        return (
            NotificationsWorker(
                Inbox(engine, PART), inlet, ListOutlet(), Measurements(), threading.Event(), check, handling=work
            ),
            inlet,
        )

    def process(self, settings: Settings, check: Callable[[OutboxRecord], None]) -> int:
        """Run one worker in a process and return its exit code."""
        acknowledgements = settings.home / "acknowledged"

        def run_worker() -> None:
            worker, inlet = self.worker(settings, check)
            remember = inlet.acknowledge

            def acknowledge(batch: list[Received]) -> None:
                remember(batch)
                with acknowledgements.open("a") as file:
                    file.writelines(f"{message.message_id}\n" for message in batch)

            inlet.acknowledge = acknowledge  # type: ignore[method-assign, assignment]
            worker.step(0)
            worker._handling.close()

        code = run_in_fork(run_worker)
        if acknowledgements.exists():
            self.acknowledged |= set(acknowledgements.read_text().split())
        return code


@pytest.mark.parametrize("position", [0, 7, 20])
@pytest.mark.parametrize("where", ["check", "decoder"])
def test_a_message_that_kills_its_worker_is_dead_lettered_and_the_others_are_notified(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch, where: str, position: int
) -> None:
    events = [record(seq) for seq in range(1, 22)]
    fatal = events[position]
    broker = Broker(*(delivery(event, event.seq) for event in events))

    def check(event: OutboxRecord) -> None:
        if where == "check" and event.id == fatal.id:
            os._exit(137)

    if where == "decoder":
        decode = envelope.decode

        def killing(value: bytes):  # type: ignore[no-untyped-def]
            if fatal.id.encode() in value:
                os._exit(137)
            return decode(value)

        monkeypatch.setattr(envelope, "decode", killing)
    codes = [broker.process(settings, check) for _ in range(policy.MAX_DEATHS + 2)]
    assert codes == [137] * (policy.MAX_DEATHS + 1) + [0]
    with engine.connect().execution_options(**READ) as connection:
        notified = notification_queries.notification_ids(connection)
        (dead,) = dead_letter_queries.dead_letters(connection)
    assert notified == {event.id for event in events} - {fatal.id}
    assert (dead.reason, dead.event_id, dead.attempts) == ("killed_worker", fatal.id, policy.MAX_DEATHS)
    assert len(broker.acknowledged) == len(events)


def test_a_message_that_kills_its_worker_after_the_commit_is_notified_and_no_dead_letter(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [record(seq) for seq in range(1, 4)]
    fatal = events[1]
    broker = Broker(*(delivery(event, event.seq) for event in events))
    apply = Inbox.apply

    def killing(inbox: Inbox, effects: Sequence[Effect], skipped: Sequence[Received]) -> set[str]:
        new = apply(inbox, effects, skipped)
        if fatal.id in {effect.record.id for effect in effects}:
            os._exit(137)
        return new

    monkeypatch.setattr(Inbox, "apply", killing)
    codes = [broker.process(settings, lambda _: None) for _ in range(policy.MAX_DEATHS + 2)]
    assert codes[-1] == 0
    with engine.connect().execution_options(**READ) as connection:
        assert notification_queries.notification_ids(connection) == {event.id for event in events}
        assert not dead_letter_queries.dead_letters(connection)
    assert len(broker.acknowledged) == len(events)


def test_a_redelivered_dead_letter_is_not_tried_again(engine: Engine, settings: Settings) -> None:
    message = delivery(record(), 1)
    for _ in range(policy.MAX_DEATHS):
        MessageFailures(engine).count_death(key_of(message))
    for _ in range(2):  # its acknowledgement was lost
        worker, inlet = Broker(message).worker(settings, lambda _: os._exit(137))
        worker.step(0)
        assert inlet.acknowledged == [message.message_id]
    with engine.connect().execution_options(**READ) as connection:
        assert [row.reason for row in dead_letter_queries.dead_letters(connection)] == ["killed_worker"]


def test_attempts_are_counted_across_workers(engine: Engine, settings: Settings) -> None:
    message = delivery(record(), 1)
    for _ in range(policy.MAX_ATTEMPTS - 1):
        MessageFailures(engine).count_attempt(key_of(message))

    def check(_event: OutboxRecord) -> None:
        raise RuntimeError("once more")

    worker, _inlet = Broker(message).worker(settings, check)
    worker.step(0)
    with engine.connect().execution_options(**READ) as connection:
        (dead,) = dead_letter_queries.dead_letters(connection)
    assert (dead.reason, dead.attempts) == ("failed_too_often", policy.MAX_ATTEMPTS)


def test_counts_are_deleted_when_the_message_is_processed(engine: Engine, settings: Settings) -> None:
    message = delivery(record(), 1)
    failures = MessageFailures(engine)
    failures.count_death(key_of(message))
    failures.count_attempt(key_of(message))
    assert failures.load(["events"]) == {key_of(message): Counts(1, 1)}
    worker, _inlet = Broker(message).worker(settings, lambda _: None)
    worker.step(0)
    assert failures.load(["events"]) == {}


def test_no_message_is_blamed_when_the_process_is_killed_from_outside(engine: Engine, settings: Settings) -> None:
    """No death is counted for several messages in work, for a lease, or during a wait, however often they occur."""
    one, two = delivery(record(1), 1), delivery(record(2), 2)
    failures = MessageFailures(engine)
    for _ in range(policy.MAX_DEATHS + 1):
        run_in_fork(lambda: in_work.open_for_component(settings, PART).enter([one, two]))
        handling.open_for_component(settings, PART, failures, ["events"]).recover()
    for _ in range(policy.MAX_DEATHS + 1):
        run_in_fork(lambda: in_work.open_for_component(settings, PART).enter([one]))
        leases.grant(settings, PART, "kill", 0)
        handling.open_for_component(settings, PART, failures, ["events"]).recover()
    (settings.data / "faults.jsonl").unlink()
    for _ in range(policy.MAX_DEATHS + 1):

        def wait() -> None:
            work = in_work.open_for_component(settings, PART)
            work.enter([one])
            work.paused().__enter__()

        run_in_fork(wait)
        handling.open_for_component(settings, PART, failures, ["events"]).recover()
    assert failures.load(["events"]) == {}


def test_a_death_during_an_outage_of_the_database_is_not_counted(settings: Settings) -> None:
    message = delivery(record(), 1)

    class Away(LocalFailures):
        away = True

        def count_death(self, key: MessageKey) -> Counts:
            if self.away:
                raise DatabaseUnavailable("away")
            return super().count_death(key)

    run_in_fork(lambda: in_work.open_for_component(settings, PART).enter([message]))
    failures = Away()
    work = handling.open_for_component(settings, PART, failures, ["events"])
    with pytest.raises(DatabaseUnavailable):
        work.recover()
    failures.away = False
    work.recover()
    assert failures.load(["events"]) == {}
    assert [len(group) for group in work.groups([message, delivery(record(), 2)])] == [1, 1]


def test_an_orderly_end_and_an_incomplete_file_leave_no_suspect(settings: Settings) -> None:
    work = in_work.open_for_component(settings, PART)
    work.enter([delivery(record(), 1)])
    work.close()
    assert in_work.open_for_component(settings, PART).left.keys == ()
    path = settings.run / "in-work" / PART
    for torn in (b"123\nevents\t(1,2", b"\xff\xfe", b"123", b"x\ny\n"):
        path.write_bytes(torn)
        assert in_work.open_for_component(settings, PART).left.keys == ()


def test_suspects_are_handled_alone_and_in_order() -> None:
    messages = [delivery(record(seq), seq) for seq in range(1, 7)]
    work = Handling(LocalFailures(), InWork(), ["events"])
    work._suspects = {key_of(messages[1]): 0, key_of(messages[4]): 2}
    groups = [[message.message_id for message in group] for group in work.groups(messages)]
    assert [len(group) for group in groups] == [1, 1, 2, 1, 1]
    assert [message_id for group in groups for message_id in group] == [message.message_id for message in messages]


def test_counts_in_a_file_survive_the_process(tmp_path: Path) -> None:
    key = key_of(delivery(record(), 1))
    LocalFailures(tmp_path / "counts.json").count_death(key)
    again = LocalFailures(tmp_path / "counts.json")
    assert again.count_death(key) == Counts(0, 2)
    again.forget([key])
    assert LocalFailures(tmp_path / "counts.json").load([]) == {}
