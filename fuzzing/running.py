"""One run: makes the inputs, sends them over the four channels at once, and accounts for them until all are settled."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from random import Random

from fuzzing.accounting import Accountant, Failure
from fuzzing.deaths import Deaths
from fuzzing.generator import make
from fuzzing.inputs import Input, Message, Request, Row
from fuzzing.ledger import Ledger
from fuzzing.message_driver import MessageDriver
from fuzzing.outcomes import Declined, Published
from fuzzing.report import Report
from fuzzing.request_driver import RequestDriver
from fuzzing.row_driver import row_driver
from fuzzing.sources import Sources
from settings import Settings
from stacks.controls import control

REQUEST_THREADS = 3
ROOM = 1000
"""Inputs of one channel that wait to be settled: beyond, the channel's driver waits too. It bounds the memory."""
LOOK_EVERY_S = 0.3
PATIENCE_S = 60.0
"""A channel that settles nothing for so long, while inputs wait, stands still: the run ends."""
ENDING_S = 5.0
"""A driver that still waits for an answer then is left behind: it is a daemon."""
KEPT = 100
"""Failures of a channel and a fault that are kept with their inputs, the good ones apart; the others are counted."""

Progress = Callable[["Run"], None]


class Run:
    """Of `inputs` on a running instance. `patience_s`: see PATIENCE_S."""

    def __init__(
        self, settings: Settings, inputs: Iterable[Input], seed: int = 0, patience_s: float = PATIENCE_S
    ) -> None:
        self.settings = settings
        self.ledger = Ledger()
        self.failures: list[Failure] = []
        self.accountant = Accountant(self.ledger, self._failed)
        self.stuck: list[str] = []
        self.made = 0
        self._inputs = iter(inputs)
        self._seed = seed
        self._patience_s = patience_s
        self._stop = threading.Event()
        self._fed = threading.Event()
        self._queues: dict[type[Input], queue.Queue[Input]] = {
            kind: queue.Queue(maxsize=200) for kind in (Request, Message, Row)
        }
        self._errors: list[BaseException] = []
        self._kept: Counter[tuple[str, str, bool]] = Counter()

    def go(self, progress: Progress = lambda run: None) -> Report:
        """Until every input is settled, or a channel stands still. Raises what a driver raised."""
        began = time.monotonic()
        sources = Sources(self.settings, self.ledger)
        deaths = Deaths(control(self.settings))
        try:
            with self._driving():
                while not self._over():
                    self.accountant.settle(sources.read)
                    deaths.look()
                    progress(self)
                    self._stop.wait(LOOK_EVERY_S)
            self.accountant.settle(sources.read)
            self.accountant.give_up()
            deaths.look(now=True)
        finally:
            sources.close()
        if self._errors:
            raise self._errors[0]
        report = Report.of(self.settings.stack, self._seed, self.accountant.tally, deaths.died)
        return report.lasting(time.monotonic() - began, self.stuck)

    def _over(self) -> bool:
        if self._errors:
            return True
        self.stuck = self.accountant.stuck(self._patience_s)
        if self.stuck:
            return True
        idle = self._fed.is_set() and not any(waiting.unfinished_tasks for waiting in self._queues.values())
        return idle and not self.accountant.pending()

    def _failed(self, failure: Failure) -> None:
        group = (failure.given.channel, failure.violation.fault, failure.given.good)
        self._kept[group] += 1
        if self._kept[group] <= KEPT:
            self.failures.append(failure)

    @contextmanager
    def _driving(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._guarded, args=(self._feed,), name="fuzz-feed", daemon=True)]
        loops = [self._send_requests] * REQUEST_THREADS + [self._send_messages, self._send_rows]
        threads += [
            threading.Thread(target=self._guarded, args=(loop,), name=f"fuzz-{loop.__name__}", daemon=True)
            for loop in loops
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            deadline = time.monotonic() + ENDING_S
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _guarded(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except BaseException as error:
            self._errors.append(error)

    def _feed(self) -> None:
        for given in self._inputs:
            while not self._stop.is_set():
                try:
                    self._queues[type(given)].put(given, timeout=0.2)
                    break
                except queue.Full:
                    continue
            if self._stop.is_set():
                return
            self.made += 1
        self._fed.set()

    def _next(self, kind: type[Input]) -> Iterator[Input]:
        """The inputs of a driver, each once there is room for it."""
        waiting = self._queues[kind]
        while not self._stop.is_set():
            try:
                given = waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            while self.accountant.pending(given.channel) >= ROOM and not self._stop.is_set():
                time.sleep(0.02)
            yield given
            waiting.task_done()

    def _commission(self) -> str:
        try:
            return Random().choice(self.accountant.commissions)
        except IndexError:
            return "00000000-0000-4000-8000-000000000000"

    def _send_requests(self) -> None:
        driver = RequestDriver(self.settings, self._commission, self._stop.is_set)
        with ExitStack() as stack:
            stack.callback(driver.close)
            for given in self._next(Request):
                assert isinstance(given, Request)
                self.accountant.sent(given, driver.send(given))

    def _send_rows(self) -> None:
        driver = row_driver(self.settings)
        with ExitStack() as stack:
            stack.callback(driver.close)
            for given in self._next(Row):
                assert isinstance(given, Row)
                self.accountant.sent(given, driver.send(given))

    def _send_messages(self) -> None:
        def done(message: Message, outcome: Published | Declined) -> None:
            self.accountant.sent(message, outcome)
            self._queues[Message].task_done()

        driver = MessageDriver(self.settings, self._commission, done)
        with ExitStack() as stack:
            stack.callback(driver.close)
            waiting = self._queues[Message]
            while not self._stop.is_set():
                try:
                    given = waiting.get(timeout=0.2)
                except queue.Empty:
                    continue
                assert isinstance(given, Message)
                while self.accountant.pending(given.channel) >= ROOM and not self._stop.is_set():
                    time.sleep(0.02)
                driver.send(given)


def inputs(n: int, seed: int, run: str) -> Iterator[Input]:
    """The inputs 0 to n - 1 of a seed."""
    return (make(seed, run, number) for number in range(n))
