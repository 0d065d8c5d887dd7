"""When counts differ: on their way, or gone."""

from __future__ import annotations

from dataclasses import replace

from dashboard.view_models.reconciling import Counts, Judge

EQUAL = Counts(committed=10, published=10, notified=10, audited=10)


def test_equal_counts_are_equal() -> None:
    assert Judge().look(EQUAL, 0) == "equal"


def test_an_event_on_its_way_is_told_after_five_seconds() -> None:
    judge = Judge()
    behind = replace(EQUAL, committed=11)
    assert judge.look(behind, 0) == "in_flight"
    assert judge.look(behind, 4.9) == "in_flight"
    assert judge.look(behind, 5.1) == "differs"


def test_a_stream_that_flows_is_never_told_as_lost() -> None:
    judge = Judge()
    for second in range(60):
        committed = 100 * second
        found = Counts(committed, max(0, committed - 50), max(0, committed - 80), max(0, committed - 90))
        assert judge.look(found, float(second)) in ("in_flight", "equal")


def test_a_lost_event_is_told_though_others_flow() -> None:
    """The stream keeps up save for more than five seconds' worth of events."""
    judge, told = Judge(), []
    for second in range(20):
        committed = 10 * second
        arrived = min(committed, 55)
        told.append(judge.look(Counts(committed, committed, arrived, arrived), float(second)))
    assert told[5] == "equal"
    assert told[-1] == "differs"


def test_more_notified_than_committed_is_told() -> None:
    judge = Judge()
    surplus = replace(EQUAL, notified=11)
    assert judge.look(surplus, 0) == "in_flight"
    assert judge.look(surplus, 6) == "differs"


def test_dead_letters_are_arrived_and_not_in_flight() -> None:
    counts = Counts(committed=10, published=10, notified=9, audited=9, dead_lettered=1)
    assert counts.in_flight == 0
    assert Judge().look(counts, 0) == "equal"


def test_a_source_that_cannot_be_read_leaves_the_question_open() -> None:
    assert Judge().look(replace(EQUAL, committed=None), 0) == "unknown"
    assert Judge().look(replace(EQUAL, published=None), 0) == "unknown"
