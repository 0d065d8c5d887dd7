"""Send commands as fast as possible, from the threads of one or several processes."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

import psutil

from application import Application
from bench.outcome import send_command
from bench.profile import Usage, read_usage
from domain.errors import ExpectedError
from settings import Settings

READY_S = 120.0
"""How long a process may take to start and connect."""
REPORT_EVERY = 100
"""Commands after which a process says how far it is."""


@dataclass(frozen=True, slots=True)
class Sent:
    """When commands were sent, in seconds since the epoch, and what it cost other processes than this one."""

    began_at: float
    ended_at: float
    usages: list[Usage]


class WriterFailed(ExpectedError):
    """A process could not send its commands; `str(error)` says why."""


def send_commands(
    settings: Settings,
    correlation_id: str,
    commands: int,
    threads: int,
    processes: int,
    progress: Callable[[int], None] = lambda sent_count: None,
) -> Sent:
    """Send commands by as many threads, which are spread over the processes; with one process, they are threads of this one.

    Raises what `Application.send` raises, or WriterFailed when a process ends too early.
    """
    if processes == 1:
        with Application(settings, pool_size=threads + 1) as application:
            began_at = time.time()
            _send_by_threads(application, correlation_id, commands, threads, progress)
            return Sent(began_at, time.time(), [])
    with _writer_processes(settings, correlation_id, commands, threads, processes) as pipes:
        for pipe in pipes:
            _receive(pipe)
        began_at = time.time()
        for pipe in pipes:
            pipe.send("start")
        usages = list(_follow(pipes, progress))
        return Sent(began_at, time.time(), usages)


def _follow(pipes: list[Pipe], progress: Callable[[int], None]) -> Iterator[Usage]:
    """Report the progress of all processes together, and yield what each used, as soon as it has ended."""
    counts = dict.fromkeys(range(len(pipes)), 0)
    numbers = {id(pipe): number for number, pipe in enumerate(pipes)}
    running = list(pipes)
    while running:
        for ready in wait(running):
            assert isinstance(ready, Pipe)
            answer = _receive(ready)
            if isinstance(answer, Usage):
                running.remove(ready)
                yield answer
            else:
                counts[numbers[id(ready)]] = answer
                progress(sum(counts.values()))


def _receive(pipe: Pipe) -> int | Usage:
    """Return how many commands a process has sent, or what it used when it has ended. Raises WriterFailed."""
    try:
        answer = pipe.recv() if pipe.poll(READY_S) else f"no answer within {READY_S:.0f} s"
    except EOFError:
        answer = "the process ended"
    if isinstance(answer, str):
        raise WriterFailed(f"a process that sends commands failed: {answer}")
    assert isinstance(answer, int | Usage)
    return answer


@contextlib.contextmanager
def _writer_processes(
    settings: Settings, correlation_id: str, commands: int, threads: int, processes: int
) -> Iterator[list[Pipe]]:
    """Start the processes, which report that they are ready, wait for a word, and report their progress and what they used."""
    context = multiprocessing.get_context("spawn")
    pipes: list[Pipe] = []
    started: list[SpawnProcess] = []
    try:
        for number in range(processes):
            ours, theirs = context.Pipe()
            share = _share(commands, processes, number), max(1, _share(threads, processes, number))
            process = context.Process(target=_run, args=(settings, correlation_id, *share, theirs), daemon=True)
            process.start()
            theirs.close()
            pipes.append(ours)
            started.append(process)
        yield pipes
    finally:
        for pipe in pipes:
            pipe.close()
        for process in started:
            process.join(10)
            if process.is_alive():
                process.kill()


def _share(total: int, processes: int, number: int) -> int:
    """Return how many of the total the process of this number has; together they have all."""
    return (total * (number + 1)) // processes - (total * number) // processes


def _run(settings: Settings, correlation_id: str, commands: int, threads: int, pipe: Pipe) -> None:
    try:
        with Application(settings, pool_size=threads + 1) as application:
            with application.reading():
                pipe.send(0)
            pipe.recv()
            before = read_usage(psutil.Process())
            _send_by_threads(application, correlation_id, commands, threads, pipe.send)
        pipe.send(read_usage(psutil.Process()).since(before))
    except EOFError:  # the measurement was given up
        return
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")


def _send_by_threads(
    application: Application, correlation_id: str, commands: int, threads: int, report: Callable[[int], None]
) -> None:
    """Send commands by threads that share the count. Raises the first error of a thread."""
    numbers = itertools.count(1)
    failures: list[Exception] = []
    reporting = threading.Lock()

    def send() -> None:
        try:
            while not failures and (number := next(numbers)) <= commands:
                send_command(application, correlation_id)
                if number % REPORT_EVERY == 0:
                    with reporting:
                        report(number)
        except Exception as error:
            failures.append(error)

    senders = [threading.Thread(target=send, daemon=True) for _ in range(threads)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    if failures:
        raise failures[0]
