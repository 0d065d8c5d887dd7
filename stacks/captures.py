"""Choose the capture of an instance."""

from __future__ import annotations

from settings import Settings
from settings.stack_facts import DEBEZIUM, DEBEZIUM_SERVER, RELAY
from stacks.capture import Capture
from stacks.debezium import Debezium
from stacks.debezium_server import DebeziumServer
from stacks.relay import Relay

CAPTURES: dict[str, type[Capture]] = {
    RELAY.name: Relay,
    DEBEZIUM.name: Debezium,
    DEBEZIUM_SERVER.name: DebeziumServer,
}


def capture_of(settings: Settings) -> Capture:
    """Return the capture of the instance's stack. It does not connect yet."""
    return CAPTURES[settings.facts.capture.name](settings)
