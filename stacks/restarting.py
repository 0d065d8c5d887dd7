"""Restart any component: the source by a request to the broker, all others as processes."""

from __future__ import annotations

from application.components import find_component
from application.permissions import Action
from settings import Settings
from stacks import faults, source_control


def get_permission(part: str) -> Action:
    """Return the permission that the restart of a component needs."""
    return Action.CONTROL_SOURCE if find_component(part).is_connector else Action.RESTART_PARTS


def restart_component(settings: Settings, part: str) -> None:
    """Restart a component. Raises what `stacks.source_control.run_action` and `stacks.faults.restart` raise."""
    if find_component(part).is_connector:
        source_control.run_action(settings, "restart")
    else:
        faults.restart(settings, part)
