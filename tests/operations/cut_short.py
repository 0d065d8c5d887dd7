"""`python -m tests.operations.cut_short WHAT POINT [FILE]`: reset, restore, stop or lose the offsets, and die by SIGKILL."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli import operations
from settings import load
from stacks import backup, instance, lost_offsets, reset
from stacks.supervisor import Supervisor

POINTS = {
    "while it waits": ("stacks.reset", "_drained", "before"),
    "before the tables change": ("stacks.reset", "_decide", "before"),
    "in the transaction": ("stacks.recovery", "mark", "after"),
    "after the transaction": ("stacks.recovery", "complete", "before"),
    "with the topics gone": ("stacks.recovery", "_observe", "before"),
    "before the parts go on": ("stacks.operation", "finish", "before"),
    "with the offsets gone": ("stacks.operation", "finish", "before"),
    "before the data is deleted": ("stacks.removal", "_remove_data_files", "before"),
    "before the locks are deleted": ("stacks.ownership", "_remove_empty", "before"),
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


def die_before_the_supervisor_ends() -> None:
    call = Supervisor._call

    def replaced(self: Supervisor, method: str, *arguments: Any) -> Any:
        if method == "shutdown":
            die()
        return call(self, method, *arguments)

    setattr(Supervisor, "_call", replaced)  # noqa: B010


def main(what: str, point: str, file: str = "") -> None:
    if point == "with every component stopped":
        die_before_the_supervisor_ends()
    elif point:
        dying(*POINTS[point])
    settings = load()
    match what:
        case "reset":
            reset.reset(settings, print)
        case "restore":
            backup.restore(settings, Path(file), print)
        case "down":
            instance.down(settings, print)
        case "reset --all":
            operations._delete_and_start(settings)
        case _:
            lost_offsets.lose(settings)


if __name__ == "__main__":
    main(*sys.argv[1:])
