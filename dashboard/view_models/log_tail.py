"""Read the end of a log without reading the whole file, with the level of each line."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Level = Literal["error", "warning", "other"]

MOST_BYTES = 512 * 1024
MOST_CHARACTERS = 2_000
"""Of one line; the rest of a longer one is cut."""
_LEVELS: tuple[tuple[Level, re.Pattern[str]], ...] = (
    ("error", re.compile(r"\b(ERROR|CRITICAL|FATAL|PANIC)\b|^Traceback|^\w*(Error|Exception):")),
    ("warning", re.compile(r"\b(WARN|WARNING|Warning)\b")),
    ("other", re.compile(r"\b(INFO|DEBUG|TRACE|NOTICE|System|Note)\b")),
)
_BEGINS = re.compile(r"\d{4}-\d\d-\d\d|\{")
"""A line that begins otherwise continues the one before, such as the lines of a traceback."""


@dataclass(frozen=True, slots=True)
class LogLine:
    level: Level
    text: str


def read_lines(folder: Path, name: str | None) -> tuple[LogLine, ...]:
    """Return the last lines of the named log, of at most `MOST_BYTES`; none if `logs` does not list the name.

    The name comes from a browser, which may send any text.
    """
    if name not in logs(folder):
        return ()
    try:
        with (folder / f"{name}.log").open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - MOST_BYTES))
            last = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ()
    if size > MOST_BYTES:
        last = last[1:]  # the first line may be cut
    return tuple(_with_levels(last))


def choose(lines: Sequence[LogLine], levels: Sequence[Level], search: str, most: int) -> list[LogLine]:
    """Return the last `most` lines of these levels that contain the text, in any case of letters."""
    wanted = search.casefold()
    return [line for line in lines if line.level in levels and wanted in line.text.casefold()][-most:]


def _with_levels(texts: Sequence[str]) -> list[LogLine]:
    lines: list[LogLine] = []
    for text in texts:
        level = next((level for level, pattern in _LEVELS if pattern.search(text)), None)
        if level is None:
            level = lines[-1].level if lines and not _BEGINS.match(text) else "other"
        lines.append(LogLine(level, text[:MOST_CHARACTERS]))
    return lines


def sizes(folder: Path) -> tuple[int, ...]:
    """Return the sizes of all logs in bytes; the tuple changes when a log grows."""
    return tuple(path.stat().st_size for path in sorted(folder.glob("*.log")))


def logs(folder: Path) -> list[str]:
    """Return the names of the components that have a log."""
    return sorted(path.stem for path in folder.glob("*.log"))
