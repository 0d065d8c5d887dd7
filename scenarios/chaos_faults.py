"""The faults of chaos. Each is a context manager: entering injects and confirms the fault, leaving ends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial

from application.components import select_names, worker_names
from db import notification_queries
from domain.message import Message
from scenarios.catalogue.audit import cut_file
from scenarios.catalogue.kill_worker import kill_while_retrying
from scenarios.trial import Trial
from stacks import lost_offsets
from stacks.controls import control

OFF_THE_PATH = ("observer", "audit", "commands", "api")
"""Components without which events still go from commit to notification."""
SLOW_MS = 300.0
COMMAND_POINTS = ("command.state_written", "command.outbox_written", "command.committed")
RETURNS_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Fault:
    inject: Callable[[Trial, float], AbstractContextManager[None]]
    """The number: seconds that a killed component stays down."""
    partners: frozenset[str] = field(default_factory=frozenset)
    """Components that may be killed while it lasts, so that both can still be confirmed."""


def faults_of(trial: Trial) -> dict[str, Fault]:
    """Return the faults of this instance by name."""
    settings = trial.settings
    running = {state.name for state in control(settings).states()}
    killed = [
        name for name in select_names(settings, lambda component: component.is_killed_by_chaos) if name in running
    ]
    beside = frozenset(name for name in killed if name in OFF_THE_PATH)
    faults = {f"kill-{name}": Fault(partial(_kill, name), frozenset(killed) - {name}) for name in killed}
    for worker in worker_names(settings):
        faults[f"crash-{worker}"] = Fault(partial(_crash, worker, "notifications.committed"), beside)
    faults["slow-workers"] = Fault(_slow, beside)
    faults["crash-retrying"] = Fault(_crash_retrying, beside)
    for name in {"api", "commands"} & running:
        for point in COMMAND_POINTS:
            faults[f"crash-{name}-{point.partition('.')[2]}"] = Fault(
                partial(_crash, name, point), beside - {name, "api", "commands"}
            )
    faults["crash-audit"] = Fault(partial(_crash, "audit", "audit.half_appended"), beside - {"audit"})
    faults["cut-audit-file"] = Fault(_cut_audit_file, beside - {"audit"})
    faults["restart-capture"] = Fault(_restart_capture, beside)
    faults["lose-offsets"] = Fault(_lose_offsets)
    return faults


def partners(faults: dict[str, Fault]) -> dict[str, frozenset[str]]:
    """Return the name of each fault → the names of those that may be injected while it lasts."""
    return {name: frozenset(f"kill-{part}" for part in fault.partners) for name, fault in faults.items()}


@contextmanager
def _kill(part: str, trial: Trial, down_s: float) -> Iterator[None]:
    with trial.killed(part, down_s):
        yield


@contextmanager
def _crash(part: str, point: str, trial: Trial, _down_s: float) -> Iterator[None]:
    """Wait for the load to reach the point: it sends commands by every route, so every point is reached."""
    replaced = trial.replacement_check(part)
    trial.crash(part, point)
    yield
    trial.wait(replaced, RETURNS_WITHIN_S, Message("awaited.part", part=part))


@contextmanager
def _crash_retrying(trial: Trial, _down_s: float) -> Iterator[None]:
    kill_while_retrying(trial)
    yield


@contextmanager
def _slow(trial: Trial, _down_s: float) -> Iterator[None]:
    with trial.slowed(SLOW_MS):
        (event_id,) = trial.calculate().event_ids
        committed_at = time.monotonic()

        def took_long() -> bool:
            return _took_ms(trial, event_id, committed_at) >= SLOW_MS

        trial.confirm(Message("confirm.slowed", ms=SLOW_MS), took_long, 60)
        yield


def _took_ms(trial: Trial, event_id: str, committed_at: float) -> float:
    """Return the time from an event to its notification, or to now while it has none.

    A slow worker that finds many events waiting notifies them together, after all of their delays.
    """
    with trial.application.reading() as connection:
        row = notification_queries.times_of(connection, event_id)
    return (time.monotonic() - committed_at) * 1000 if row is None else (row[1] - row[0]) / 1000


@contextmanager
def _cut_audit_file(trial: Trial, _down_s: float) -> Iterator[None]:
    removed: list[int] = []
    path = trial.settings.audit_file
    trial.wait(lambda: path.exists() and path.stat().st_size > 0, RETURNS_WITHIN_S, Message("awaited.audit_file"))
    with trial.injected("audit", Message("fault.file"), lambda: removed.append(cut_file(path))):
        trial.confirm(Message("confirm.file_damaged"), lambda: removed[-1] > 0)
        yield


@contextmanager
def _restart_capture(trial: Trial, _down_s: float) -> Iterator[None]:
    replaced = trial.replacement_check(trial.capture_part)
    with trial.restarted(trial.capture_part):
        trial.confirm(Message("confirm.capture_new"), replaced, 30)
        yield


@contextmanager
def _lose_offsets(trial: Trial, _down_s: float) -> Iterator[None]:
    first_event = trial.first_committed()
    trial.wait(lambda: trial.times_published(first_event) > 0, 30, Message("awaited.first_published"))
    times_before = trial.times_published(first_event)
    with trial.injected(trial.capture_part, Message("fault.offsets"), lambda: lost_offsets.lose(trial.settings)):
        trial.say("fault", Message("injected.offsets"))
        trial.confirm(
            Message("confirm.outbox_read_again"),
            lambda: trial.times_published(first_event) > times_before,
            trial.full_replay_deadline_s(),
        )
        yield
