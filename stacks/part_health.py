"""Judge one component: its light and a message for people; a worker is judged by its heartbeat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import psutil

from domain.message import Message
from settings import Settings
from workers.heartbeat import read_heartbeat

CLOCKS_DIFFER_S = 2.0
"""Seconds. A process reads its clock, and writes its heartbeat some hundredths of a second later."""
STALE_S = 4.0
"""A worker without a heartbeat for this long is not healthy."""

Light = Literal["ok", "behind", "down"]
LATE = "health.late"
"""Code of the message that events wait for a component."""
LEFT_OUT = "health.left_out"
"""Code of the message that the capture has left out a row, and reads on."""


@dataclass(frozen=True, slots=True)
class PartHealth:
    part: str
    light: Light
    message: Message

    @property
    def works(self) -> bool:
        """Whether it does all that it can do now; an event that waits for it may be one that was lost long ago."""
        return self.light == "ok" or self.message.code in (LATE, LEFT_OUT, "health.behind")

    @property
    def detail(self) -> str:
        """The message in English."""
        return str(self.message)


def check_worker(settings: Settings, part: str) -> PartHealth:
    """Return the health of a process of ours by its heartbeat."""
    heartbeat = read_heartbeat(settings, part)
    if heartbeat is None:
        return PartHealth(part, "down", Message("health.not_started"))
    # While a broker starts, one attempt to connect may take longer than STALE_S. The worker's last heartbeat said that it
    # has no connection, so a live process is waiting.
    is_waiting = not heartbeat.connected and psutil.pid_exists(heartbeat.pid)
    if heartbeat.age_s > STALE_S and not is_waiting:
        return PartHealth(part, "down", Message("health.silent", s=round(heartbeat.age_s)))
    if not heartbeat.connected:
        return PartHealth(part, "behind", Message("health.waits"))
    if abs(heartbeat.clock_ahead_s) > CLOCKS_DIFFER_S:
        return PartHealth(part, "behind", Message("health.clock", s=round(heartbeat.clock_ahead_s)))
    return PartHealth(part, "ok", Message("health.at_work"))
