"""Shrink the schedule of a failed chaos run: run smaller schedules, each on a private instance of its own."""

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
    settings: Settings, failed: Result, minutes: float, deadline: float, say: Callable[[str], None]
) -> Schedule:
    """Return the part of the run's schedule with the fewest faults that still break a property which the run broke.

    The private instances run the modules of the failed instance's components. At `deadline`, by the monotonic clock, the
    search ends with the smallest failing schedule found until then.
    """
    schedule = chaos_schedule.read(str(failed.figures["schedule"]))

    def fails(places: list[Place]) -> bool:
        candidate = chaos_schedule.keep(schedule, set(places))
        text = chaos_schedule.write(candidate)
        with end_to_end.running(settings.stack, private=True, part_modules=settings.part_modules) as own_settings:
            result = runner.run(own_settings, failed.name, failed.seed, minutes, faults=text)
        has_failed = result.verdict == "FAIL" and not set(result.broken()).isdisjoint(failed.broken())
        say(f"  {'fails' if has_failed else 'does not fail'}: {text}")
        return has_failed

    kept_places = shrink(chaos_schedule.list_places(schedule), fails, lambda: time.monotonic() > deadline)
    return chaos_schedule.keep(schedule, set(kept_places))


def write_command(settings: Settings, failed: Result, minutes: float, schedule: Schedule) -> str:
    """Return the command line that runs chaos with this schedule."""
    faults = shlex.quote(chaos_schedule.write(schedule))
    return (
        f"./alpes scenario chaos --stack {settings.stack} --seed {failed.seed} --minutes {minutes:g} --faults {faults}"
    )
