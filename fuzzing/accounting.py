"""Keeps the inputs that are sent and not settled, and settles them as the sources tell what became of them."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from fuzzing.inputs import CHANNELS, Input
from fuzzing.judging import Fate, Verdict, Violation, judge, missing
from fuzzing.ledger import Ledger
from fuzzing.outcomes import Answered, Outcome

RECENT = 5_000
"""So many settled inputs are judged once more when they are about to be forgotten: a second fate comes late."""


@dataclass(slots=True)
class Sent:
    given: Input
    outcome: Outcome
    at: float
    """When the driver was done with it, by the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Failure:
    given: Input
    violation: Violation


@dataclass(slots=True)
class Tally:
    sent: Counter[str] = field(default_factory=Counter)
    """By channel."""
    fates: Counter[Fate] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    good_lost: int = 0
    longest_standstill_s: float = 0.0


class Accountant:
    """`sent` is called by the drivers' threads, everything else by one."""

    def __init__(
        self,
        ledger: Ledger,
        failed: Callable[[Failure], None] = lambda failure: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tally = Tally()
        self.commissions: deque[str] = deque(maxlen=200)
        """Ids of commissions that exist, the newest last."""
        self._ledger = ledger
        self._failed = failed
        self._clock = clock
        self._lock = threading.Lock()
        self._pending: dict[str, OrderedDict[int, Sent]] = {name: OrderedDict() for name in CHANNELS}
        self._settled: deque[tuple[Sent, Fate]] = deque()
        self._settled_at: dict[str, float] = dict.fromkeys(CHANNELS, clock())
        self._good_at = clock()

    def sent(self, given: Input, outcome: Outcome) -> None:
        with self._lock:
            self._pending[given.channel][given.tag.number] = Sent(given, outcome, self._clock())
            self.tally.sent[given.channel] += 1
        if isinstance(outcome, Answered) and isinstance(outcome.body, dict) and outcome.status == 201:
            self.commissions.append(str(outcome.body.get("commissionId")))

    def pending(self, channel: str | None = None) -> int:
        with self._lock:
            return sum(len(waiting) for name, waiting in self._pending.items() if channel in (None, name))

    def settle(self, read: Callable[[], bool]) -> int:
        """Judge what was sent before `read()` brought the ledger up to date; how many were settled."""
        with self._lock:
            waiting = [sent for channel in self._pending.values() for sent in channel.values()]
        if not read():
            return 0
        settled = 0
        for sent in waiting:
            verdict = judge(sent.given, sent.outcome, self._ledger)
            if verdict is not None:
                self._close(sent, verdict)
                settled += 1
        self._look_again()
        self._stand_still(waiting)
        return settled

    def stuck(self, patience_s: float) -> list[str]:
        """Channels that have inputs waiting of which none was settled for so long."""
        now = self._clock()
        with self._lock:
            oldest = {name: next(iter(waiting.values())).at for name, waiting in self._pending.items() if waiting}
        return [name for name, at in oldest.items() if now - max(at, self._settled_at[name]) > patience_s]

    def give_up(self) -> None:
        """What is not settled now is lost; what was settled is judged a last time."""
        with self._lock:
            left = [sent for channel in self._pending.values() for sent in channel.values()]
        for sent in left:
            self._close(sent, Violation("lost", missing(sent.given, sent.outcome, self._ledger)))
        while self._settled:
            self._judge_again(*self._settled.popleft())

    def _close(self, sent: Sent, verdict: Verdict) -> None:
        now = self._clock()
        with self._lock:
            self._pending[sent.given.channel].pop(sent.given.tag.number, None)
        self._settled_at[sent.given.channel] = now
        if sent.given.good:
            self._progress(now, sent)
        match verdict:
            case Violation():
                self._fail(sent.given, verdict)
            case str() as fate:
                self.tally.fates[fate] += 1
                self._settled.append((sent, fate))
                if sent.given.good and fate != "applied":
                    self._lose(sent, fate)

    def _lose(self, sent: Sent, fate: Fate) -> None:
        self.tally.good_lost += 1
        self._failed(Failure(sent.given, Violation("lost", f"in order, and {fate}: {str(sent.outcome)[:300]}")))

    def _fail(self, given: Input, violation: Violation) -> None:
        self.tally.faults[violation.fault] += 1
        if given.good:
            self.tally.good_lost += 1
        self._failed(Failure(given, violation))

    def _look_again(self) -> None:
        while len(self._settled) > RECENT:
            self._judge_again(*self._settled.popleft())

    def _judge_again(self, sent: Sent, fate: Fate) -> None:
        """A fate may be followed by one that contradicts it."""
        verdict = judge(sent.given, sent.outcome, self._ledger)
        if isinstance(verdict, Violation):
            self.tally.fates[fate] -= 1
            self._fail(sent.given, verdict)

    def _progress(self, now: float, sent: Sent) -> None:
        """A good input arrived: how long had none, while one was waiting?"""
        self._stood(now - max(self._good_at, sent.at))
        self._good_at = now

    def _stand_still(self, waiting: list[Sent]) -> None:
        now = self._clock()
        oldest = min((sent.at for sent in waiting if sent.given.good and self._waits(sent)), default=now)
        self._stood(now - max(self._good_at, oldest))

    def _waits(self, sent: Sent) -> bool:
        return sent.given.tag.number in self._pending[sent.given.channel]

    def _stood(self, seconds: float) -> None:
        self.tally.longest_standstill_s = max(self.tally.longest_standstill_s, seconds)
