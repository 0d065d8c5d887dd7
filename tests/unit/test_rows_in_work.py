"""Test that a row which ends the relay's process is isolated, counted and parked, and that the others are sent in order."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from application import leases
from connectors.broker import Publisher
from connectors.relay import Relay
from connectors.sending import Sent
from settings import Settings
from tests.fakes import FakePublisher
from tests.unit.test_relay import ListFeed
from workers.policy import MAX_DEATHS
from workers.rows_in_work import RowsInWork, open_for_component


class Died(BaseException):
    """The process has ended: nothing of this program runs any more."""


class FatalPublisher(FakePublisher):
    """Ends the process when it is given one of the rows."""

    def __init__(self, fatal: set[int]) -> None:
        super().__init__()
        self._fatal = fatal

    def send_async(self, value: bytes, key, properties, done) -> None:  # type: ignore[no-untyped-def]
        if json.loads(value)["after"]["seq"] in self._fatal:
            raise Died
        super().send_async(value, key, properties, done)


def acknowledging(publisher: FakePublisher) -> Callable[[float], None]:
    return lambda seconds: publisher.acknowledge()


def run_until_done(path: Path, feed: ListFeed, fatal: set[int]) -> tuple[list[int], int]:
    """The rows sent, by as many processes as it takes, and how many of those died."""
    sent: list[int] = []
    for deaths in range(len(feed.records) * MAX_DEATHS + 1):
        work, publisher = RowsInWork(path), FatalPublisher(fatal)
        relay = Relay(feed, cast(Publisher, publisher), acknowledging(publisher), work)
        try:
            while relay.step() or publisher.pending:
                publisher.acknowledge()
        except Died:
            sent += [json.loads(value)["after"]["seq"] for value, _ in publisher.sent]
            continue
        sent += [json.loads(value)["after"]["seq"] for value, _ in publisher.sent]
        relay._finish()
        work.close()
        return sent, deaths
    pytest.fail("it never ends")


@how(max_examples=40)
@given(count=st.integers(1, 40), fatal=st.sets(st.integers(1, 40), max_size=3))
def test_a_row_that_ends_the_process_is_parked_and_the_others_are_sent_in_order(
    tmp_path_factory: pytest.TempPathFactory, count: int, fatal: set[int]
) -> None:
    feed = ListFeed(count)
    sent, deaths = run_until_done(tmp_path_factory.mktemp("work") / "relay", feed, fatal)
    there = {seq for seq in fatal if seq <= count}
    assert {seq for seq, (reason, _) in feed.parked.items() if reason == "killed_worker"} == there
    assert set(sent) == set(range(1, count + 1)) - there
    assert list(dict.fromkeys(sent)) == sorted(set(sent))
    assert feed.checkpoint == count
    assert deaths <= len(there) * (MAX_DEATHS + 1)


def test_after_an_end_while_reading_no_row_is_blamed_and_the_next_rows_are_handled_alone(tmp_path: Path) -> None:
    RowsInWork(tmp_path / "relay").enter(7)
    work = RowsInWork(tmp_path / "relay")
    assert work.is_next_suspect(6)
    assert not any(work.fatal_deaths(seq) for seq in range(20))


def test_no_row_is_blamed_after_an_orderly_stop_or_an_injected_kill(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    for _ in range(MAX_DEATHS + 1):
        work = open_for_component(settings, "relay")
        work.enter(3, 3)
        work.close()
    assert not open_for_component(settings, "relay").is_next_suspect(0)
    for _ in range(MAX_DEATHS + 1):
        open_for_component(settings, "relay").enter(3, 3)
        leases.grant(settings, "relay", "kill", 0.01)
    assert not open_for_component(settings, "relay").fatal_deaths(3)


@pytest.mark.parametrize("text", ["", "1 2", "x y z\n", "1 2 3 4\n", "\x00\n"])
def test_no_row_is_blamed_by_a_damaged_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "relay").write_text(text)
    (tmp_path / "relay.deaths").write_text(text)
    work = RowsInWork(tmp_path / "relay")
    assert not work.is_next_suspect(0)
    assert (tmp_path / "relay").stat().st_size == 0


def test_a_row_whose_send_raises_an_unknown_error_is_parked_after_some_attempts() -> None:
    class Raising(FakePublisher):
        def send_async(self, value: bytes, key, properties, done) -> None:  # type: ignore[no-untyped-def]
            if json.loads(value)["after"]["seq"] == 2:
                raise ZeroDivisionError
            super().send_async(value, key, properties, done)

    feed, publisher = ListFeed(3), Raising()
    relay = Relay(feed, cast(Publisher, publisher), lambda seconds: None)
    for _ in range(20):
        try:
            relay.step()
            publisher.acknowledge()
        except ZeroDivisionError:
            publisher.acknowledge(1, Sent.ACKNOWLEDGED)
            publisher.generation += 1
    relay._finish()
    assert feed.parked[2][0] == "failed_too_often"
    assert feed.checkpoint == 3
