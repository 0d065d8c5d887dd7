"""A failure that a real mutant causes under chaos is shrunk to the one fault that it needs."""

from __future__ import annotations

import time

import pytest

from mutants import running
from scenarios import chaos_schedule, chaos_shrinking, runner
from settings import Settings

SCHEDULE = "0.5:kill-audit@0.0,0.5:crash-notifications@0.0+kill-observer@0.5,0.5:kill-api@0.0"
MINUTES = 0.1


@pytest.mark.breadth
@pytest.mark.timeout(900)
def test_a_worker_that_acknowledges_early_is_found_and_needs_its_crash_alone() -> None:
    said: list[str] = []
    with running.installed("worker_acknowledges_early", "embedded") as settings:
        failed = runner.run(settings, "chaos", 1, MINUTES, faults=SCHEDULE)
        assert failed.verdict == "FAIL"
        assert "nothing_lost" in failed.broken()
        smallest = chaos_shrinking.shrink_schedule(settings, failed, MINUTES, time.monotonic() + 600, said.append)
    assert [[each.fault for each in step.faults] for step in smallest] == [["crash-notifications"]], said


@pytest.mark.breadth
@pytest.mark.timeout(900)
def test_a_sound_system_passes_under_chaos(embedded: Settings) -> None:
    result = runner.run(embedded, "chaos", 1, 1)
    assert result.verdict == "PASS", result.reason
    assert len(chaos_schedule.read(str(result.figures["schedule"]))) > 1
