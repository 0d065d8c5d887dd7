"""Find out in which functions the busiest Python processes spend their time: samples of their stacks, taken by py-spy under load."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from application import Application
from application.permissions import Action, require
from bench import children
from bench.outcome import send_command
from bench.profile import CLIENT, read_usage
from bench.writers import repeat_in_threads
from domain.errors import ExpectedError
from settings import Settings
from stacks.controls import control

PY_SPY = Path(sys.executable).with_name("py-spy")
SAMPLES_PER_S = 100
HOTTEST = 3
WARM_UP_S = 3.0
COMPARED_FOR_S = 3.0
"""How long the processor time of all processes is compared, to choose the hottest."""
ENDS_WITHIN_S = 60.0
STARTERS = (
    "<string>",
    "<frozen runpy>",
    "stacks/fork_server.py",
    "supervisor/",
    "multiprocessing/",
    "threading.py",
    "bench/children.py",
)
"""Files of the frames at the bottom of a stack that only start its process or thread."""

Stack = tuple[str, ...]
"""Frames, the outermost first, each as `function (file:line)`."""


class CannotSample(ExpectedError):
    """py-spy is missing, or may not read a process; `str(error)` says what to do."""


@dataclass(frozen=True, slots=True)
class Flame:
    process: str
    cores_busy: float
    """Processor seconds in a second of the load, before the samples were taken."""
    stacks: dict[Stack, int]
    """How often each stack of the thread that held the interpreter was seen. A thread that waits, or works in a driver's C code
    without the interpreter, is not seen."""

    @property
    def samples(self) -> int:
        return sum(self.stacks.values())

    def list_hottest(self, count: int) -> list[tuple[str, float]]:
        """Return the functions with the most samples of their own, each with its share of all samples."""
        own = Counter[str]()
        for stack, samples in self.stacks.items():
            own[stack[-1]] += samples
        return [(function, samples / self.samples) for function, samples in own.most_common(count)]


def sample_hottest(settings: Settings, writers: int, seconds: int, say: Callable[[str], None]) -> list[Flame]:
    """Send commands as fast as `writers` threads of another process can, and sample the `HOTTEST` Python processes meanwhile.

    Raises CannotSample, Forbidden, NotRunning, or ChildFailed when the load ends too early.
    """
    require(settings, Action.ISSUE_COMMANDS)
    if not PY_SPY.exists():
        raise CannotSample(f"{PY_SPY} is missing; `./alpes bench flame` installs it")
    with children.running("load", _send, settings, writers) as load:
        time.sleep(WARM_UP_S)
        busy = _measure_cores({**_find_python(settings), CLIENT: psutil.Process(load.pid)})
        hottest = sorted(busy, key=lambda name: busy[name][1], reverse=True)[:HOTTEST]
        say(f"sampling {', '.join(hottest)} for {seconds} s")
        stacks = _record([busy[name][0].pid for name in hottest], seconds)
    return [Flame(name, round(busy[name][1], 2), parse(text)) for name, text in zip(hottest, stacks, strict=True)]


def parse(text: str) -> dict[Stack, int]:
    """Return the stacks of py-spy's `raw` format, one in a line: frames separated by semicolons, and a count. Raise ValueError."""
    stacks = Counter[Stack]()
    for line in text.splitlines():
        frames, _, count = line.rpartition(" ")
        stack = _strip_starters([frame for frame in frames.split(";") if frame])
        if stack:
            stacks[stack] += int(count)
    return dict(stacks)


def _strip_starters(frames: Sequence[str]) -> Stack:
    """Return the frames without those at the bottom that only start the process or thread."""
    first = 0
    while first < len(frames) and frames[first].rpartition("(")[2].startswith(STARTERS):
        first += 1
    return tuple(frames[first:])


def _find_python(settings: Settings) -> dict[str, psutil.Process]:
    """Return the components that run in Python. Raise NotRunning."""
    python = os.path.realpath(sys.executable)
    python_parts = {}
    for state in control(settings).states():
        with suppress(psutil.Error):
            process = psutil.Process(state.pid) if state.pid else None
            if process is not None and os.path.realpath(process.exe()) == python:
                python_parts[state.name] = process
    return python_parts


def _measure_cores(processes: dict[str, psutil.Process]) -> dict[str, tuple[psutil.Process, float]]:
    before = {name: read_usage(process) for name, process in processes.items()}
    began = time.monotonic()
    time.sleep(COMPARED_FOR_S)
    wall_s = time.monotonic() - began
    return {
        name: (process, read_usage(process).since(before[name]).cpu_s / wall_s) for name, process in processes.items()
    }


def _record(pids: Sequence[int], seconds: int) -> list[str]:
    """Return py-spy's samples of each process. Raise CannotSample."""
    with TemporaryDirectory(prefix="alpes-flame-") as folder, ExitStack() as stack:
        options = ["--function", "--gil", "--format=raw", f"--duration={seconds}", f"--rate={SAMPLES_PER_S}"]
        files = [Path(folder) / str(pid) for pid in pids]
        recordings = []
        for pid, file in zip(pids, files, strict=True):
            recording = subprocess.Popen(
                [PY_SPY, "record", *options, "--output", file, "--pid", str(pid)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.callback(_end, recording)
            recordings.append(recording)
        for recording in recordings:
            _, errors = recording.communicate(timeout=seconds + ENDS_WITHIN_S)
            if recording.returncode:
                raise CannotSample(_explain(errors))
        return [file.read_text(encoding="utf-8") for file in files]


def _end(recording: subprocess.Popen[str]) -> None:
    if recording.poll() is None:
        recording.kill()
        recording.wait()


def _explain(errors: str) -> str:
    if "ermission" in errors:
        return (
            "py-spy may not read the components: run the command as root, or allow it until the next start of the machine"
            " with `sudo sysctl kernel.yama.ptrace_scope=0`"
        )
    return f"py-spy failed: {errors.strip()[-300:]}"


def _send(settings: Settings, writers: int, pipe: Pipe) -> None:
    """Send commands by so many threads until the other end of the pipe is closed. Raises the first error of a thread."""
    correlation_id = str(uuid.uuid4())

    def send_next() -> bool:
        send_command(application, correlation_id)
        return children.is_open(pipe)

    with Application(settings, pool_size=writers + 1) as application:
        pipe.send(children.READY)
        repeat_in_threads(writers, send_next)
