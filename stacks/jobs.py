"""Long work in a process of its own, which outlives who asked for it: the page that asks for a reset is stopped by it.

`python -m stacks.jobs RECORD -- COMMAND…` runs the command and keeps how it went in the file RECORD, below the instance's
logs: the only folder that a reset of everything leaves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from settings import Settings
from settings.model import REPOSITORY
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
    """The end of what it said."""

    @property
    def running(self) -> bool:
        return self.ended_at is None and psutil.pid_exists(self.pid)


class JobRuns(Exception):
    """The same job runs already."""


def start(settings: Settings, name: str, command: Sequence[str]) -> None:
    """Run `python -m` with these arguments, detached from whoever asks. Raises JobRuns."""
    last = read(settings, name)
    if last is not None and last.running:
        raise JobRuns(f"{name} is under way already")
    record = _record(settings, name)
    record.parent.mkdir(parents=True, exist_ok=True)
    # Without the name of a part: stopping the instance must not take it for one.
    env = {key: value for key, value in os.environ.items() if key != "ALPES_PART"}
    process = subprocess.Popen(
        [sys.executable, "-m", "stacks.jobs", str(record), "--", sys.executable, "-m", *command],
        cwd=REPOSITORY,
        env={**env, "ALPES_HOME": str(settings.home), "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        umask=UMASK,
    )
    process.returncode = 0  # it is meant to outlive us: Popen need not warn of it
    _write(record, Job(name, time.time(), process.pid))


def read(settings: Settings, name: str) -> Job | None:
    """How the last one of this name went; None when there was none."""
    try:
        return Job(**json.loads(_record(settings, name).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _record(settings: Settings, name: str) -> Path:
    return settings.logs / "jobs" / f"{name}.json"


def _write(record: Path, job: Job) -> None:
    temporary = record.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(asdict(job)), encoding="utf-8")
    temporary.replace(record)


def main(record: Path, command: Sequence[str]) -> int:
    job = Job(record.stem, time.time(), os.getpid())
    done = subprocess.run(
        command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    output = done.stdout[-TAIL_BYTES:].decode("utf-8", "replace").strip()
    record.parent.mkdir(parents=True, exist_ok=True)
    _write(record, replace(job, ended_at=time.time(), code=done.returncode, output=output))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[3:]))
