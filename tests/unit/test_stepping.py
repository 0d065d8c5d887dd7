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
from workers.reading import find_event
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


@pytest.fixture(autouse=True)
def _decode_here(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Most of these tests need no process of its own for each message."""
    if "elsewhere" not in request.node.name:
        monkeypatch.setattr("workers.stepping.decode_in_subprocess", find_event)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def _deliveries(count: int) -> list[Received]:
    return [delivery(RECORDS[number - 1], number) for number in range(1, count + 1)]


def _get_first(held: Held | None) -> tuple[str, str] | None:
    return None if held is None else (held.name, held.event_id)


def _ids(batch: list[Received]) -> list[str]:
    return [message.message_id for message in batch]


def test_without_step_mode_everything_passes(settings: Settings) -> None:
    broker = Broker(*_deliveries(3))
    inlet = SteppedInlet(settings, "notifications", broker)
    batch = inlet.receive(10, 0)
    inlet.acknowledge(batch)
    assert broker.acknowledged == _ids(batch)
    assert len(batch) == 3
    assert len(SteppedFeed(settings, "relay", Rows(3)).after(0, 10)) == 3
    assert stepping.find_next(settings) is None
    with pytest.raises(NotHeld, match="off"):
        stepping.let_pass(settings)


def test_each_permission_lets_one_row_pass(settings: Settings) -> None:
    stepping.start(settings)
    feed = SteppedFeed(settings, "relay", Rows(2))
    with pytest.raises(NotHeld, match="no event waits"):
        stepping.let_pass(settings)
    assert feed.after(0, 10) == []
    assert feed.after(0, 10) == []
    assert _get_first(stepping.let_pass(settings)) == ("capture", RECORDS[0].id)
    assert [row.seq for row in feed.after(0, 10)] == [1]
    assert feed.after(1, 10) == []
    assert _get_first(stepping.find_next(settings)) == ("capture", RECORDS[1].id)
    stepping.end(settings)
    assert [row.seq for row in feed.after(1, 10)] == [2]
    assert breakpoints.read_held(settings) == []


def test_each_permission_lets_one_message_be_processed_and_then_acknowledged(settings: Settings) -> None:
    stepping.start(settings)
    first, second = _deliveries(2)
    broker = Broker(first, second)
    inlet = SteppedInlet(settings, "notifications", broker)
    assert inlet.receive(10, 0) == []
    assert _get_first(stepping.let_pass(settings)) == ("delivery", RECORDS[0].id)
    batch = inlet.receive(10, 0)
    assert _ids(batch) == [first.message_id]
    inlet.acknowledge(batch)
    assert inlet.receive(10, 0) == []
    assert broker.acknowledged == []
    assert breakpoints.read_held(settings)[1:] == [
        Held("delivery", "notifications", 1, RECORDS[1].id),
        Held("acknowledgement", "notifications", 1, RECORDS[0].id),
    ]
    assert _get_first(stepping.let_pass(settings)) == (
        "acknowledgement",
        RECORDS[0].id,
    )  # the one that is furthest on its path
    assert _get_first(stepping.find_next(settings)) == ("delivery", RECORDS[1].id)
    assert inlet.receive(10, 0) == []
    assert broker.acknowledged == [first.message_id]
    stepping.end(settings)
    assert _ids(inlet.receive(10, 0)) == [second.message_id]


def test_the_end_of_step_mode_acknowledges_what_was_processed(settings: Settings) -> None:
    broker = Broker(*_deliveries(2))
    inlet = SteppedInlet(settings, "notifications", broker)
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
    inlet = SteppedInlet(settings, "notifications", broker)
    inlet.receive(10, 0)
    stepping.let_pass(settings)
    inlet.acknowledge(inlet.receive(10, 0))
    inlet.receive(10, 0)  # holds the second one
    broker.generation, broker.messages = 2, [third]
    stepping.end(settings)
    inlet.receive(0, 0)
    assert _ids(inlet.receive(10, 0)) in ([third.message_id], [])
    assert second.message_id not in broker.acknowledged


def test_a_message_is_decoded_elsewhere_and_named_by_its_own_id_if_it_is_no_event(settings: Settings) -> None:
    stepping.start(settings)
    garbage = delivery(b"garbage", 7)
    inlet = SteppedInlet(settings, "notifications", Broker(garbage))
    inlet.receive(10, 0)
    assert _get_first(stepping.find_next(settings)) == ("delivery", garbage.message_id)
    event = SteppedInlet(settings, "notifications", Broker(*_deliveries(1)))
    event.receive(10, 0)
    assert _get_first(stepping.find_next(settings)) == ("delivery", RECORDS[0].id)


def test_a_stack_whose_source_is_a_connector_holds_no_capture(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, stack="native")
    stepping.start(settings)
    assert [held.name for held in breakpoints.read_held(settings)] == ["delivery", "acknowledgement"]


def test_a_read_only_instance_cannot_be_stepped(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, read_only=True)
    for act in (stepping.start, stepping.let_pass, stepping.end):
        with pytest.raises(Forbidden):
            act(settings)


def test_what_a_dead_worker_held_is_not_held_any_more_by_the_next(settings: Settings) -> None:
    stepping.start(settings)
    broker = Broker(*_deliveries(1))
    inlet = SteppedInlet(settings, "notifications", broker)
    inlet.receive(10, 0)
    stepping.let_pass(settings)
    inlet.acknowledge(inlet.receive(10, 0))
    assert _get_first(stepping.find_next(settings)) == ("acknowledgement", RECORDS[0].id)
    SteppedInlet(settings, "notifications", broker)
    assert stepping.find_next(settings) is None


def test_of_two_workers_the_one_that_holds_the_event_lets_it_pass(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, workers=2)
    stepping.start(settings)
    names = ("notifications-1", "notifications-2")
    first, second = (
        SteppedInlet(settings, name, Broker(delivery(RECORDS[number], number))) for number, name in enumerate(names)
    )
    first.receive(10, 0)
    second.receive(10, 0)
    held = stepping.let_pass(settings)
    assert held.event_id == RECORDS[1].id
    assert first.receive(10, 0) == []
    assert len(second.receive(10, 0)) == 1


def test_what_is_received_while_the_breakpoint_is_set_is_held(settings: Settings) -> None:
    """The worker was waiting for messages already when step mode began."""

    class Late(Broker):
        def receive(self, limit: int, timeout_s: float) -> list[Received]:
            if limit == 10:
                stepping.start(settings)
            return super().receive(limit, timeout_s)

    inlet = SteppedInlet(settings, "notifications", Late(*_deliveries(3)))
    for number in range(3):
        assert inlet.receive(10, 0) == []
        held = stepping.let_pass(settings)
        assert (held.count, held.event_id) == (3 - number, RECORDS[number].id)
        assert len(inlet.receive(10, 0)) == 1
    assert stepping.find_next(settings) is None
