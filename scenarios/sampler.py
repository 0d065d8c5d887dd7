"""Counts a run's events now and then, for its plot: committed, published and notified over time."""

from __future__ import annotations

import threading

from scenarios.trial import Trial

EVERY_S = 0.25


class Sampler:
    """In a thread of its own while it is entered; it costs three indexed counts a time."""

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
        while not self._stop.wait(EVERY_S):
            self._trial.sample()
        self._trial.sample()
