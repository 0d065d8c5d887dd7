"""The topics of an instance."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topics:
    """Full names of every topic of an instance, `persistent://tenant/namespace/name`."""

    events: str
    """The live one: where capture publishes in this instance (routed, or raw with the NAR 3.1.2)."""
    routed: str
    raw: str
    commands: str
    dead_letter: str
    retry: str
    offsets: str
    schema_history: str
    naive: str
    """Where the naive writer of the dual-write scenario publishes."""

    def carrying_events(self) -> tuple[str, ...]:
        """The live topic first. The other one is read too: after a change of the connector it is drained, then silent."""
        return (self.events, self.raw if self.events == self.routed else self.routed)

    def observed(self) -> tuple[str, ...]:
        """Topics the observer records: events, dead letters, requeued events, commands, the naive writer's."""
        return (*self.carrying_events(), self.dead_letter, self.retry, self.commands, self.naive)
