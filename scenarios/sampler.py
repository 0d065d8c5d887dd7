"""Counts a run's events now and then, for its plot: committed, published and notified over time."""

from __future__ import annotations

import threading

from scenarios.model import Sample
from scenarios.trial import Trial

EVERY_S = 0.25
"""At first. A long run is sampled less often: see `thinned`."""
SAMPLES_AT_MOST = 1000


class Sampler:
    """In a thread of its own while it is entered. Each sample counts index entries and loads no id."""

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
        except Exception as error:  # the plot ends here; nothing is judged by it
            self._trial.say("note", f"no more samples: {type(error).__name__}: {error}")

    def _sample(self) -> None:
        every_s = EVERY_S
        while not self._stop.wait(every_s):
            self._trial.sample()
            if len(self._trial.samples) >= SAMPLES_AT_MOST:
                self._trial.samples = thinned(self._trial.samples)
                every_s *= 2
        self._trial.sample()


def thinned(samples: list[Sample]) -> list[Sample]:
    """Every second one. With the pause doubled, a run of any length keeps evenly spaced samples, fewer than
    `SAMPLES_AT_MOST`; and as a sample's cost grows with the run, its share of the time does not."""
    return samples[1::2]
