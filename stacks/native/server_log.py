"""Find in Debezium Server's log why it ended: it writes one line for it, and the causes below that line."""

from __future__ import annotations

from pathlib import Path

from stacks.native.diagnosis import CAUSED_BY, ENTRY, LOG_BYTES, SHOWN_CHARACTERS, UNKNOWN, find_cause

ENDED = "Connector completed: success = 'false', message = '"
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
    """Return the error of each end that these lines show, the most telling line of each."""
    starts = [number for number, line in enumerate(lines) if ENDED in line]
    return [_describe(lines, start) for start in starts]


def read_failure(path: Path) -> str:
    """Return the error with which it ended, if it has not read the binlog since; otherwise nothing."""
    text = _read(path, max(0, _measure(path) - LOG_BYTES)).decode("utf-8", "replace")
    since_it_read = text.rpartition(READS)[2].splitlines()
    return next(iter(find_failures(since_it_read)[::-1]), "")


def _describe(lines: list[str], start: int) -> str:
    """Return the error of the end in the line `start`. The trace of the exception stands above and below that line."""
    message = lines[start].partition(ENDED)[2].partition("', error = '")[0]
    above = next((number for number in range(start - 1, -1, -1) if ENDED in lines[number]), -1)
    below = next((number for number in range(start + 1, len(lines)) if " INFO " in lines[number]), len(lines))
    # The trace has lines of exceptions, and indented ones of places; some exceptions begin a line without "Caused by".
    causes = [line for line in lines[above + 1 : below] if line and not line[0].isspace() and not ENTRY.match(line)]
    telling = next((line for line in (message, *causes) if find_cause(line) is not UNKNOWN), message)
    return telling.removeprefix(CAUSED_BY).strip()[:SHOWN_CHARACTERS]


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
