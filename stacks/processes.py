"""Find the processes of an instance by the environment that the supervisor gave them: `ALPES_HOME` and `ALPES_PART`."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass

import psutil

from settings import Settings


@dataclass(frozen=True, slots=True)
class PortHolder:
    port: int
    pid: int | None
    description: str


def find_processes(settings: Settings) -> list[psutil.Process]:
    """Return every process of this instance's components, also those whose supervisor has ended."""
    matching = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            env = process.environ()
            if env.get("ALPES_PART") and env.get("ALPES_HOME") == str(settings.home):
                matching.append(process)
    return matching


def kill_named(settings: Settings, part: str) -> None:
    """Kill every process of this instance that got the name in its environment, those that it started too."""
    for process in find_processes(settings):
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("ALPES_PART") == part:
                process.kill()


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
