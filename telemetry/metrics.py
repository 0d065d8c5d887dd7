"""Count and measure in one process, write the result to a file for each component, and read these files for the API.

Files instead of a port for each process give one scrape target and no further listener, and keep the counts of a killed
process. On a hot path a count costs one dictionary entry under a lock.
"""

from __future__ import annotations

import contextlib
import json
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from settings import Settings

EVERY_S = 1.0
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the histograms' buckets; one more bucket has no bound."""

Labels = tuple[str, ...]


@dataclass(slots=True)
class Distribution:
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    """Not cumulative: each value counts in one bucket."""
    total_s: float = 0.0


class Metrics:
    """The counters and histograms of a process, for all its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[tuple[str, Labels], int] = {}
        self._distributions: dict[tuple[str, Labels], Distribution] = {}

    def count(self, name: str, labels: Labels = (), by: int = 1) -> None:
        with self._lock:
            self._counters[name, labels] = self._counters.get((name, labels), 0) + by

    def observe(self, name: str, labels: Labels, seconds: float) -> None:
        """Add a duration. A negative one, from two clocks, counts in the lowest bucket."""
        self.observe_all(name, labels, (seconds,))

    def observe_all(self, name: str, labels: Labels, durations_s: Iterable[float]) -> None:
        """Add durations, as `observe` adds one."""
        with self._lock:
            distribution = self._distributions.setdefault((name, labels), Distribution())
            for seconds in durations_s:
                distribution.buckets[bisect_left(BOUNDS_S, seconds)] += 1
                distribution.total_s += seconds

    def to_json(self) -> str:
        """Return everything as JSON: {"counters": [[name, labels, value]], "distributions": [[name, labels, buckets, sum]]}."""
        with self._lock:
            counters = [[name, labels, value] for (name, labels), value in self._counters.items()]
            distributions = [
                [name, labels, list(d.buckets), d.total_s] for (name, labels), d in self._distributions.items()
            ]
        return json.dumps({"counters": counters, "distributions": distributions})


METRICS = Metrics()
"""The metrics of this process."""


def folder(settings: Settings) -> Path:
    return settings.run / "metrics"


class Writer:
    """Writes this process's metrics to the component's file each second, and once more when closed."""

    def __init__(self, settings: Settings, part: str, metrics: Metrics = METRICS) -> None:
        self._path = folder(settings) / f"{part}.json"
        self._metrics = metrics
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=2)

    def write(self) -> None:
        """Write the file; a full disk must not stop the component."""
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(self._metrics.to_json(), encoding="utf-8")
            temporary.replace(self._path)

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.write()
        self.write()


def read_all(settings: Settings) -> Iterator[tuple[str, dict[str, list[list[object]]]]]:
    """Yield (component, parsed text of `Metrics.to_json`) for every component that wrote metrics."""
    for path in sorted(folder(settings).glob("*.json")):
        with contextlib.suppress(OSError, ValueError):
            yield path.stem, json.loads(path.read_text(encoding="utf-8"))
