"""When counts differ: on their way, or gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.view_models.reconciling import Counts, Judge, Steady, exclude_young
from dashboard.view_models.snapshot import DatabaseState, FeedState, HealthState, Young
from db.queries import Deliveries
from domain.message import Message, verbatim
from stacks.part_health import Light, PartHealth

EQUAL = Counts(committed=10, published=10, notified=10, audited=10)


def test_equal_counts_are_equal() -> None:
    assert Judge().look(EQUAL, 0) == "equal"


def test_an_event_on_its_way_is_told_after_five_seconds() -> None:
    judge = Judge()
    behind = replace(EQUAL, committed=11)
    assert judge.look(behind, 0) == "in_flight"
    assert judge.look(behind, 4.9) == "in_flight"
    assert judge.look(behind, 5.1) == "differs"


def test_events_wait_while_a_component_is_not_healthy_and_a_while_after() -> None:
    judge = Judge()
    behind = replace(EQUAL, committed=11)
    judge.look(behind, 0)
    assert judge.look(behind, 60, all_healthy=False) == "waiting"
    assert judge.look(behind, 64.9) == "waiting"
    assert judge.look(behind, 65.1) == "differs"


def test_a_backlog_that_shrinks_is_not_told_as_lost() -> None:
    judge = Judge()
    for second in range(60):
        arrived = 10 + second // 3
        told = judge.look(Counts(100, arrived, arrived, arrived), float(second))
        assert told == ("in_flight" if second < 5 else "waiting")
    assert judge.look(Counts(100, arrived, arrived, arrived), 80) == "differs"


def test_more_than_was_committed_waits_for_nothing() -> None:
    judge = Judge()
    surplus = replace(EQUAL, notified=11)
    judge.look(surplus, 0, all_healthy=False)
    assert judge.look(surplus, 6, all_healthy=False) == "differs"


@pytest.mark.parametrize(
    ("part", "light", "message", "holds_up"),
    [
        ("broker", "down", verbatim("gone"), True),
        ("notifications-2", "down", verbatim("gone"), True),
        ("relay", "behind", Message("health.waits"), True),
        ("relay", "behind", Message("health.late", n=3, s=2.5), False),
        ("api", "down", verbatim("gone"), False),
        ("relay", "ok", Message("health.at_work"), False),
    ],
)
def test_only_what_events_pass_through_holds_them_up(part: str, light: Light, message: Message, holds_up: bool) -> None:
    """A lag is no excuse: the capture is behind by a lost event for ever."""
    assert HealthState(1, (PartHealth(part, light, message),)).holds_events_up() == holds_up


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


# Ten events; the observer was read before the ninth and tenth came to it, the audit after both.
DATABASE = DatabaseState(
    version=1,
    created=7,
    committed=10,
    notified=9,
    deliveries=Deliveries(applied=9),
    young=Young(8, 2, frozenset({109}), 109, created=1),
)
FEED = FeedState(
    version=1, published=8, watermark=8, audited=10, newest_published=(7, 8), newest_audited=(108, 109, 110)
)


def test_sources_read_at_different_moments_do_not_contradict_each_other() -> None:
    """The audit has ten, of nine notified and eight published: as read, each is right, and together they are nonsense."""
    found = exclude_young(DATABASE, FEED)
    assert found.counts.equal
    assert (found.counts.committed, found.counts.audited, found.counts.delivered, found.captured) == (8, 8, 8, 8)
    assert (found.newer, found.in_flight) == (2, 1)
    assert found.counts.created == 6, "one of the two young events tells of a new commission"


def test_a_lost_event_that_is_not_young_is_missed_while_others_come() -> None:
    lost = replace(DATABASE, notified=8, deliveries=Deliveries(applied=8))
    counts = exclude_young(lost, replace(FEED, audited=9)).counts
    assert (counts.committed, counts.published, counts.notified, counts.audited) == (8, 8, 7, 7)


def test_when_every_source_has_all_events_all_are_counted() -> None:
    feed = replace(FEED, published=10, watermark=10, newest_published=(9, 10))
    found = exclude_young(replace(DATABASE, notified=10, deliveries=Deliveries(applied=10)), feed)
    assert (found.counts.committed, found.newer) == (10, 0)


def test_what_was_shown_is_not_taken_back_while_it_is_true() -> None:
    steady = Steady()
    all_there = replace(DATABASE, committed=9, young=Young(9, 0, frozenset(), 109))
    assert steady.look(all_there, replace(FEED, published=9, audited=9)).counts.committed == 9
    found = steady.look(replace(DATABASE, version=2), FEED)
    assert (found.counts.committed, found.newer) == (9, 1)
    emptied = DatabaseState(version=3, committed=0, notified=0)
    assert steady.look(emptied, FeedState(version=3, published=0, audited=0)).counts.committed == 0
