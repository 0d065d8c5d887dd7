"""A worker gathers events that come in quick succession, and waits for none otherwise."""

from __future__ import annotations

import pytest

from connectors.broker import Received
from tests.builders import delivery
from workers.gathering import ENOUGH, GAP_S, GATHER_S, GatheringInlet


class Arrivals:
    """An inlet with a clock of its own. `coming`: batches in order, each with the seconds until it comes."""

    def __init__(self, *coming: tuple[float, int]) -> None:
        self.coming = list(coming)
        self.now = 100.0
        self.generation = 1
        self.sleeps: list[float] = []

    def receive(self, limit: int, timeout_s: float) -> list[Received]:
        after_s, count = self.coming.pop(0) if self.coming else (timeout_s, 0)
        self.now += after_s
        return [delivery(b"{}")] * count

    def acknowledge(self, batch: object) -> None: ...

    def drop(self) -> None: ...

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def inlet(arrivals: Arrivals) -> GatheringInlet:
    return GatheringInlet(arrivals, arrivals.sleep, lambda: arrivals.now)


def test_the_first_event_and_events_with_a_gap_are_not_waited_for() -> None:
    arrivals = Arrivals((0, 1), (GAP_S * 2, 1), (0.4, 1))
    gathering = inlet(arrivals)
    assert [len(gathering.receive(200, 0.5)) for _ in range(3)] == [1, 1, 1]
    assert arrivals.sleeps == []


def test_events_in_quick_succession_share_a_batch() -> None:
    arrivals = Arrivals((0, 1), (GAP_S / 2, 1), (0, 9))
    gathering = inlet(arrivals)
    assert [len(gathering.receive(200, 0.5)) for _ in range(2)] == [1, 10]
    assert arrivals.sleeps == [GATHER_S]


@pytest.mark.parametrize(("limit", "count"), [(200, ENOUGH), (10, 10)])
def test_a_batch_that_is_large_enough_is_not_waited_for(limit: int, count: int) -> None:
    arrivals = Arrivals((0, 1), (0, count))
    gathering = inlet(arrivals)
    gathering.receive(limit, 0.5)
    assert len(gathering.receive(limit, 0.5)) == count
    assert arrivals.sleeps == []


def test_messages_of_an_older_consumer_are_left_to_the_new_one() -> None:
    arrivals = Arrivals((0, 1), (0, 3), (0, 4))
    gathering = inlet(arrivals)
    gathering.receive(200, 0.5)
    sleep = arrivals.sleep

    def reconnect(seconds: float) -> None:
        sleep(seconds)
        arrivals.generation += 1

    gathering._sleep = reconnect
    assert len(gathering.receive(200, 0.5)) == 4
