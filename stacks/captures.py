"""Choose the capture of an instance."""

from __future__ import annotations

from settings import Settings
from settings.stack_facts import DEBEZIUM, RELAY
from stacks.capture import Capture
from stacks.debezium import Debezium
from stacks.relay import Relay

CAPTURES: dict[str, type[Capture]] = {
    RELAY.name: Relay,
    DEBEZIUM.name: Debezium,
}


def capture_of(settings: Settings) -> Capture:
    """Return the capture of the instance's stack. It does not connect yet."""
    return CAPTURES[settings.facts.capture.name](settings)
