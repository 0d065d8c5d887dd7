"""Remember what was done against the source's present trouble, and choose what to do next.

The watcher writes it to the run folder; status, page and command line read it, because a source that fails at each start says
in between that it runs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from connectors.admin import SourceStatus
from domain.message import Message
from settings import Settings, files
from stacks.native import intent
from stacks.native.diagnosis import BY_CODE, UNCERTAIN, UNKNOWN, Cause, Cure, describe_error, find_cause

MOST_RESTARTS = 3
"""For the same cause without progress."""
RESTARTS_BEFORE_SNAPSHOT = 2
"""Where the cause is not certain."""

Step = Literal["restart", "resnapshot", "leave"]


@dataclass(frozen=True, slots=True)
class Healing:
    """Everything since the source last made progress."""

    cause_code: str
    error: str
    """In one line; empty where the source names none."""
    restarts: dict[str, int] = field(default_factory=dict)
    """Number of restarts by cause."""
    resnapshots: int = 0
    is_left: bool = False
    """Whether the watcher has done what it can, and leaves the source to its user."""

    @property
    def cause(self) -> Cause:
        return BY_CODE.get(self.cause_code, UNKNOWN)

    def choose_step(self) -> Step:
        """Return what to do next: at most `MOST_RESTARTS` restarts for each cause and one new snapshot for all of them."""
        restarts = self.restarts.get(self.cause_code, 0)
        if self.cause.cure is Cure.RESNAPSHOT:
            return "leave" if self.resnapshots else "resnapshot"
        if self.cause not in UNCERTAIN:
            return "restart" if restarts < MOST_RESTARTS else "leave"
        if restarts < RESTARTS_BEFORE_SNAPSHOT:
            return "restart"
        return "leave" if self.resnapshots else "resnapshot"

    def after(self, step: Step) -> Healing:
        """Return the record after a step was taken."""
        if step == "leave":
            return replace(self, is_left=True)
        if step == "resnapshot":
            return replace(self, resnapshots=self.resnapshots + 1)
        count = self.restarts.get(self.cause_code, 0) + 1
        return replace(self, restarts=self.restarts | {self.cause_code: count})

    def of(self, cause: Cause, error: str) -> Healing:
        """Return the record with what is wrong now; a cause that is new to it was not left yet."""
        is_left = self.is_left and self.cause_code == cause.code
        return replace(self, cause_code=cause.code, error=error, is_left=is_left)

    def describe(self) -> Message:
        """Return the cause, and what the watcher or the user does against it."""
        return Message("health.source_ill", cause=self.cause.sentence, cure=self._describe_cure())

    def _describe_cure(self) -> Message:
        if self.is_left:
            return Message("cure.left", advice=self.cause.advice)
        if self.cause.cure is Cure.BY_HAND:
            return Message("cure.none", advice=self.cause.advice)
        if self.resnapshots or self.choose_step() == "resnapshot":
            return Message("cure.resnapshot")
        return Message("cure.restart")


def path(settings: Settings) -> Path:
    return settings.run / "source.healing"


def write(settings: Settings, healing: Healing) -> None:
    """Raises OSError."""
    files.write(path(settings), asdict(healing))


def read(settings: Settings) -> Healing | None:
    """Return the record, or None when nothing is wrong."""
    try:
        values: Any = json.loads(path(settings).read_text(encoding="utf-8"))
        return Healing(**values)
    except (OSError, ValueError, TypeError):
        return None


def server_path(settings: Settings) -> Path:
    return settings.run / "source.server"


def read_server(settings: Settings) -> str | None:
    """Return the id of the MySQL server whose binlog the source reads, as far as the watcher knows; None if it does not."""
    try:
        return server_path(settings).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def diagnose(settings: Settings, status: SourceStatus) -> Healing | None:
    """Return what is wrong with the source, and what was tried; None when nothing is, and when its user wants it stopped.

    A source that fails at each start says in between that it runs: then the watcher's record counts.
    """
    if intent.read(settings) != "run":
        return None
    record = read(settings)
    if status.running or not status.error:
        return record
    error = describe_error(settings, status.error)
    cause = find_cause(error)
    return (record or Healing(cause.code, error)).of(cause, error)


def forget(settings: Settings) -> None:
    """Remove the record: the source has made progress, or its user begins again."""
    path(settings).unlink(missing_ok=True)
