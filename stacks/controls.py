"""Choose the control of an instance."""

from __future__ import annotations

from settings import Settings
from stacks.compose.docker import Docker
from stacks.control import Control
from stacks.supervisor import Supervisor


def control(settings: Settings) -> Control:
    """Return Docker's control for the compose stack, else supervisord's. It does not connect yet."""
    return Docker(settings) if settings.stack == "compose" else Supervisor(settings)
