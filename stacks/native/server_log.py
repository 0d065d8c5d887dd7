"""Find in Debezium Server's log why it ended, or tries again and again: it writes one line for it, and the trace beside."""

from __future__ import annotations

from pathlib import Path

from settings import Settings
from settings.stack_facts import DEBEZIUM_SERVER
from stacks.native import healing
from stacks.native.diagnosis import CAUSED_BY, ENTRY, LOG_BYTES, SHOWN_CHARACTERS, UNKNOWN, Cure, find_cause
from stacks.native.healing import Healing

ENDED = "Connector completed: success = 'false', message = '"
FAILED = "Producer failure: "
"""In the line of an error after which it may try again by itself, as often as it likes."""
READS = "Connected to binlog at "
"""In the line that it writes when it reads the binlog."""


class LogFollower:
    """Reads what is added to the log from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = _measure(path)

    def skip(self) -> None:
        """Pass over what was added."""
        self._place = _measure(self._path)

    def read_failures(self) -> list[str]:
        """Return the errors with which it ended since the last call, each in one line."""
        if _measure(self._path) < self._place:  # the log was rotated
            self._place = 0
        text = _read(self._path, self._place)
        complete, newline, _rest = text.rpartition(b"\n")
        self._place += len(complete + newline)
        return find_failures(complete.decode("utf-8", "replace").splitlines())


def find_failures(lines: list[str]) -> list[str]:
    """Return the error of each end that these lines show, the most telling line of each, in their order.

    An error after which it tries again counts when no restart cures it.
    """
    failures = []
    for number, line in enumerate(lines):
        if ENDED in line:
            failures.append(_describe(lines, number))
        elif FAILED in line and find_cause(line).cure is not Cure.RESTART:
            failures.append(shorten(line.partition(FAILED)[2]))
    return failures


def read_failure(path: Path) -> str:
    """Return its last error, if it has not begun to read the binlog since; otherwise nothing."""
    since_it_read = read_end(path).rpartition(READS)[2].splitlines()
    return next(iter(find_failures(since_it_read)[::-1]), "")


def find_trouble(settings: Settings) -> Healing | None:
    """Return what the log shows that it ended with, and what the watcher has tried; None when it reads, or only starts."""
    record = healing.read(settings)
    error = read_failure(log_file(settings))
    if not error:
        return record
    cause = find_cause(error)
    return (record or Healing(cause.code, error)).of(cause, error)


def read_end(path: Path) -> str:
    """Return the end of a log; empty where there is none."""
    return _read(path, max(0, _measure(path) - LOG_BYTES)).decode("utf-8", "replace")


def log_file(settings: Settings) -> Path:
    return settings.logs / f"{DEBEZIUM_SERVER.component}.log"


def _describe(lines: list[str], start: int) -> str:
    """Return the error of the end in the line `start`. The trace of the exception stands above and below that line."""
    message = lines[start].partition(ENDED)[2].partition("', error = '")[0]
    above = next((number for number in range(start - 1, -1, -1) if ENDED in lines[number]), -1)
    below = next((number for number in range(start + 1, len(lines)) if " INFO " in lines[number]), len(lines))
    # The trace has lines of exceptions, and indented ones of places; some exceptions begin a line without "Caused by".
    causes = [line for line in lines[above + 1 : below] if line and not line[0].isspace() and not ENTRY.match(line)]
    telling = next((line for line in (message, *causes) if find_cause(line) is not UNKNOWN), message)
    return shorten(telling)


def shorten(line: str) -> str:
    return line.removeprefix(CAUSED_BY).strip()[:SHOWN_CHARACTERS]


def _measure(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _read(path: Path, place: int) -> bytes:
    try:
        with path.open("rb") as log:
            log.seek(place)
            return log.read()
    except OSError:
        return b""
