"""Count a run's events at intervals, for the plot of committed, published and notified events over time."""

from __future__ import annotations

import threading

from domain.message import Message
from scenarios.model import Sample
from scenarios.trial import Trial

FIRST_INTERVAL_S = 0.25
"""Interval at the start of a run. A long run is sampled less often: see `thin_out`."""
MAX_SAMPLES = 1000


class Sampler:
    """A thread that samples while the `with` block runs. Each sample counts index entries and loads no id."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._sample()
        except Exception as error:  # the plot ends early, which does not affect the verdict
            self._trial.say("note", Message("run.no_samples", why=f"{type(error).__name__}: {error}"))

    def _sample(self) -> None:
        interval_s = FIRST_INTERVAL_S
        while not self._stop.wait(interval_s):
            self._trial.sample()
            if len(self._trial.samples) >= MAX_SAMPLES:
                self._trial.samples = thin_out(self._trial.samples)
                interval_s *= 2
        self._trial.sample()


def thin_out(samples: list[Sample]) -> list[Sample]:
    """Return every second sample.

    The interval is doubled at the same time, so a run of any length keeps evenly spaced samples, fewer than `MAX_SAMPLES`.
    The cost of a sample grows with the run; because samples become rarer, their share of the time does not grow.
    """
    return samples[1::2]
