"""Run functions in processes of their own, which end with this one, however that happens."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import SpawnProcess
from typing import Any

from domain.errors import ExpectedError

READY_S = 120.0
"""How long a process may take to start and connect."""
ENDS_WITHIN_S = 10.0
READY = "ready"


class ChildFailed(ExpectedError):
    """A process of the measurement ended or did not become ready; `str(error)` names it."""


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    pid: int
    pipe: Pipe

    def receive(self, within_s: float = READY_S) -> Any:
        """Return what the process sends next. Raises ChildFailed."""
        try:
            if self.pipe.poll(within_s):
                return self.pipe.recv()
        except (EOFError, OSError) as error:
            raise ChildFailed(f"the process of the {self.name} ended; its error is printed above") from error
        raise ChildFailed(f"the process of the {self.name} did not answer within {within_s:.0f} s")


@contextmanager
def running(name: str, function: Callable[..., None], *arguments: Any) -> Iterator[Child]:
    """Call `function(*arguments, pipe)` in a new process, wait until it sends READY, and let it end afterwards.

    The function must return when its end of the pipe is closed on this side (`is_open`). Raises ChildFailed.
    """
    with running_all(name, function, [arguments]) as (child,):
        yield child


@contextmanager
def running_all(name: str, function: Callable[..., None], calls: Sequence[tuple[Any, ...]]) -> Iterator[list[Child]]:
    """Run the function in a process for each call's arguments, as `running` does in one. They start side by side."""
    context = multiprocessing.get_context("spawn")
    children: list[Child] = []
    processes: list[SpawnProcess] = []
    try:
        for arguments in calls:
            ours, theirs = context.Pipe()
            process = context.Process(target=_call, args=(function, arguments, theirs), daemon=True)
            process.start()
            theirs.close()
            assert process.pid is not None
            children.append(Child(name, process.pid, ours))
            processes.append(process)
        for child in children:
            if child.receive() != READY:
                raise ChildFailed(f"the process of the {name} is not ready")
        yield children
        if not all(process.is_alive() for process in processes):
            raise ChildFailed(f"the process of the {name} ended too early; its error is printed above")
    finally:
        for child in children:
            child.pipe.close()
        for process in processes:
            process.join(ENDS_WITHIN_S)
            if process.is_alive():
                process.kill()
                process.join()


def is_open(pipe: Pipe) -> bool:
    """Return whether the other end is open; for processes that are sent nothing."""
    return not pipe.poll(0)


def _call(function: Callable[..., None], arguments: tuple[Any, ...], pipe: Pipe) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent closes the pipe then
    function(*arguments, pipe)
