"""Test what is reported of a notified event: its timestamps, and the durations between them."""

from __future__ import annotations

import pytest

from db.hops import Timing
from domain.clock import epoch_us
from telemetry.metrics import METRICS
from tests.builders import AT, delivery, record
from tests.fakes import Measurements
from workers.inbox import Effect
from workers.passage import measure_passages

OCCURRED_US = epoch_us(AT)


def effect(topic: str = "events") -> Effect:
    event = record(1)
    return Effect(delivery(event, topic=topic), event, OCCURRED_US + 1000)


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, ...], float]:
    observed: dict[tuple[str, ...], float] = {}
    monkeypatch.setattr(
        METRICS, "observe_all", lambda _name, labels, durations_s: observed.update({labels: sum(durations_s)})
    )
    return observed


def test_each_timestamp_is_recorded_with_its_clock(observed: dict[tuple[str, ...], float]) -> None:
    measured, passed = Measurements(), effect()
    measure_passages(measured, [passed], 77, "retry")
    message = passed.message
    assert measured.passed == [
        Timing(passed.record.id, None, passed.captured_us, message.publish_us, message.received_us, 77)
    ]


def test_durations_of_the_hops_add_up_to_the_whole_path(observed: dict[tuple[str, ...], float]) -> None:
    persisted_us = OCCURRED_US + 5_000_000
    measure_passages(Measurements(), [effect()], persisted_us, "retry")
    whole = observed.pop(("end_to_end",))
    assert whole == pytest.approx(5.0)
    assert len(observed) == 4
    assert sum(observed.values()) == pytest.approx(whole)


def test_a_requeued_event_has_no_time_of_publication(observed: dict[tuple[str, ...], float]) -> None:
    measured = Measurements()
    measure_passages(measured, [effect("retry")], 77, "retry")
    assert [timing.published_us for timing in measured.passed] == [None]


def test_a_store_that_fails_costs_a_warning_and_not_the_event(caplog: pytest.LogCaptureFixture) -> None:
    class Failing:
        def add(self, passed: object) -> None:
            raise RuntimeError("full")

    measure_passages(Failing(), [effect()], 77, "retry")
    assert any("could not be recorded" in message and "full" in message for message in caplog.messages)
