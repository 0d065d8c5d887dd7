"""Send commands as fast as possible, from the threads of one or several processes."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait

import psutil

from application import Application
from bench import children
from bench.children import Child, ChildFailed
from bench.outcome import send_command
from bench.profile import Usage, read_usage
from settings import Settings

REPORT_EVERY = 100
"""Commands after which a process says how far it is."""


@dataclass(frozen=True, slots=True)
class Sent:
    """When commands were sent, in seconds since the epoch, and what it cost other processes than this one."""

    began_at: float
    ended_at: float
    usages: list[Usage]


def send_commands(
    settings: Settings,
    correlation_id: str,
    commands: int,
    threads: int,
    processes: int,
    progress: Callable[[int], None] = lambda sent_count: None,
) -> Sent:
    """Send commands by as many threads, which are spread over the processes; with one process, they are threads of this one.

    Raises what `Application.send` raises, or ChildFailed when a process fails.
    """
    if processes == 1:
        with Application(settings, pool_size=threads + 1) as application:
            began_at = time.time()
            _send_by_threads(application, correlation_id, commands, threads, progress)
            return Sent(began_at, time.time(), [])
    calls = [
        (settings, correlation_id, _share(commands, processes, number), max(1, _share(threads, processes, number)))
        for number in range(processes)
    ]
    with children.running_all("writer", _run, calls) as writers:
        began_at = time.time()
        for writer in writers:
            writer.pipe.send("start")
        usages = list(_follow(writers, progress))
        return Sent(began_at, time.time(), usages)


def _follow(writers: list[Child], progress: Callable[[int], None]) -> Iterator[Usage]:
    """Report the progress of all processes together, and yield what each used, as soon as it has sent its commands."""
    running = {id(writer.pipe): writer for writer in writers}
    counts = dict.fromkeys(running, 0)
    while running:
        for ready in wait([writer.pipe for writer in running.values()]):
            answer = running[id(ready)].receive()
            if isinstance(answer, int):
                counts[id(ready)] = answer
                progress(sum(counts.values()))
                continue
            del running[id(ready)]
            if not isinstance(answer, Usage):
                raise ChildFailed(f"a process that sends commands failed: {answer}")
            yield answer


def _share(total: int, processes: int, number: int) -> int:
    """Return how many of the total the process of this number has; together they have all."""
    return (total * (number + 1)) // processes - (total * number) // processes


def _run(settings: Settings, correlation_id: str, commands: int, threads: int, pipe: Pipe) -> None:
    """Send commands when told to, and say how many were sent, and at last what that used, or why it failed."""
    with Application(settings, pool_size=threads + 1) as application:
        pipe.send(children.READY)
        pipe.recv()
        before = read_usage(psutil.Process())
        try:
            _send_by_threads(application, correlation_id, commands, threads, pipe.send)
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")
        else:
            pipe.send(read_usage(psutil.Process()).since(before))
        pipe.poll(None)  # until the other end is closed


def _send_by_threads(
    application: Application, correlation_id: str, commands: int, threads: int, report: Callable[[int], None]
) -> None:
    """Send commands by threads that share the count. Raises the first error of a thread."""
    numbers = itertools.count(1)
    reporting = threading.Lock()

    def send_next() -> bool:
        number = next(numbers)
        if number > commands:
            return False
        send_command(application, correlation_id)
        if number % REPORT_EVERY == 0:
            with reporting:
                report(number)
        return True

    repeat_in_threads(threads, send_next)


def repeat_in_threads(threads: int, step: Callable[[], bool]) -> None:
    """Call `step` in each thread until it returns False, or raises in one of them. Raises that error."""
    failures: list[Exception] = []

    def repeat() -> None:
        try:
            while not failures and step():
                pass
        except Exception as error:
            failures.append(error)

    started = [threading.Thread(target=repeat, daemon=True) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    if failures:
        raise failures[0]
