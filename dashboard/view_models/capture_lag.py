"""Give the capture the same lag in the header, the diagram and the cards: that of the counts that they show.

A health check alone counts what was committed a moment ago, so under ordinary load its light would flicker.
"""

from __future__ import annotations

from dashboard.view_models.snapshot import LAGS
from domain.message import Message
from settings.stack_facts import CaptureFacts
from stacks.part_health import Light, PartHealth

HEALTHY = ("health.at_work", "health.source_reads")


def agree(parts: tuple[PartHealth, ...], capture: CaptureFacts, uncaptured: int | None) -> tuple[PartHealth, ...]:
    """Return the components; the capture's lag is `uncaptured`, unless that is None or something else is wrong."""
    if uncaptured is None:
        return parts
    return tuple(_with_lag(part, capture, uncaptured) if part.part == capture.component else part for part in parts)


def _with_lag(part: PartHealth, capture: CaptureFacts, uncaptured: int) -> PartHealth:
    message = part.message
    parked = message.params.get("parked") if message.code == "health.with_parked" else None
    if parked is not None and isinstance(inner := message.params.get("health"), Message):
        message = inner
    if message.code not in (*LAGS, *HEALTHY):
        return part
    light: Light = "behind" if uncaptured else "ok"
    if uncaptured:
        message = Message("health.behind", n=uncaptured)
    elif capture.has_heartbeat:
        message = Message("health.at_work")
    else:
        message = Message("health.source_reads")
    if parked is not None:
        message = Message("health.with_parked", health=message, parked=parked)
    return PartHealth(part.part, light, message)
