"""The audit file is damaged in every way and is equal to the notifications again."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from db import contents, notification_queries
from scenarios import audit_lines
from scenarios.audit_lines import AuditLine
from scenarios.model import Scenario
from scenarios.sources import every
from scenarios.trial import Trial

WITHIN_S = 10.0
AMOUNT = re.compile(rb'"amount":"([0-9.]+)"')
WRITTEN_PER_S = 5000
"""Lines that a slow machine writes again in a second: what the wait grows by where there are many."""


def experiment(trial: Trial) -> None:
    path = trial.settings.audit_file
    with trial.load() as load:
        trial.arrived(load.event_ids)
        for what, damage in (
            ("is cut in the middle of a line", _cut),
            ("has another amount in a line", _forged),
            ("is deleted", _deleted),
        ):
            trial.wait(
                lambda: _equal(trial, load.event_ids & trial.notified()),
                _within_s(trial),
                "there is an audit file",
                0.2,
            )
            known = load.event_ids & trial.notified()
            damaged: list[int] = []
            with trial.injected("audit", "file damaged", partial(_note, damaged, damage, path)):
                trial.say("fault", f"{path.name} {what}")
                trial.confirm("bytes of the audit file are gone or changed", lambda each=damaged: each[-1] > 0)  # type: ignore[misc]
            whole = f"the file that {what} is whole again"
            trial.wait(lambda ids=known: _equal(trial, ids), _within_s(trial), whole, 0.2)  # type: ignore[misc]
            trial.say("recovered", "it holds every notification again")
        back = trial.another_instance("audit")
        trial.crash("audit", "audit.half_appended")
        trial.wait(back, 20, "the audit process is back")
        load.grows(30)
    trial.arrived(trial.acknowledged)
    trial.wait(lambda: _equal(trial, trial.acknowledged), _within_s(trial), "the audit file holds every event", 0.2)


def _within_s(trial: Trial) -> float:
    """How long the file may take to be whole again: it has a line for everything there ever was."""
    with trial.application.reading() as connection:
        return WITHIN_S + notification_queries.count_notifications(connection) / WRITTEN_PER_S


def _note(damaged: list[int], damage: Callable[[Path], int], path: Path) -> None:
    damaged.append(damage(path))


def _cut(path: Path) -> int:
    """Bytes that are gone."""
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        os.ftruncate(file.fileno(), size * 2 // 3)
        return size - os.fstat(file.fileno()).st_size


def _forged(path: Path) -> int:
    """Bytes of the newest amount that are others than before."""
    with path.open("r+b") as file:
        text = file.read()
        found = AMOUNT.search(text, max(0, text.rfind(b'"amount":"')))
        if found is None:
            return 0
        before = found[1]
        after = bytes(ord("9") - digit + ord("0") if digit in b"0123456789" else digit for digit in before)
        file.seek(found.start(1))
        file.write(after)
        return sum(old != new for old, new in zip(before, after, strict=True))


def _deleted(path: Path) -> int:
    """Bytes of the file that no name leads to any more."""
    with path.open("rb") as file:
        path.unlink()
        found = os.fstat(file.fileno())
        return found.st_size if found.st_nlink == 0 else 0


def _equal(trial: Trial, event_ids: set[str]) -> bool:
    """Whether the file has the line of each of these events' notifications, word for word; False for no events."""
    lines = {
        line.contents.event_id: line
        for line in audit_lines.read(trial.settings.audit_file, trial.run_id)
        if isinstance(line, AuditLine)
    }
    with trial.application.reading() as connection:
        rows = {row.contents.event_id: row for row in contents.notified(connection, trial.run_id)}
    return every(
        event_ids, lambda event_id: event_id in lines and event_id in rows and lines[event_id].is_of(rows[event_id])
    )


SCENARIO = Scenario(
    name="audit",
    quality="Audit",
    hypothesis="However the audit file is damaged, it is rebuilt equal to the notifications.",
    breaks="The file is truncated, changed in place, deleted, and its writer dies by SIGKILL half way through an append.",
    experiment=experiment,
    takes_s=12,
)
