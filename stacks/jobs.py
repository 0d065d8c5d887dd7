"""Run long work in a process that outlives its caller: a reset, for example, stops the page that started it.

`python -m stacks.jobs RECORD -- COMMAND…` runs the command and writes its result to the file RECORD, below the instance's
logs, which is the only folder that a reset of everything keeps.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from domain.errors import ExpectedError
from settings import Settings
from settings.model import REPOSITORY
from stacks import environment, processes
from stacks.privacy import UMASK

TAIL_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Job:
    name: str
    started_at: float
    """Seconds since the epoch."""
    pid: int
    ended_at: float | None = None
    code: int | None = None
    """The command's exit code; None while it runs, or when its process was killed."""
    output: str = ""
    """The end of its output."""

    @property
    def running(self) -> bool:
        return self.ended_at is None and processes.is_alive(self.pid)


class JobRuns(ExpectedError):
    """The same job is already running."""


def start(settings: Settings, name: str, command: Sequence[str]) -> None:
    """Run `python -m` with these arguments in a detached process. Raises JobRuns."""
    last_job = read(settings, name)
    if last_job is not None and last_job.running:
        raise JobRuns(f"{name} is under way already")
    record = _record_file(settings, name)
    record.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "stacks.jobs", str(record), "--", sys.executable, "-m", *command],
        cwd=REPOSITORY,
        env={
            **environment.without_component(settings),
            "ALPES_HOME": str(settings.home),
            "PYTHONPATH": str(REPOSITORY),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        umask=UMASK,
    )
    process.returncode = 0  # the process outlives this one; without this, Popen warns about that
    _write_record(record, Job(name, time.time(), process.pid))


def interrupt(settings: Settings, name: str) -> None:
    """Ask the command of a job that is under way to end, with SIGTERM; do nothing when there is none."""
    job = read(settings, name)
    if job is None or not job.running:
        return
    with suppress(psutil.Error):
        for command in psutil.Process(job.pid).children():
            command.terminate()


def read(settings: Settings, name: str) -> Job | None:
    """Return the last job of this name, or None when there was none."""
    try:
        return Job(**json.loads(_record_file(settings, name).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _record_file(settings: Settings, name: str) -> Path:
    return settings.logs / "jobs" / f"{name}.json"


def _write_record(record: Path, job: Job) -> None:
    temporary = record.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(asdict(job)), encoding="utf-8")
    temporary.replace(record)


def main(record: Path, command: Sequence[str]) -> int:
    job = Job(record.stem, time.time(), os.getpid())
    finished = subprocess.run(
        command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    output = finished.stdout[-TAIL_BYTES:].decode("utf-8", "replace").strip()
    record.parent.mkdir(parents=True, exist_ok=True)
    _write_record(record, replace(job, ended_at=time.time(), code=finished.returncode, output=output))
    return finished.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[3:]))
