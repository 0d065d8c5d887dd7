"""Read the end of a log without reading the whole file."""

from __future__ import annotations

import os
from pathlib import Path

MOST_BYTES = 64 * 1024


def tail(folder: Path, name: str | None, lines: int) -> str:
    """Return the last lines of the named log, at most `MOST_BYTES`; empty if `logs` does not list the name.

    The name comes from a browser, which may send any text.
    """
    if name not in logs(folder):
        return ""
    try:
        with (folder / f"{name}.log").open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - MOST_BYTES))
            last = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    if size > MOST_BYTES:
        last = last[1:]  # the first line may be cut
    return "\n".join(last[-lines:])


def sizes(folder: Path) -> tuple[int, ...]:
    """Return the sizes of all logs in bytes; the tuple changes when a log grows."""
    return tuple(path.stat().st_size for path in sorted(folder.glob("*.log")))


def logs(folder: Path) -> list[str]:
    """Return the names of the components that have a log."""
    return sorted(path.stem for path in folder.glob("*.log"))
