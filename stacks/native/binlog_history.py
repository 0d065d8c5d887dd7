"""Notice that the binlog of a server of ours went back: its data directory was replaced by an older one.

The server keeps its id then. Once it has written more, the capture's position exists again and means something else: Debezium reads
on there without an error, and what was written before is never published.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from db.engine import READ
from db.errors import DatabaseUnavailable, translated
from settings import Settings, files
from stacks.native.binlog_reader import connect_as_debezium

log = logging.getLogger(__name__)

ROUNDED_S = 2
"""A server counts its time in whole seconds, and two statements may see different ones."""


@dataclass(frozen=True, slots=True)
class BinlogEnd:
    """The end of the binlog, as it was seen last."""

    file: str
    size: int
    """Of that file, in bytes."""
    started_at: int = 0
    """When the server started, in seconds since the epoch, by its own clock."""
    has_gone_back: bool = False
    """Whether a server answered since whose binlog ended before. It stays so until `forget`."""

    def can_follow(self, earlier: BinlogEnd) -> bool:
        """Return whether the binlog that ended at `earlier` may end here now. Each start of a server begins another file."""
        is_restarted = abs(self.started_at - earlier.started_at) > ROUNDED_S
        least_file = _number(earlier.file) + is_restarted
        return (_number(self.file), self.size) >= (least_file, 0 if is_restarted else earlier.size)


class BinlogWatch:
    """Compares the end of the binlog with the one seen before, which outlives the process. Use it in one thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: Engine | None = None

    def look(self) -> None:
        """Ask the server, and remember. Does nothing while it does not answer. Raises OSError."""
        end = self._read_end()
        if end is None:
            return
        earlier = read(self._settings)
        if earlier is None or not earlier.has_gone_back:
            has_gone_back = earlier is not None and not end.can_follow(earlier)
            if has_gone_back:
                log.error("the binlog ends at %s, and ended at %s", end, earlier)
            if has_gone_back or earlier is None or (end.file, end.size) != (earlier.file, earlier.size):
                _write(self._settings, replace(end, has_gone_back=has_gone_back))

    def _read_end(self) -> BinlogEnd | None:
        """Return the end of the last binlog file. Only Debezium's user of our own servers is sure to be allowed to ask."""
        if self._engine is None and self._settings.facts.servers_are_ours:
            self._engine = connect_as_debezium(self._settings)
        if self._engine is None:
            return None
        try:
            with translated(), self._engine.connect().execution_options(**READ) as connection:
                # `SHOW MASTER STATUS` has another name since MySQL 8.4; this has one name in all versions.
                file, size = connection.exec_driver_sql("SHOW BINARY LOGS").all()[-1][:2]
                uptime_s = connection.exec_driver_sql("SHOW GLOBAL STATUS LIKE 'Uptime'").all()[0][1]
                now = connection.exec_driver_sql("SELECT UNIX_TIMESTAMP()").scalar_one()
        except (DatabaseUnavailable, DBAPIError, IndexError):
            return None
        return BinlogEnd(str(file), int(size), int(now) - int(uptime_s))


def path(settings: Settings) -> Path:
    return settings.run / "source.binlog"


def read(settings: Settings) -> BinlogEnd | None:
    """Return the end that was seen last, or None when nothing is known."""
    try:
        values: Any = json.loads(path(settings).read_text(encoding="utf-8"))
        return BinlogEnd(**values)
    except (OSError, ValueError, TypeError):
        return None


def has_gone_back(settings: Settings) -> bool:
    end = read(settings)
    return end is not None and end.has_gone_back


def forget(settings: Settings) -> None:
    """Forget the end: the capture begins anew, or somebody emptied the binlog on purpose. Raises OSError."""
    path(settings).unlink(missing_ok=True)


def _write(settings: Settings, end: BinlogEnd) -> None:
    files.write(path(settings), asdict(end))


def _number(file: str) -> int:
    """Return the number of a binlog file, which is behind its last dot; 0 where there is none."""
    digits = file.rpartition(".")[2]
    return int(digits) if digits.isdecimal() else 0
