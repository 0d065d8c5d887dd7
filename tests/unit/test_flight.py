"""Test the checkpoint of messages in flight: it never passes one that is not acknowledged or parked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.flight import Failure, Flight
from connectors.sending import Sent


def test_the_checkpoint_is_the_end_of_the_longest_acknowledged_beginning() -> None:
    flight = Flight(10)
    done = {seq: flight.add(seq, 100) for seq in (11, 12, 13)}
    assert (flight.checkpoint, len(flight), flight.bytes) == (10, 3, 300)
    done[12](Sent.ACKNOWLEDGED, "Ok")
    assert (flight.checkpoint, len(flight), flight.bytes) == (10, 3, 300)
    done[11](Sent.ACKNOWLEDGED, "Ok")
    assert (flight.checkpoint, len(flight), flight.bytes) == (12, 1, 100)


def test_a_refused_row_holds_the_checkpoint_until_it_is_parked() -> None:
    flight = Flight(0)
    first, second = flight.add(1, 50), flight.add(2, 60)
    first(Sent.REFUSED, "MessageTooBig")
    second(Sent.ACKNOWLEDGED, "Ok")
    assert (flight.checkpoint, flight.refused()) == (0, {1: (50, "MessageTooBig")})
    flight.settle(1)
    assert (flight.checkpoint, flight.refused(), flight.bytes) == (2, {}, 0)


def test_after_a_failure_nothing_behind_it_counts_and_the_first_one_is_named() -> None:
    flight = Flight(0)
    done = [flight.add(seq, 1) for seq in (1, 2, 3)]
    done[2](Sent.UNAVAILABLE, "Timeout")
    done[1](Sent.FAILED, "UnknownError")
    done[0](Sent.ACKNOWLEDGED, "Ok")
    assert flight.failure == Failure(2, Sent.FAILED, "UnknownError")
    assert flight.checkpoint == 0  # all are sent again from the checkpoint


@given(st.permutations(range(1, 9)), st.integers(0, 8))
def test_whatever_the_order_of_the_acknowledgements(order: list[int], count: int) -> None:
    flight = Flight(0)
    done = {seq: flight.add(seq, seq) for seq in range(1, 9)}
    for seq in order[:count]:
        done[seq](Sent.ACKNOWLEDGED, "Ok")
    missing = set(range(1, 9)) - set(order[:count])
    assert flight.checkpoint == min(missing, default=9) - 1
    assert flight.bytes == sum(range(flight.checkpoint + 1, 9))
