"""Run the fuzzing: generate inputs, send them over the four channels at once, and account for them until all are settled."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from random import Random

from fuzzing.accounting import Accountant, Failure
from fuzzing.deaths import DeathCounter
from fuzzing.generator import generate_input
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
MAX_PENDING = 1000
"""Largest number of pending inputs of a channel; its driver waits while there are more. This bounds the memory."""
POLL_EVERY_S = 0.3
PATIENCE_S = 60.0
"""A run ends when a channel with pending inputs settles none of them for this long."""
ENDING_S = 5.0
"""How long to wait for the drivers at the end. They are daemons, so one that still waits for an answer is left behind."""
MAX_KEPT_FAILURES = 100
"""How many failures to keep with their inputs for each (channel, fault, good or not); further ones are only counted."""

Progress = Callable[["Run"], None]


class Run:
    """One run of `inputs` on a running instance. `patience_s`: see PATIENCE_S."""

    def __init__(
        self, settings: Settings, generate_inputs: Iterable[Input], seed: int = 0, patience_s: float = PATIENCE_S
    ) -> None:
        self.settings = settings
        self.ledger = Ledger()
        self.failures: list[Failure] = []
        self.accountant = Accountant(self.ledger, self._keep_failure)
        self.stuck: list[str] = []
        self.created_count = 0
        self._inputs = iter(generate_inputs)
        self._seed = seed
        self._patience_s = patience_s
        self._stop = threading.Event()
        self._all_queued = threading.Event()
        self._queues: dict[type[Input], queue.Queue[Input]] = {
            kind: queue.Queue(maxsize=200) for kind in (Request, Message, Row)
        }
        self._errors: list[BaseException] = []
        self._kept_counts: Counter[tuple[str, str, bool]] = Counter()

    def execute(self, progress: Progress = lambda run: None) -> Report:
        """Run until every input is settled or a channel makes no progress. Raises what a driver raised."""
        started_at = time.monotonic()
        sources = Sources(self.settings, self.ledger)
        deaths = DeathCounter(control(self.settings))
        try:
            with self._drivers():
                while not self._is_over():
                    self.accountant.settle(sources.read)
                    deaths.check()
                    progress(self)
                    self._stop.wait(POLL_EVERY_S)
            self.accountant.settle(sources.read)
            self.accountant.give_up()
            deaths.check(at_once=True)
        finally:
            sources.close()
        if self._errors:
            raise self._errors[0]
        report = Report.from_tally(self.settings.stack, self._seed, self.accountant.tally, deaths.died)
        return report.with_duration(time.monotonic() - started_at, self.stuck)

    def _is_over(self) -> bool:
        if self._errors:
            return True
        self.stuck = self.accountant.stuck_channels(self._patience_s)
        if self.stuck:
            return True
        idle = self._all_queued.is_set() and not any(queued.unfinished_tasks for queued in self._queues.values())
        return idle and not self.accountant.count_pending()

    def _keep_failure(self, failure: Failure) -> None:
        group = (failure.input.channel, failure.violation.fault, failure.input.good)
        self._kept_counts[group] += 1
        if self._kept_counts[group] <= MAX_KEPT_FAILURES:
            self.failures.append(failure)

    @contextmanager
    def _drivers(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._run_guarded, args=(self._fill_queues,), name="fuzz-feed", daemon=True)]
        loops = [self._send_requests] * REQUEST_THREADS + [self._send_messages, self._send_rows]
        threads += [
            threading.Thread(target=self._run_guarded, args=(loop,), name=f"fuzz-{loop.__name__}", daemon=True)
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

    def _run_guarded(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except BaseException as error:
            self._errors.append(error)

    def _fill_queues(self) -> None:
        for fuzz_input in self._inputs:
            while not self._stop.is_set():
                try:
                    self._queues[type(fuzz_input)].put(fuzz_input, timeout=0.2)
                    break
                except queue.Full:
                    continue
            if self._stop.is_set():
                return
            self.created_count += 1
        self._all_queued.set()

    def _take(self, kind: type[Input]) -> Iterator[Input]:
        """Yield the inputs of a driver, each as soon as few enough are pending."""
        queued = self._queues[kind]
        while not self._stop.is_set():
            try:
                fuzz_input = queued.get(timeout=0.2)
            except queue.Empty:
                continue
            while self.accountant.count_pending(fuzz_input.channel) >= MAX_PENDING and not self._stop.is_set():
                time.sleep(0.02)
            yield fuzz_input
            queued.task_done()

    def _choose_commission(self) -> str:
        try:
            return Random().choice(self.accountant.commissions)
        except IndexError:
            return "00000000-0000-4000-8000-000000000000"

    def _send_requests(self) -> None:
        driver = RequestDriver(self.settings, self._choose_commission, self._stop.is_set)
        with ExitStack() as stack:
            stack.callback(driver.close)
            for fuzz_input in self._take(Request):
                assert isinstance(fuzz_input, Request)
                self.accountant.record_sent(fuzz_input, driver.send(fuzz_input))

    def _send_rows(self) -> None:
        driver = row_driver(self.settings)
        with ExitStack() as stack:
            stack.callback(driver.close)
            for fuzz_input in self._take(Row):
                assert isinstance(fuzz_input, Row)
                self.accountant.record_sent(fuzz_input, driver.send(fuzz_input))

    def _send_messages(self) -> None:
        def record_outcome(message: Message, outcome: Published | Declined) -> None:
            self.accountant.record_sent(message, outcome)
            self._queues[Message].task_done()

        driver = MessageDriver(self.settings, self._choose_commission, record_outcome)
        with ExitStack() as stack:
            stack.callback(driver.close)
            queued = self._queues[Message]
            while not self._stop.is_set():
                try:
                    fuzz_input = queued.get(timeout=0.2)
                except queue.Empty:
                    continue
                assert isinstance(fuzz_input, Message)
                while self.accountant.count_pending(fuzz_input.channel) >= MAX_PENDING and not self._stop.is_set():
                    time.sleep(0.02)
                driver.send(fuzz_input)


def generate_inputs(n: int, seed: int, run: str) -> Iterator[Input]:
    """Yield the inputs 0 to n - 1 of a seed."""
    return (generate_input(seed, run, number) for number in range(n))
