"""Make system calls of a running process slow, or make them fail, by `strace` (Linux): a disk that is slow, or full.

`timeout` ends `strace` when the time is over, also when the process that asked for it has ended. A process that is no longer
traced goes on as if nothing had been.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from domain.errors import ExpectedError
from domain.message import Message
from stacks.privacy import UMASK

ATTACHES_WITHIN_S = 20.0
DETACHES_WITHIN_S = 5.0
FLUSHES = "fsync,fdatasync"
WRITES = "write,pwrite64,writev,pwritev"


class TracingUnavailable(ExpectedError):
    """System calls cannot be changed here; `str(error)` says why."""


def delay_flushes(delay_s: float) -> tuple[str, ...]:
    """Return the injection that makes each flush to the disk take `delay_s` longer."""
    return ("-e", f"trace={FLUSHES}", "-e", f"inject={FLUSHES}:delay_enter={delay_s * 1e6:.0f}")


def refuse_writes(files: Sequence[Path]) -> tuple[str, ...]:
    """Return the injection that makes each write to these files fail as on a full disk."""
    of_files = [word for file in files for word in ("-P", str(file))]
    return (*of_files, "-e", f"trace={WRITES}", "-e", f"inject={WRITES}:error=ENOSPC")


def is_available() -> bool:
    """Return whether the programs are there; whether the system permits it shows only in `attach`."""
    return all(map(shutil.which, ("strace", "timeout")))


def attach(pid: int, injection: Sequence[str], hold_s: float) -> int:
    """Change the system calls of a process for `hold_s` seconds, and return the pid by which `detach` ends this earlier.

    Raises TracingUnavailable.
    """
    strace, timeout = shutil.which("strace"), shutil.which("timeout")
    if strace is None or timeout is None:
        raise TracingUnavailable(Message("tracing.missing"))
    tracer = subprocess.Popen(
        [timeout, "--kill-after=2", f"{hold_s}", strace, "-qq", "-f", *injection, "-o", os.devnull, "-p", str(pid)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # it outlives its starter
        umask=UMASK,
    )
    assert tracer.stderr is not None
    with tracer.stderr:
        deadline = time.monotonic() + ATTACHES_WITHIN_S
        while not is_traced(pid):
            if tracer.poll() is not None and _has_ended(pid):
                break  # the first call that failed ended the process
            if tracer.poll() is not None or time.monotonic() > deadline:
                tracer.terminate()
                why = tracer.communicate()[1].strip() or "it did not attach in time"
                raise TracingUnavailable(Message("tracing.refused", why=why[-300:]))
            time.sleep(0.02)
    tracer.returncode = 0  # it outlives this process; without this, Popen warns about that
    return tracer.pid


def detach(tracer_pid: int, pid: int) -> None:
    """End what `attach` began. Does nothing when it has ended."""
    with contextlib.suppress(psutil.Error, OSError):
        if psutil.Process(tracer_pid).name() == "timeout":  # and not another process with its number
            os.kill(tracer_pid, signal.SIGTERM)
    deadline = time.monotonic() + DETACHES_WITHIN_S
    while is_traced(pid) and time.monotonic() < deadline:
        time.sleep(0.02)


def _has_ended(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def is_traced(pid: int) -> bool:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("TracerPid:"):
                return line.split()[1] != "0"
    return False
