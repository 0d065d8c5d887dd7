"""The audit file is damaged in every way and rebuilt from the notifications."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from db import contents, notification_queries
from domain.message import Message
from scenarios import audit_lines
from scenarios.audit_lines import AuditLine
from scenarios.model import Scenario
from scenarios.sources import holds_for_all
from scenarios.trial import Trial

REBUILT_WITHIN_S = 10.0
AMOUNT = re.compile(rb'"amount":"([0-9.]+)"')
WRITTEN_PER_S = 5000
"""Lines that a slow machine rewrites in a second; the deadline grows with the number of lines."""


def experiment(trial: Trial) -> None:
    path = trial.settings.audit_file
    with trial.load() as load:
        trial.wait_until_notified(load.event_ids)
        for damaged, damage in (
            (Message("injected.file_cut", file=path.name), cut_file),
            (Message("injected.file_changed", file=path.name), _change_amount),
            (Message("injected.file_deleted", file=path.name), _delete_file),
        ):
            trial.wait(
                lambda: _file_equals_notifications(trial, load.event_ids & trial.notified()),
                _rebuild_deadline_s(trial),
                Message("awaited.audit_file"),
                0.2,
            )
            notified_ids = load.event_ids & trial.notified()
            damaged_bytes: list[int] = []
            with trial.injected("audit", Message("fault.file"), partial(_record_damage, damaged_bytes, damage, path)):
                trial.say("fault", damaged)
                trial.confirm(Message("confirm.file_damaged"), partial(_is_damaged, damaged_bytes))
            goal = Message("awaited.file_rebuilt", damage=damaged)
            file_is_rebuilt = partial(_file_equals_notifications, trial, notified_ids)
            trial.wait(file_is_rebuilt, _rebuild_deadline_s(trial), goal, 0.2)
            trial.say("recovered", Message("run.file_rebuilt"))
        is_replaced = trial.replacement_check("audit")
        trial.crash("audit", "audit.half_appended")
        trial.wait(is_replaced, 20, Message("awaited.audit_worker"))
        load.wait_for_more(30)
    trial.wait_until_notified(trial.acknowledged)
    trial.wait(
        lambda: _file_equals_notifications(trial, trial.acknowledged),
        _rebuild_deadline_s(trial),
        Message("awaited.audit_complete"),
        0.2,
    )


def _rebuild_deadline_s(trial: Trial) -> float:
    """Return the deadline for rebuilding the file, in seconds. It has a line for every notification there ever was."""
    with trial.application.reading() as connection:
        return REBUILT_WITHIN_S + notification_queries.count_notifications(connection) / WRITTEN_PER_S


def _record_damage(damaged_bytes: list[int], damage: Callable[[Path], int], path: Path) -> None:
    damaged_bytes.append(damage(path))


def _is_damaged(damaged_bytes: list[int]) -> bool:
    return damaged_bytes[-1] > 0


def cut_file(path: Path) -> int:
    """Truncate the file and return the number of removed bytes."""
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        os.ftruncate(file.fileno(), size * 2 // 3)
        return size - os.fstat(file.fileno()).st_size


def _change_amount(path: Path) -> int:
    """Change the newest amount and return the number of changed bytes."""
    with path.open("r+b") as file:
        text = file.read()
        amount_match = AMOUNT.search(text, max(0, text.rfind(b'"amount":"')))
        if amount_match is None:
            return 0
        old_amount = amount_match[1]
        new_amount = bytes(ord("9") - digit + ord("0") if digit in b"0123456789" else digit for digit in old_amount)
        file.seek(amount_match.start(1))
        file.write(new_amount)
        return sum(old != new for old, new in zip(old_amount, new_amount, strict=True))


def _delete_file(path: Path) -> int:
    """Delete the file and return the number of bytes that have no name any more."""
    with path.open("rb") as file:
        path.unlink()
        file_status = os.fstat(file.fileno())
        return file_status.st_size if file_status.st_nlink == 0 else 0


def _file_equals_notifications(trial: Trial, event_ids: set[str]) -> bool:
    """Return whether the file has the exact line of each of these events' notifications; False for no events."""
    lines = {
        line.contents.event_id: line
        for line in audit_lines.read(trial.settings.audit_file, trial.run_id)
        if isinstance(line, AuditLine)
    }
    with trial.application.reading() as connection:
        rows = {row.contents.event_id: row for row in contents.read_notified(connection, trial.run_id)}
    return holds_for_all(
        event_ids, lambda event_id: event_id in lines and event_id in rows and lines[event_id].is_of(rows[event_id])
    )


SCENARIO = Scenario(
    name="audit",
    quality="Audit",
    hypothesis="Any damage of the audit file is repaired from the notifications.",
    breaks="The file is truncated, changed in place, deleted, and its writer dies by SIGKILL half way through an append.",
    experiment=experiment,
    attribute="auditability",
    takes_s=12,
)
