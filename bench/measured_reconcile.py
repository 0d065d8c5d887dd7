"""Reconcile an instance in a process of its own, and measure its time and its memory.

Run as `python -m bench.measured_reconcile` with `ALPES_HOME`, it reconciles and prints what it counted.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from application import Application
from domain.errors import ExpectedError
from scenarios.reconciliation import reconcile
from settings import Settings, load
from settings.model import REPOSITORY

SAMPLE_EVERY_S = 0.05


class ReconcileFailed(ExpectedError):
    """The process that reconciles ended with an error; `str(error)` holds the end of its output."""


@dataclass(frozen=True, slots=True)
class MeasuredReconcile:
    committed: int
    complete: bool
    seconds: float
    """Of the reconciliation alone, without the start of its process."""
    cpu_s: float
    """Processor time of it, which depends less on what else the machine does."""
    peak_mb: float
    """The highest resident memory of the process with all that it starts."""


def measure_reconcile(settings: Settings) -> MeasuredReconcile:
    """Reconcile all events of a running instance. Raises ReconcileFailed."""
    environment = {**os.environ, "ALPES_HOME": str(settings.home)}
    with subprocess.Popen(
        [sys.executable, "-m", "bench.measured_reconcile"],
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            sampled_bytes = _sample_peak(process)
            printed, errors = process.communicate()
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise ReconcileFailed(f"the reconciliation failed: {errors[-2000:]}")
    counts = json.loads(printed)
    peak_bytes = max(counts.pop("peak_bytes"), sampled_bytes)
    return MeasuredReconcile(**counts, peak_mb=round(peak_bytes / 1e6, 1))


def _sample_peak(process: subprocess.Popen[str]) -> int:
    """Return the highest sum of the resident bytes of a process and its descendants, when it has ended."""
    peak = 0
    root = psutil.Process(process.pid)
    while process.poll() is None:
        peak = max(peak, sum(map(_resident_bytes, [root, *_descendants(root)])))
        time.sleep(SAMPLE_EVERY_S)
    return peak


def _descendants(root: psutil.Process) -> list[psutil.Process]:
    try:
        return root.children(recursive=True)
    except psutil.Error:
        return []


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def main() -> None:
    settings = load()
    with Application(settings, pool_size=1) as application:
        started_at, cpu_before = time.monotonic(), time.process_time()
        reconciled = reconcile(application, settings)
        seconds, cpu_s = time.monotonic() - started_at, time.process_time() - cpu_before
    counts = {
        "committed": reconciled.committed,
        "complete": reconciled.complete,
        "seconds": round(seconds, 3),
        "cpu_s": round(cpu_s, 3),
        "peak_bytes": _read_peak_bytes(),
    }
    print(json.dumps(counts))


def _read_peak_bytes() -> int:
    """Return the highest resident memory that this process had.

    Linux counts in `ru_maxrss` what the process had that started this one; `VmHWM` begins with the program itself.
    """
    with suppress(FileNotFoundError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
