"""Step mode on running stacks: what is written at each breakpoint, and what a worker that dies at one leaves behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from application import Application, breakpoints
from application.breakpoints import Name
from application.commissions import new_id
from application.components import worker_names
from db.tables import notification, processed_message
from domain.commands import CalculateCommission
from scenarios import runner
from scenarios.waiting import until
from settings import Settings
from stacks import faults, stepping
from stacks.status import status


@pytest.fixture
def stepped(stack: Settings) -> Iterator[Settings]:
    stepping.start(stack)
    yield stack
    stepping.end(stack)


def _wait_at(settings: Settings, name: Name, event_id: str) -> None:

    def waits_there() -> bool:
        held = stepping.find_next(settings)
        return held is not None and (held.name, held.event_id) == (name, event_id)

    until(waits_there, 60, f"the event waits at {name}")


def _count(application: Application, event_id: str) -> tuple[int, int]:
    """Return the numbers of deliveries and of notifications of an event."""
    with application.reading() as connection:
        tables = (processed_message, notification)
        deliveries, notifications = (
            connection.scalar(select(func.count()).where(table.c.event_id == event_id)) for table in tables
        )
    return deliveries or 0, notifications or 0


def test_an_event_stops_at_each_breakpoint_and_is_delivered_again_to_the_next_worker(stepped: Settings) -> None:
    """The worker is killed with the acknowledgement in its hands: the inbox absorbs the second delivery."""
    names = breakpoints.list_names(stepped)
    with Application(stepped, pool_size=1) as application:
        (event_id,) = application.send(CalculateCommission(new_id(), "a", "cmp-1", "100.00", "USD")).event_ids
        for name in names[:-1]:
            _wait_at(stepped, name, event_id)
            assert _count(application, event_id) == (0, 0)
            stepping.let_pass(stepped)
        _wait_at(stepped, "acknowledgement", event_id)
        assert _count(application, event_id) == (1, 1)
        faults.kill(stepped, worker_names(stepped)[0])
        _wait_at(stepped, "delivery", event_id)
        stepping.let_pass(stepped)
        _wait_at(stepped, "acknowledgement", event_id)
        assert _count(application, event_id) == (2, 1)
        stepping.let_pass(stepped)
        until(lambda: stepping.find_next(stepped) is None, 30, "nothing waits")


def test_held_events_are_called_held_and_no_scenario_judges_them(stepped: Settings) -> None:
    with Application(stepped, pool_size=1) as application:
        application.send(CalculateCommission(new_id(), "a", "cmp-1", "100.00", "USD"))
    until(
        lambda: "health.stepped" in {part.message.code for part in status(stepped).parts if part.message},
        30,
        "step mode is named as the cause",
    )
    assert {part.light for part in status(stepped).parts} <= {"ok", "behind"}
    with pytest.raises(runner.AnotherRuns, match="step mode"):
        runner.start(stepped, "audit")


def test_without_step_mode_everything_passes(stack: Settings) -> None:
    stepping.start(stack)
    with Application(stack, pool_size=1) as application:
        sent = [
            application.send(CalculateCommission(new_id(), "a", "cmp-1", "100.00", "USD")).event_ids[0]
            for _ in range(5)
        ]
        until(lambda: stepping.find_next(stack) is not None, 60, "an event waits")
        stepping.end(stack)
        until(lambda: all(_count(application, event_id)[1] for event_id in sent), 60, "everything is notified")
