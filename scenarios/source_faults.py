"""What the scenarios of the source's faults share: no capture for a while, and the judgement of a new snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from domain.message import Message
from scenarios.sources import holds_for_all
from scenarios.trial import Trial
from stacks import operation
from stacks.captures import capture_of

OPERATION = "pause of the capture"
PAIRS = 20
"""Pairs of commands that are sent before the fault. A new snapshot publishes their events again."""


def notify_first(trial: Trial) -> set[str]:
    """Send some commands, wait until their events have every effect, and return the ids of these events."""
    trial.send_pairs(PAIRS)
    first_ids = set(trial.acknowledged)
    trial.wait_until_notified(first_ids)
    trial.wait(lambda: first_ids <= trial.published().keys(), 20, Message("awaited.observer"))
    return first_ids


@contextmanager
def paused_capture(trial: Trial) -> Iterator[None]:
    """Let nothing capture while the `with` block runs. If this process is killed meanwhile, the capture starts again."""
    capture = capture_of(trial.settings)
    with (
        operation.alone(trial.settings, OPERATION, lambda _: None),
        operation.holding(trial.settings, OPERATION) as held,
    ):
        held.note(source="stopped")
        held.hold(trial.capture_part)  # where it is no process, this keeps the healer away
        capture.stop()
        try:
            trial.wait(lambda: not trial.is_captured(), 20, Message("awaited.capture_ended"))
            yield
        finally:
            capture.start()


def check_new_snapshot(trial: Trial, first_ids: set[str]) -> None:
    """Wait until every event has its effect, and check that the repeated ones have no other. Raises TookTooLong."""
    within_s = trial.full_replay_deadline_s()
    trial.wait_until_notified(trial.acknowledged, within_s)
    trial.wait(lambda: _are_published_again(trial, first_ids), within_s, Message("awaited.snapshot"))
    trial.wait(lambda: trial.deliveries().duplicate >= len(first_ids), within_s, Message("awaited.duplicates"))
    absorbed = trial.deliveries().duplicate
    counted = Message("detail.absorbed", n=absorbed)
    trial.check(Message("check.repeats_absorbed"), absorbed >= len(first_ids), counted)
    trial.figures["absorbed"] = absorbed
    trial.wait_until_healthy()


def _are_published_again(trial: Trial, event_ids: set[str]) -> bool:
    published_counts = trial.published()
    return holds_for_all(event_ids, lambda event_id: published_counts.get(event_id, 0) > 1)
