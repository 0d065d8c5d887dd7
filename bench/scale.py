"""Measure whether times and memory stay the same while the number of stored events grows, on private filled instances."""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median

import psutil
from sqlalchemy import select

from application import Application
from application.components import worker_names
from bench.dashboard import measure_refresh
from bench.filled_instance import filled_instance
from bench.latency import measure_latency
from bench.measured_reconcile import measure_reconcile
from bench.outcome import count_notified, send_command
from bench.throughput import measure_throughput
from db.tables import outbox_event
from domain.clock import utc_now
from domain.errors import ExpectedError
from scenarios.reconciliation import reconcile
from scenarios.waiting import TookTooLong, until
from settings import Settings
from stacks import instance, processes
from stacks.pruning import prune
from stacks.restarting import restart_component
from stacks.status import status

FIRST_LEVEL = 10_000
WRITERS = 4
PRUNED_EVENTS = 5000
"""How many of the oldest events are pruned, at most half of them."""
EFFECT_WITHIN_S = 120.0
IDLE_PERCENT, IDLE_FOR_S, IDLE_WITHIN_S = 40.0, 3.0, 900.0
"""An instance is idle when its components need less than this share of a core for so long."""
TAIL_BYTES = 1 << 16
BYTES_PER_EVENT = 2800
"""What an event needs on the disk, measured, with room to spare; it serves to refuse a run that cannot fit."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is sent to each instance, and how often the rest is repeated for its median."""

    latency_commands: int = 300
    storm_commands: int = 2000
    repetitions: int = 3


TRIAL = Effort(50, 200, 1)
"""For fewer events than FIRST_LEVEL, which compare with nothing."""


class NoRoom(ExpectedError):
    """The disk has no room for so many events; `str(error)` says how much is missing and where."""


@dataclass(frozen=True, slots=True)
class Level:
    """What was measured on an instance filled with so many events."""

    events: int
    fill_s: float
    settles_s: float
    """From the start until the components are idle: the audit worker compares its whole file then."""
    other_work_percent: float
    """What else ran on the machine while the components were idle, in percent of all cores: with much of it, times compare little."""
    p50_ms: float
    """From command to notification, one at a time."""
    p99_ms: float
    commands_per_s: float
    refresh_ms: float
    """Server time of a refresh of the page with changes, the 95th percentile."""
    status_s: float
    reconcile_s: float
    reconcile_us_per_event: float
    reconcile_cpu_us_per_event: float
    """Processor time."""
    reconcile_peak_mb: float
    reconcile_of_run_s: float
    """Of one correlation id with few events."""
    prune_ms_per_event: float
    worker_start_s: float
    """From the request to restart the notifications worker until an event is notified that was committed after it."""
    audit_start_s: float
    """The same for the audit worker, until the event's line is in the file."""
    capture_restart_s: float
    memory_mb: dict[str, float]
    """Component → proportional set size with what it starts, after the load and the restarts."""
    disk_bytes_per_event: float
    reconciled: bool
    """Whether all sources agreed after all of this but the pruning."""


def list_levels(events: int) -> list[int]:
    """Return the powers of ten from FIRST_LEVEL up to `events`, and `events` itself as the last."""
    levels = []
    level = FIRST_LEVEL
    while level < events:
        levels.append(level)
        level *= 10
    return [*levels, events]


def require_room(events: int) -> None:
    """Raise NoRoom when the folder of temporary files cannot hold so many events."""
    folder = Path(tempfile.gettempdir())
    free, needed = shutil.disk_usage(folder).free, events * BYTES_PER_EVENT
    if free < needed:
        raise NoRoom(
            f"{events:,} events need {needed / 1e9:.1f} GB in {folder}, which has {free / 1e9:.1f} GB free;"
            " choose fewer with --events, or another folder with TMPDIR"
        )


def measure_levels(levels: Sequence[int], say: Callable[[str], None]) -> Iterator[Level]:
    """Yield what was measured at each level, on an instance of its own. Raises NoRoom and what the measurements raise."""
    require_room(max(levels))
    for events in levels:
        effort = Effort() if events >= FIRST_LEVEL else TRIAL
        with filled_instance(events, say) as (settings, fill_s):
            level = _measure(settings, events, fill_s, effort, say)
        yield level


def _measure(settings: Settings, events: int, fill_s: float, effort: Effort, say: Callable[[str], None]) -> Level:
    say(f"{events:,} events: waiting until the components are idle")
    settles_s = _wait_until_idle(settings)
    other_work = _measure_other_work(settings)
    say(f"{events:,} events: latency, {effort.latency_commands} commands")
    latency = measure_latency(settings, effort.latency_commands, instance.versions(settings))
    say(f"{events:,} events: {effort.storm_commands} commands as fast as possible")
    throughput = measure_throughput(settings, effort.storm_commands, WRITERS)
    say(f"{events:,} events: a page without a browser")
    refresh_ms = measure_refresh(settings)
    say(f"{events:,} events: status and restarts")
    status_s = _median_s(effort.repetitions, lambda: status(settings))
    starts = _measure_restarts(settings, effort)
    memory = {part.name: part.memory_mb for part in status(settings).parts if part.memory_mb}
    _wait_until_idle(settings)
    say(f"{events:,} events: reconcile")
    of_run_s = _median_s(effort.repetitions, lambda: _reconcile_run(settings))
    reconciled = measure_reconcile(settings)
    disk_bytes = _count_bytes(settings.data)
    say(f"{events:,} events: prune")
    prune_s, pruned = _measure_prune(settings, events)
    return Level(
        events=events,
        fill_s=round(fill_s, 1),
        settles_s=round(settles_s, 1),
        other_work_percent=round(other_work, 1),
        p50_ms=latency.p50_ms,
        p99_ms=latency.p99_ms,
        commands_per_s=throughput.commands_per_s,
        refresh_ms=round(refresh_ms, 1),
        status_s=round(status_s, 3),
        reconcile_s=reconciled.seconds,
        reconcile_us_per_event=round(reconciled.seconds * 1e6 / reconciled.committed, 2),
        reconcile_cpu_us_per_event=round(reconciled.cpu_s * 1e6 / reconciled.committed, 2),
        reconcile_peak_mb=reconciled.peak_mb,
        reconcile_of_run_s=round(of_run_s, 3),
        prune_ms_per_event=round(prune_s * 1000 / pruned, 4),
        worker_start_s=round(starts[0], 2),
        audit_start_s=round(starts[1], 2),
        capture_restart_s=round(starts[2], 2),
        memory_mb=memory,
        disk_bytes_per_event=round(disk_bytes / reconciled.committed, 1),
        reconciled=reconciled.complete,
    )


def _measure_restarts(settings: Settings, effort: Effort) -> list[float]:
    """Return the seconds of the notifications worker, the audit worker and the capture."""
    components = ((worker_names(settings)[0], False), ("audit", True), (settings.facts.capture.component, False))
    return [
        median(measure_restart(settings, component, is_audited) for _ in range(effort.repetitions))
        for component, is_audited in components
    ]


def measure_restart(settings: Settings, component: str, is_audited: bool) -> float:
    """Restart a component, commit an event at once, and return the seconds until it has its effect. Raises TookTooLong.

    The effect is the event's notification, or its audit line.
    """
    correlation_id = str(uuid.uuid4())
    began = time.monotonic()
    restart_component(settings, component)
    with Application(settings, pool_size=1) as application:
        send_command(application, correlation_id)

        def has_effect() -> bool:
            return _is_at_end(settings.audit_file, correlation_id) and count_notified(application, correlation_id) > 0

        def is_notified() -> bool:
            return count_notified(application, correlation_id) > 0

        until(has_effect if is_audited else is_notified, EFFECT_WITHIN_S, f"an effect after {component} started", 0.02)
    return time.monotonic() - began


def _is_at_end(path: Path, correlation_id: str) -> bool:
    """Return whether one of the last lines of a file has this id."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return correlation_id.encode() in file.read()


def _reconcile_run(settings: Settings) -> None:
    correlation_id = str(uuid.uuid4())
    with Application(settings, pool_size=1) as application:
        reconcile(application, settings, correlation_id)


def _measure_prune(settings: Settings, events: int) -> tuple[float, int]:
    """Prune the oldest events by their age, and return the seconds and the number of pruned events."""
    last_seq = min(PRUNED_EVENTS, events // 2)
    with Application(settings, pool_size=1) as application, application.reading() as connection:
        query = select(outbox_event.c.occurred_at).where(outbox_event.c.seq == last_seq)
        age = utc_now() - connection.execute(query).scalar_one()
    began = time.monotonic()
    pruned = prune(settings, keep_days=age / timedelta(days=1))
    return time.monotonic() - began, pruned.pruned


def _median_s(repetitions: int, measured: Callable[[], object]) -> float:
    durations = []
    for _ in range(repetitions):
        began = time.monotonic()
        measured()
        durations.append(time.monotonic() - began)
    return median(durations)


def _wait_until_idle(settings: Settings) -> float:
    """Return the seconds until the components need little of a processor. Raises TookTooLong."""
    began = time.monotonic()
    running = processes.find_processes(settings)

    def is_idle() -> bool:
        before = _processor_s(running)
        time.sleep(IDLE_FOR_S)
        return (_processor_s(running) - before) / IDLE_FOR_S * 100 < IDLE_PERCENT

    with suppress(TookTooLong):
        until(is_idle, IDLE_WITHIN_S, "idle components")
    return time.monotonic() - began


def _measure_other_work(settings: Settings) -> float:
    running = processes.find_processes(settings)
    before, began = _processor_s(running), time.monotonic()
    busy_percent = psutil.cpu_percent(interval=IDLE_FOR_S)
    cores = psutil.cpu_count() or 1
    ours_percent = (_processor_s(running) - before) / (time.monotonic() - began) / cores * 100
    return max(0.0, busy_percent - ours_percent)


def _processor_s(running: list[psutil.Process]) -> float:
    total = 0.0
    for process in running:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _count_bytes(folder: Path) -> int:
    """Return the size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
