"""Name the topics of an instance."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topics:
    """The full names of all topics of an instance: `persistent://tenant/namespace/name`."""

    events: str
    """The live topic, where capture publishes in this instance: `routed`, or `raw` with connector 3.1.2."""
    routed: str
    raw: str
    commands: str
    dead_letter: str
    retry: str
    offsets: str
    schema_history: str
    heartbeat: str
    """Where the source says how far it has read, also while no outbox row is written."""
    naive: str
    """The topic of the naive writer in the dual-write scenario."""

    def carrying_events(self) -> tuple[str, ...]:
        """Return the topics of events, the live one first. After a change of the connector, the other one must be drained."""
        return (self.events, self.raw if self.events == self.routed else self.routed)

    def observed(self) -> tuple[str, ...]:
        """Return the topics that the observer records: events, dead letters, requeued events, commands, the naive writer's."""
        return (*self.carrying_events(), self.dead_letter, self.retry, self.commands, self.naive)
