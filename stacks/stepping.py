"""Step mode: hold every event at the breakpoints of its path, and let one pass at a time."""

from __future__ import annotations

from application import breakpoints, leases
from application.breakpoints import NAMES, Held
from application.leases import LONGEST_S
from application.permissions import Action, require
from domain.errors import ExpectedError
from domain.message import Message
from settings import Settings
from stacks import operation

PASSED = {
    "capture": Message("step.passed_capture"),
    "delivery": Message("step.passed_delivery"),
    "acknowledgement": Message("step.passed_acknowledgement"),
}
"""Breakpoint → what changed when an event passed it."""
WAITS = {
    "capture": Message("step.waits_capture"),
    "delivery": Message("step.waits_delivery"),
    "acknowledgement": Message("step.waits_acknowledgement"),
}
"""Breakpoint → what is true of an event that waits there."""


class NotHeld(ExpectedError):
    """No event can be let pass; `str(error)` says why."""


def start(settings: Settings) -> None:
    """Set every breakpoint of this stack for `LONGEST_S` seconds. Raises Forbidden, and Busy while a scenario runs."""
    require(settings, Action.INJECT_FAULTS)
    with operation.without_scenario(settings):
        breakpoints.withdraw_permissions(settings)
        for name in breakpoints.list_names(settings):
            leases.grant(settings, name, "step", LONGEST_S)


def end(settings: Settings) -> None:
    """Let everything pass again; do nothing when step mode is off. Raises Forbidden."""
    require(settings, Action.INJECT_FAULTS)
    for name in NAMES:
        leases.release(settings, name, "step")
    breakpoints.withdraw_permissions(settings)


def find_next(settings: Settings) -> Held | None:
    """Return the breakpoint with the event that is furthest on its path; None while nothing waits."""
    return next((held for held in reversed(breakpoints.read_held(settings)) if held.count), None)


def let_pass(settings: Settings) -> Held:
    """Let the event that is furthest on its path pass one breakpoint, and return what was held there.

    The breakpoints then last anew. Raises NotHeld, or Forbidden.
    """
    require(settings, Action.INJECT_FAULTS)
    if not breakpoints.are_set(settings):
        raise NotHeld(Message("step.off"))
    held = find_next(settings)
    if held is None:
        raise NotHeld(Message("step.nothing_waits"))
    for name in breakpoints.list_names(settings):
        lease = leases.read(settings, name, "step")
        if lease is not None:
            leases.prolong(settings, lease, LONGEST_S)
    breakpoints.permit(settings, held.name, held.part)
    return held
