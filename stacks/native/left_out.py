"""Remember the row that Debezium Server left out, because the broker refused its message, until no row is missing any more.

It writes a line in its log, goes on with the next row, and moves its position past it. So the row is missing, also after a
restart, until `./alpes repair` publishes it. The watcher writes what it finds to the run folder; status, page and command line
read it there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from db import missing, queries
from db.engine import READ
from db.errors import DatabaseUnavailable, translated
from domain.message import Message
from settings import Settings, files
from stacks.lag import select_unpublished
from stacks.native import server_log
from stacks.native.diagnosis import UNKNOWN, Cause, find_cause

LINE = "Failed to send record to "
"""In the line of a message that the broker refused."""
TIME_CHARACTERS = 23
"""Of the local time at the beginning of a line: 2026-11-27 13:23:39.823."""
LOOK_EVERY_S = 10.0
"""Between two questions whether a row is missing, which read the whole outbox."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The last message that was left out."""

    at: str
    """Local time, as the log has it; later ones are greater."""
    error: str
    """In one line."""
    is_published: bool = False
    """Whether no row has been missing since."""

    @property
    def cause(self) -> Cause:
        return find_cause(self.error)

    def describe(self) -> Message:
        """Return since when a row is missing, and why."""
        why = self.error if self.cause is UNKNOWN else self.cause.sentence
        return Message("health.left_out", at=self.at.partition(".")[0], why=why)

    def describe_cure(self) -> Message:
        return Message("advice.left_out") if self.cause is UNKNOWN else self.cause.advice


def find_last(path: Path) -> LeftOut | None:
    """Return the last message that the end of a log says was left out."""
    for line in reversed(server_log.read_end(path).splitlines()):
        if LINE in line and _is_time(line[:TIME_CHARACTERS]):
            return LeftOut(line[:TIME_CHARACTERS], server_log.shorten(line[line.index(LINE) :]))
    return None


def read(settings: Settings) -> LeftOut | None:
    """Return the last message that was left out; None when there was none, or no row has been missing since."""
    record = _read_record(settings)
    return None if record is None or record.is_published else record


class LeftOutWatch:
    """Writes the record, for the watcher."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._ask_at = 0.0

    def step(self, now: float) -> None:
        """Look once; `now` is a monotonic time in seconds. Raises OSError."""
        record = _read_record(self._settings)
        newest = find_last(server_log.log_file(self._settings))
        if newest is not None and (record is None or newest.at > record.at):
            record = newest
            self._write(record)
        if record is None or record.is_published or now < self._ask_at:
            return
        self._ask_at = now + LOOK_EVERY_S
        if self._has_published_everything():
            self._write(replace(record, is_published=True))

    def _write(self, record: LeftOut) -> None:
        files.write(_record_file(self._settings), asdict(record))

    def _has_published_everything(self) -> bool:
        try:
            with translated(), self._engine.connect().execution_options(**READ) as connection:
                ids = missing.find_missing(connection, queries.outbox_head(connection))
        except DatabaseUnavailable:
            return False
        return not select_unpublished(self._settings, ids.values())


def _record_file(settings: Settings) -> Path:
    return settings.run / "debezium.left_out"


def _read_record(settings: Settings) -> LeftOut | None:
    try:
        return LeftOut(**json.loads(_record_file(settings).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
