"""`python -m tests.operations.cut_short WHAT POINT [FILE]`: reset, restore or lose the offsets, and die by SIGKILL at a point."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from settings import load
from stacks import backup, lost_offsets, reset

POINTS = {
    "while it waits": ("stacks.reset", "_drained", "before"),
    "before the tables change": ("stacks.reset", "_decide", "before"),
    "in the transaction": ("stacks.recovery", "mark", "after"),
    "after the transaction": ("stacks.recovery", "complete", "before"),
    "with the topics gone": ("stacks.recovery", "_observe", "before"),
    "before the parts go on": ("stacks.operation", "finish", "before"),
    "with the offsets gone": ("stacks.operation", "finish", "before"),
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(module: str, name: str, when: str) -> None:
    found = importlib.import_module(module)
    original: Callable[..., Any] = getattr(found, name)

    def replaced(*arguments: Any, **named: Any) -> Any:
        if when == "before":
            die()
        original(*arguments, **named)
        die()

    setattr(found, name, replaced)


def main(what: str, point: str, file: str = "") -> None:
    if point:
        dying(*POINTS[point])
    settings = load()
    match what:
        case "reset":
            reset.reset(settings, print)
        case "restore":
            backup.restore(settings, Path(file), print)
        case _:
            lost_offsets.lose(settings)


if __name__ == "__main__":
    main(*sys.argv[1:])
