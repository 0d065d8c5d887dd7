"""The end of a log: read backwards, never the whole file."""

from __future__ import annotations

import os
from pathlib import Path

MOST_BYTES = 64 * 1024


def tail(folder: Path, name: str | None, lines: int) -> str:
    """The last lines, at most `MOST_BYTES` of them, of the log of that name; empty where `logs` lists none such.

    The name comes from a browser, which may send any text.
    """
    if name not in logs(folder):
        return ""
    try:
        with (folder / f"{name}.log").open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - MOST_BYTES))
            found = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    if size > MOST_BYTES:
        found = found[1:]  # the first may be cut
    return "\n".join(found[-lines:])


def sizes(folder: Path) -> tuple[int, ...]:
    """Of all logs, in bytes: another tuple as soon as something was added to one."""
    return tuple(path.stat().st_size for path in sorted(folder.glob("*.log")))


def logs(folder: Path) -> list[str]:
    """The parts that keep a log, by name."""
    return sorted(path.stem for path in folder.glob("*.log"))
