"""One lag for header, diagram and cards: that of the counts, which leave out what was committed a moment ago."""

from __future__ import annotations

import pytest

from dashboard.view_models.capture_lag import agree
from dashboard.view_models.diagram import diagram
from dashboard.view_models.reconciling import Counts, Judge, ShownCounts
from dashboard.view_models.snapshot import DatabaseState, HealthState
from domain.message import Message
from settings.stack_facts import DEBEZIUM, RELAY, CaptureFacts
from stacks.part_health import Light, PartHealth

PARKED = Message("health.parked", n=2)


def checked(message: Message, capture: CaptureFacts = RELAY, light: Light = "behind") -> PartHealth:
    return PartHealth(capture.component, light, message)


@pytest.mark.parametrize("capture", [RELAY, DEBEZIUM])
def test_the_light_follows_the_counts_and_not_the_moment_of_the_check(capture: CaptureFacts) -> None:
    caught_mid_way = checked(Message("health.behind", n=3), capture)
    (found,) = agree((caught_mid_way,), capture, 0)
    assert found.light == "ok"
    (found,) = agree((checked(Message("health.at_work"), capture, "ok"),), capture, 7)
    assert (found.light, found.message) == ("behind", Message("health.behind", n=7))


def test_parked_rows_stay_named_and_are_no_lag() -> None:
    message = Message("health.with_parked", health=Message("health.behind", n=5), parked=PARKED)
    (found,) = agree((checked(message),), RELAY, 0)
    assert found.light == "ok"
    assert found.message == Message("health.with_parked", health=Message("health.at_work"), parked=PARKED)


@pytest.mark.parametrize(
    ("part", "uncaptured"),
    [
        (checked(Message("health.behind", n=3)), None),
        (checked(Message("health.waits")), 0),
        (checked(Message("health.held_down", s=5), light="down"), 0),
        (PartHealth("broker", "behind", Message("health.behind", n=3)), 0),
    ],
)
def test_what_else_a_check_found_stays(part: PartHealth, uncaptured: int | None) -> None:
    assert agree((part,), RELAY, uncaptured) == (part,)


def test_a_parked_row_is_neither_missing_nor_waiting() -> None:
    """It can never be published, and is counted with the dead letters; the sources are consistent all the same."""
    counts = Counts(10, 9, 9, 9, dead_lettered=1, parked=1, delivered=9, watermark=9)
    assert counts.equal
    assert counts.uncaptured == 0
    judge = Judge()
    assert [judge.look(counts, now) for now in (0.0, 10.0, 60.0)] == ["equal"] * 3
    drawn = diagram(RELAY, DatabaseState(), ShownCounts(counts, 0, 0, counts.arrived()[0]), "equal", HealthState(1))
    assert {name: arrow.waiting for name, arrow in drawn.arrows.items() if arrow.waiting} == {}
    assert drawn.counts["topic"] == 9


def test_one_event_that_is_missing_beside_a_parked_row_is_found() -> None:
    counts = Counts(11, 9, 9, 9, dead_lettered=1, parked=1, delivered=9)
    assert not counts.equal
    assert (counts.uncaptured, counts.behind) == (1, 1)
