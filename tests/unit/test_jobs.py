"""Test jobs: processes that outlive the one that started them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from scenarios.waiting import until
from settings import Settings
from stacks import jobs
from stacks.processes import free_port


def test_a_job_outlives_its_starter_and_keeps_its_end(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    jobs.start(settings, "failing", ("this.is.no.module",))

    def ended() -> bool:
        job = jobs.read(settings, "failing")
        return job is not None and job.ended_at is not None

    until(ended, 20, "the job ended")
    job = jobs.read(settings, "failing")
    assert job is not None
    assert job.code == 1
    assert "this" in job.output
    assert not job.running


def test_a_job_is_interrupted_and_its_end_is_kept(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    jobs.interrupt(settings, "endless")  # there is none: nothing happens
    jobs.start(settings, "endless", ("http.server", "--bind", "127.0.0.1", str(free_port())))

    def interrupt_until_ended() -> bool:
        jobs.interrupt(settings, "endless")  # the command may not have started yet
        job = jobs.read(settings, "endless")
        return job is not None and job.ended_at is not None

    until(interrupt_until_ended, 20, "the job ended")
    job = jobs.read(settings, "endless")
    assert job is not None
    assert not job.running
    assert job.code not in (None, 0, 1)


def test_the_same_job_does_not_run_twice_at_once(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    record = settings.logs / "jobs" / "reset.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"name": "reset", "started_at": 1.0, "pid": os.getpid()}))
    with pytest.raises(jobs.JobRuns):
        jobs.start(settings, "reset", ("this",))
