"""The sum of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fuzzing.accounting import Tally

LONGEST_STANDSTILL_S = 60.0
"""Good traffic that makes no progress for longer than this fails the run: a pipeline that stands still has stopped."""


@dataclass(frozen=True, slots=True)
class Report:
    ok: bool
    stack: str
    seed: int
    requests: int
    commands: int
    messages: int
    rows: int
    server_errors: int
    """HTTP answers of 500 and above, but for a 503 that was true; connections closed, reset or left without an answer."""
    worker_deaths: int
    unaccounted: int
    """Inputs that are in none of the fates, in two that contradict each other, or that arrived changed."""
    good_lost: int
    longest_standstill_s: float
    refused: int
    dead_lettered: int
    applied: int
    died: tuple[str, ...] = ()
    """Names of the parts that died, once for each death."""
    stuck: tuple[str, ...] = ()
    """Channels that stood still until the run gave up: the inputs behind were not sent."""
    seconds: float = 0.0

    @classmethod
    def of(cls, stack: str, seed: int, tally: Tally, died: Sequence[str]) -> Report:
        server_errors = tally.faults["server_error"]
        unaccounted = sum(tally.faults.values()) - server_errors
        sent: Counter[str] = tally.sent
        return cls(
            ok=not (server_errors or unaccounted or died or tally.good_lost)
            and tally.longest_standstill_s <= LONGEST_STANDSTILL_S,
            stack=stack,
            seed=seed,
            requests=sent["requests"],
            commands=sent["commands"],
            messages=sent["messages"],
            rows=sent["rows"],
            server_errors=server_errors,
            worker_deaths=len(died),
            unaccounted=unaccounted,
            good_lost=tally.good_lost,
            longest_standstill_s=round(tally.longest_standstill_s, 2),
            refused=tally.fates["refused"],
            dead_lettered=tally.fates["dead_lettered"],
            applied=tally.fates["applied"],
            died=tuple(died),
        )

    def lasting(self, seconds: float, stuck: Sequence[str]) -> Report:
        return replace(self, ok=self.ok and not stuck, seconds=round(seconds, 1), stuck=tuple(stuck))
