"""Step mode: what is held where, and what one permission lets pass."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from application import breakpoints
from application.breakpoints import Held
from application.permissions import Forbidden
from connectors.broker import Received
from domain.outbox import OutboxRecord, UnreadableRow
from settings import Settings
from stacks import stepping
from stacks.stepping import NotHeld
from tests.builders import delivery, record
from workers.stepping import SteppedFeed, SteppedInlet

RECORDS = [record(number) for number in range(1, 4)]


class Broker:
    """An inlet of messages that are delivered one after the other, and again to a new client."""

    def __init__(self, *messages: Received) -> None:
        self.generation = 1
        self.messages = list(messages)
        self.acknowledged: list[str] = []

    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        batch, self.messages = self.messages[:limit], self.messages[limit:]
        return batch

    def acknowledge(self, batch: Sequence[Received]) -> None:
        self.acknowledged += [message.message_id for message in batch]

    def drop(self) -> None:
        pass


class Rows:
    """A feed of rows."""

    def __init__(self, count: int) -> None:
        self.rows = RECORDS[:count]
        self.saved = 0

    def after(self, seq: int, limit: int) -> list[OutboxRecord | UnreadableRow]:
        rows: list[OutboxRecord | UnreadableRow] = [row for row in self.rows if row.seq > seq]
        return rows[:limit]

    def load_checkpoint(self) -> int:
        return self.saved

    def save_checkpoint(self, seq: int) -> None:
        self.saved = seq

    def park(self, seq: int, reason: str, detail: str) -> bool:
        return True


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def _deliveries(count: int) -> list[Received]:
    return [delivery(RECORDS[number - 1], number) for number in range(1, count + 1)]


def _ids(batch: list[Received]) -> list[str]:
    return [message.message_id for message in batch]


def test_without_step_mode_everything_passes(settings: Settings) -> None:
    broker = Broker(*_deliveries(3))
    inlet = SteppedInlet(settings, broker)
    batch = inlet.receive(10, 0)
    inlet.acknowledge(batch)
    assert broker.acknowledged == _ids(batch)
    assert len(batch) == 3
    assert len(SteppedFeed(settings, Rows(3)).after(0, 10)) == 3
    assert stepping.find_next(settings) is None
    with pytest.raises(NotHeld, match="off"):
        stepping.let_pass(settings)


def test_each_permission_lets_one_row_pass(settings: Settings) -> None:
    stepping.start(settings)
    feed = SteppedFeed(settings, Rows(2))
    with pytest.raises(NotHeld, match="no event waits"):
        stepping.let_pass(settings)
    assert feed.after(0, 10) == []
    assert feed.after(0, 10) == []
    assert stepping.let_pass(settings) == ("capture", RECORDS[0].id)
    assert [row.seq for row in feed.after(0, 10)] == [1]
    assert feed.after(1, 10) == []
    assert stepping.find_next(settings) == ("capture", RECORDS[1].id)
    stepping.end(settings)
    assert [row.seq for row in feed.after(1, 10)] == [2]
    assert breakpoints.read_held(settings) == []


def test_each_permission_lets_one_message_be_processed_and_then_acknowledged(settings: Settings) -> None:
    stepping.start(settings)
    first, second = _deliveries(2)
    broker = Broker(first, second)
    inlet = SteppedInlet(settings, broker)
    assert inlet.receive(10, 0) == []
    assert stepping.let_pass(settings) == ("delivery", RECORDS[0].id)
    batch = inlet.receive(10, 0)
    assert _ids(batch) == [first.message_id]
    inlet.acknowledge(batch)
    assert inlet.receive(10, 0) == []
    assert broker.acknowledged == []
    assert breakpoints.read_held(settings)[1:] == [
        Held("delivery", (RECORDS[1].id,)),
        Held("acknowledgement", (RECORDS[0].id,)),
    ]
    assert stepping.let_pass(settings) == ("acknowledgement", RECORDS[0].id)  # the one that is furthest on its path
    assert stepping.find_next(settings) == ("delivery", RECORDS[1].id)
    assert inlet.receive(10, 0) == []
    assert broker.acknowledged == [first.message_id]
    stepping.end(settings)
    assert _ids(inlet.receive(10, 0)) == [second.message_id]


def test_the_end_of_step_mode_acknowledges_what_was_processed(settings: Settings) -> None:
    broker = Broker(*_deliveries(2))
    inlet = SteppedInlet(settings, broker)
    batch = inlet.receive(10, 0)
    stepping.start(settings)
    inlet.acknowledge(batch)
    assert broker.acknowledged == []
    stepping.end(settings)
    inlet.receive(10, 0)
    assert broker.acknowledged == _ids(batch)


def test_a_new_client_gets_again_what_was_held(settings: Settings) -> None:
    stepping.start(settings)
    first, second, third = _deliveries(3)
    broker = Broker(first, second)
    inlet = SteppedInlet(settings, broker)
    inlet.receive(10, 0)
    stepping.let_pass(settings)
    inlet.acknowledge(inlet.receive(10, 0))
    inlet.receive(10, 0)  # holds the second one
    broker.generation, broker.messages = 2, [third]
    stepping.end(settings)
    inlet.receive(0, 0)
    assert _ids(inlet.receive(10, 0)) in ([third.message_id], [])
    assert second.message_id not in broker.acknowledged


def test_a_message_that_is_no_event_is_held_under_its_own_id(settings: Settings) -> None:
    stepping.start(settings)
    garbage = delivery(b"garbage", 7)
    inlet = SteppedInlet(settings, Broker(garbage))
    inlet.receive(10, 0)
    assert stepping.find_next(settings) == ("delivery", garbage.message_id)


def test_a_stack_whose_source_is_a_connector_holds_no_capture(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, stack="native")
    stepping.start(settings)
    assert [held.name for held in breakpoints.read_held(settings)] == ["delivery", "acknowledgement"]


def test_a_read_only_instance_cannot_be_stepped(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, read_only=True)
    for act in (stepping.start, stepping.let_pass, stepping.end):
        with pytest.raises(Forbidden):
            act(settings)
