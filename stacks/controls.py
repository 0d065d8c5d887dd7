"""Which control an instance has."""

from __future__ import annotations

from settings import Settings
from stacks.compose.docker import Docker
from stacks.control import Control
from stacks.supervisor import Supervisor


def control(settings: Settings) -> Control:
    """`supervisord` for the stacks on this machine, Docker for compose; nothing is connected yet."""
    return Docker(settings) if settings.stack == "compose" else Supervisor(settings)
