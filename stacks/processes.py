"""Find the processes of an instance, also those whose supervisor has ended.

A process shows the environment with which it was started: `ALPES_HOME` and `ALPES_PART`. A fork of `stacks/fork_server.py` was not
started and shows the fork server's; it holds the specification of its component open instead, until it ends.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from settings import Settings

_SHOWS_DESCRIPTORS = Path("/proc/self/fd").is_dir()
"""Linux, where alone there are such forks."""


@dataclass(frozen=True, slots=True)
class PortHolder:
    port: int
    pid: int | None
    description: str


def find_processes(settings: Settings) -> list[psutil.Process]:
    """Return every process of this instance's components, also those whose supervisor has ended."""
    return [process for process, _ in find_named(settings)]


def kill_named(settings: Settings, part: str) -> None:
    """Kill every process of this instance that has this component's name, those that it started too."""
    for process, name in find_named(settings):
        if name == part:
            with contextlib.suppress(psutil.Error, OSError):
                process.kill()


def find_named(settings: Settings) -> Iterator[tuple[psutil.Process, str]]:
    """Yield the processes of this instance, each with its component's name."""
    specifications = os.path.realpath(settings.run / "parts")
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            env = process.environ()
            name = env.get("ALPES_PART", "") if env.get("ALPES_HOME") == str(settings.home) else ""
            name = name or _find_specification(process.pid, specifications)
            if name:
                yield process, name


def _find_specification(pid: int, folder: str) -> str:
    """Return the name of the component whose specification in this folder a process holds open; empty without one. Raise OSError."""
    if not _SHOWS_DESCRIPTORS:
        return ""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            # A specification that was replaced or removed is still the one of its process.
            path = Path(str(descriptor.readlink()).removesuffix(" (deleted)"))
            if str(path.parent) == folder:
                return path.stem
    return ""


def end(processes: list[psutil.Process], wait_s: float = 5.0) -> None:
    """Terminate the processes, and kill those that do not end within `wait_s`."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=wait_s)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=2)


def memory_bytes(pid: int) -> int:
    """Return the proportional set size (Linux), else the unshared size; 0 for a process that has ended."""
    try:
        info = psutil.Process(pid).memory_full_info()
    except (psutil.Error, OSError):
        return 0
    return int(getattr(info, "pss", 0) or info.uss)


def find_port_holder(port: int, bind: str) -> PortHolder | None:
    """Return the process that listens on a port, or None when the port is free."""
    import socket

    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
            return None
        except OSError:
            pass
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                return PortHolder(port, connection.pid, _describe_process(connection.pid))
    return PortHolder(port, None, "another process")


def _describe_process(pid: int | None) -> str:
    if pid is None:
        return "another user's process"
    try:
        return " ".join(psutil.Process(pid).cmdline()).strip()[:100] or f"process {pid}"
    except psutil.Error:
        return f"process {pid}"


def free_port() -> int:
    """Return a port that is free now."""
    import socket

    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_alive(pid: int) -> bool:
    """Return whether the process runs. A zombie has ended, even if its parent has not noticed."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def wait_gone(pid: int, deadline_s: float) -> bool:
    """Return whether the process ended in time."""
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                return True
        except ChildProcessError:
            if not is_alive(pid):
                return True
        time.sleep(0.05)
    return False
