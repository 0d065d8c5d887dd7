"""Choose the control of an instance."""

from __future__ import annotations

from settings import Settings
from stacks.compose.docker import Docker
from stacks.control import Control
from stacks.supervisor import Supervisor


def control(settings: Settings) -> Control:
    """Return Docker's control for containers, else supervisord's. It does not connect yet."""
    return Docker(settings) if settings.facts.in_containers else Supervisor(settings)
