"""The report of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fuzzing.accounting import Tally

LONGEST_STANDSTILL_S = 60.0
"""A run fails when good inputs make no progress for longer than this."""


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
    """HTTP answers from 500 on, except a 503 that ends after a moment; and connections closed, reset or without an answer."""
    worker_deaths: int
    unaccounted: int
    """Inputs without a fate, with two contradicting fates, or that arrived changed."""
    good_lost: int
    longest_standstill_s: float
    refused: int
    dead_lettered: int
    applied: int
    died: tuple[str, ...] = ()
    """Names of the components that died, once for each death."""
    stuck: tuple[str, ...] = ()
    """Channels without progress until the run gave up; their remaining inputs were not sent."""
    seconds: float = 0.0

    @classmethod
    def from_tally(cls, stack: str, seed: int, tally: Tally, died: Sequence[str]) -> Report:
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

    def with_duration(self, seconds: float, stuck: Sequence[str]) -> Report:
        """Return the report with the duration of the run and the channels without progress."""
        return replace(self, ok=self.ok and not stuck, seconds=round(seconds, 1), stuck=tuple(stuck))
