"""Shrink the schedule of a run of chaos that failed: each part of it is tried on a private instance of its own."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable

from scenarios import chaos_schedule, end_to_end, runner
from scenarios.chaos_schedule import Place, Schedule
from scenarios.model import Result
from scenarios.shrinking import shrink
from settings import Settings


def shrink_schedule(
    settings: Settings, failed: Result, minutes: float, ends_at: float, say: Callable[[str], None]
) -> Schedule:
    """Return the fewest faults of the run's schedule that still break one of the properties that it broke.

    The instances have the components of the one that failed. At `ends_at`, by the monotonic clock, the smallest schedule so
    far is returned.
    """
    schedule = chaos_schedule.read(str(failed.figures["schedule"]))

    def fails(kept: list[Place]) -> bool:
        candidate = chaos_schedule.keep(schedule, set(kept))
        text = chaos_schedule.write(candidate)
        with end_to_end.running(settings.stack, private=True, part_modules=settings.part_modules) as own:
            result = runner.run(own, failed.name, failed.seed, minutes, faults=text)
        has_failed = result.verdict == "FAIL" and not set(result.broken()).isdisjoint(failed.broken())
        say(f"  {'fails' if has_failed else 'does not fail'}: {text}")
        return has_failed

    kept = shrink(chaos_schedule.places(schedule), fails, lambda: time.monotonic() > ends_at)
    return chaos_schedule.keep(schedule, set(kept))


def write_command(settings: Settings, failed: Result, minutes: float, schedule: Schedule) -> str:
    """Return the command that runs this schedule."""
    faults = shlex.quote(chaos_schedule.write(schedule))
    return (
        f"./alpes scenario chaos --stack {settings.stack} --seed {failed.seed} --minutes {minutes:g} --faults {faults}"
    )
