"""Delete the position of the capture: the relay's checkpoint, or the topic of the source's offsets."""

from __future__ import annotations

from settings import Settings
from stacks import operation
from stacks.captures import capture_of

OPERATION = "loss of the offsets"


def lose(settings: Settings) -> None:
    """Stop the capture, delete its offsets, start it. Raises AdminUnavailable, AdminRefused or DatabaseUnavailable."""
    with operation.alone(settings, OPERATION, lambda _: None), operation.holding(settings, OPERATION) as held:
        held.hold(settings.facts.capture.component)  # of a source, which is no process, this keeps the healer away
        capture_of(settings).lose_offsets(held)
