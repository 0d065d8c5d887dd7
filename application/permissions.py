"""Decide what may be done to an instance, and by whom. Page, API and command line all ask here.

The functions that act call `require` themselves, so that no other way to call them avoids the check. The watcher, the healers
and the supervisor, which keep an instance healthy, need no permission.
"""

from __future__ import annotations

from enum import StrEnum

from domain.errors import ExpectedError
from settings import Settings


class Action(StrEnum):
    """Everything that changes an instance or its data. Reading is no action."""

    ISSUE_COMMANDS = "issue commands"
    KILL_PARTS = "kill a component, or let one that is held down start"
    RESTART_PARTS = "restart a component"
    INJECT_FAULTS = "slow a component down or make it fail"
    RUN_SCENARIOS = "run or stop a scenario"
    FUZZ = "send hostile inputs"
    CONTROL_SOURCE = "stop, start or delete the source"
    PROVISION = "create the source"
    """Or bring it to its committed configuration, as every start does."""
    REQUEUE = "requeue dead letters"
    REPLAY = "replay the events"
    REPAIR = "publish missing events again"
    PRUNE = "prune the outbox"
    RESET = "reset the data"
    RESTORE = "restore a back-up"


class Caller(StrEnum):
    OWNER = "owner"
    """The operating system's user whose instance it is, at the command line or in a notebook."""
    API = "api"
    """Commands need the API's token where there is one; the control endpoints always need theirs."""
    PAGE = "page"
    """A visitor of the page: with a login, an account that was admitted; without one, everyone who reaches the page."""


BREAKING = frozenset(
    {
        Action.KILL_PARTS,
        Action.RESTART_PARTS,
        Action.INJECT_FAULTS,
        Action.RUN_SCENARIOS,
        Action.FUZZ,
        Action.RESET,
        Action.RESTORE,
    }
)
"""Actions that are allowed only on demo stacks, which started their own components and created their own data."""


class Forbidden(ExpectedError):
    """The action is not allowed here; `str(error)` says why, and what would allow it."""


def refusal(settings: Settings, action: Action, caller: Caller = Caller.OWNER) -> str | None:
    """Return a sentence on why an action is not allowed, None when it is allowed."""
    if settings.read_only and (action, caller) != (Action.PROVISION, Caller.OWNER):
        return _read_only(action, caller)
    if settings.demo:
        return None
    if action in BREAKING:
        return f"nobody may {action} on this stack: it is no demo, so its components and data are left unchanged"
    if caller is Caller.PAGE and not settings.oidc_metadata_url:
        return (
            f"a page without a login lets nobody {action} on a stack that is not a demo: ALPES_OIDC_METADATA_URL"
            " configures a login"
        )
    return None


def _read_only(action: Action, caller: Caller) -> str:
    if action is Action.ISSUE_COMMANDS:
        reason = "this instance is shown read-only; it takes no commands"
    else:
        reason = f"this instance is shown read-only; nobody may {action}"
    return (
        reason if caller is not Caller.OWNER else f"{reason}. Its owner may, for once: ALPES_READ_ONLY=false ./alpes …"
    )


def is_allowed(settings: Settings, action: Action, caller: Caller = Caller.OWNER) -> bool:
    return refusal(settings, action, caller) is None


def require(settings: Settings, action: Action, caller: Caller = Caller.OWNER) -> None:
    """Raise Forbidden unless the action is allowed."""
    reason = refusal(settings, action, caller)
    if reason is not None:
        raise Forbidden(reason)
