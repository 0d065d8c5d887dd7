"""Keep the inputs that were sent, and settle each when the sources show its fate."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from fuzzing.inputs import CHANNELS, Input
from fuzzing.judging import Fate, Verdict, Violation, describe_missing, judge
from fuzzing.ledger import Ledger
from fuzzing.outcomes import Answered, Outcome

RECENT = 5_000
"""Number of settled inputs to remember. Each is judged again before it is forgotten, because a second fate may come late."""


@dataclass(slots=True)
class Sent:
    input: Input
    outcome: Outcome
    at: float
    """When the driver had finished with it, by the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Failure:
    input: Input
    violation: Violation


@dataclass(slots=True)
class Tally:
    sent: Counter[str] = field(default_factory=Counter)
    """Channel → number of inputs sent."""
    fates: Counter[Fate] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    good_lost: int = 0
    longest_standstill_s: float = 0.0


class Accountant:
    """The account of one run. Any thread may call `record_sent` and `count_pending`; one thread calls the rest."""

    def __init__(
        self,
        ledger: Ledger,
        on_failure: Callable[[Failure], None] = lambda failure: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tally = Tally()
        self.commissions: deque[str] = deque(maxlen=200)
        """Ids of existing commissions, the newest last."""
        self._ledger = ledger
        self._on_failure = on_failure
        self._clock = clock
        self._lock = threading.Lock()
        self._pending: dict[str, OrderedDict[int, Sent]] = {name: OrderedDict() for name in CHANNELS}
        self._settled: deque[tuple[Sent, Fate]] = deque()
        self._settled_at: dict[str, float] = dict.fromkeys(CHANNELS, clock())
        self._last_good_at = clock()

    def record_sent(self, fuzz_input: Input, outcome: Outcome) -> None:
        with self._lock:
            self._pending[fuzz_input.channel][fuzz_input.tag.number] = Sent(fuzz_input, outcome, self._clock())
            self.tally.sent[fuzz_input.channel] += 1
        if isinstance(outcome, Answered) and isinstance(outcome.body, dict) and outcome.status == 201:
            self.commissions.append(str(outcome.body.get("commissionId")))

    def count_pending(self, channel: str | None = None) -> int:
        with self._lock:
            return sum(len(unsettled) for name, unsettled in self._pending.items() if channel in (None, name))

    def settle(self, read_sources: Callable[[], bool]) -> int:
        """Judge the inputs sent before `read_sources()` updated the ledger, and return how many were settled.

        Nothing is judged when `read_sources()` returns False.
        """
        with self._lock:
            unsettled = [sent for channel in self._pending.values() for sent in channel.values()]
        if not read_sources():
            return 0
        settled = 0
        for sent in unsettled:
            verdict = judge(sent.input, sent.outcome, self._ledger)
            if verdict is not None:
                self._close(sent, verdict)
                settled += 1
        self._judge_old_ones_again()
        self._measure_standstill(unsettled)
        return settled

    def stuck_channels(self, patience_s: float) -> list[str]:
        """Return the channels with pending inputs in which none was settled for `patience_s` seconds."""
        now = self._clock()
        with self._lock:
            oldest = {name: next(iter(unsettled.values())).at for name, unsettled in self._pending.items() if unsettled}
        return [name for name, sent_at in oldest.items() if now - max(sent_at, self._settled_at[name]) > patience_s]

    def give_up(self) -> None:
        """Count every unsettled input as lost, and judge the settled ones a last time."""
        with self._lock:
            unsettled = [sent for channel in self._pending.values() for sent in channel.values()]
        for sent in unsettled:
            self._close(sent, Violation("lost", describe_missing(sent.input, sent.outcome, self._ledger)))
        while self._settled:
            self._judge_again(*self._settled.popleft())

    def _close(self, sent: Sent, verdict: Verdict) -> None:
        now = self._clock()
        with self._lock:
            self._pending[sent.input.channel].pop(sent.input.tag.number, None)
        self._settled_at[sent.input.channel] = now
        if sent.input.good:
            self._record_progress(now, sent)
        match verdict:
            case Violation():
                self._fail(sent.input, verdict)
            case str() as fate:
                self.tally.fates[fate] += 1
                self._settled.append((sent, fate))
                if sent.input.good and fate != "applied":
                    self._count_good_lost(sent, fate)

    def _count_good_lost(self, sent: Sent, fate: Fate) -> None:
        self.tally.good_lost += 1
        self._on_failure(Failure(sent.input, Violation("lost", f"a good input was {fate}: {str(sent.outcome)[:300]}")))

    def _fail(self, fuzz_input: Input, violation: Violation) -> None:
        self.tally.faults[violation.fault] += 1
        if fuzz_input.good:
            self.tally.good_lost += 1
        self._on_failure(Failure(fuzz_input, violation))

    def _judge_old_ones_again(self) -> None:
        while len(self._settled) > RECENT:
            self._judge_again(*self._settled.popleft())

    def _judge_again(self, sent: Sent, fate: Fate) -> None:
        """Judge a settled input again: a later fate may contradict the first."""
        verdict = judge(sent.input, sent.outcome, self._ledger)
        if isinstance(verdict, Violation):
            self.tally.fates[fate] -= 1
            self._fail(sent.input, verdict)

    def _record_progress(self, now: float, sent: Sent) -> None:
        """Measure for how long no good input had been settled while one was pending."""
        self._record_standstill(now - max(self._last_good_at, sent.at))
        self._last_good_at = now

    def _measure_standstill(self, waiting: list[Sent]) -> None:
        now = self._clock()
        oldest = min((sent.at for sent in waiting if sent.input.good and self._is_pending(sent)), default=now)
        self._record_standstill(now - max(self._last_good_at, oldest))

    def _is_pending(self, sent: Sent) -> bool:
        return sent.input.tag.number in self._pending[sent.input.channel]

    def _record_standstill(self, seconds: float) -> None:
        self.tally.longest_standstill_s = max(self.tally.longest_standstill_s, seconds)
