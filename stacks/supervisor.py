"""Control `supervisord`: write its configuration, start it, and call its XML-RPC over a socket that only this user can open."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from application.leases import lease_file
from application.wake import choose_socket_address
from settings import Settings, files
from settings.model import REPOSITORY
from stacks import environment, processes
from stacks.command import Part
from stacks.control import NotRunning, PartState, PartUnknown
from stacks.privacy import UMASK

__all__ = ["GATE", "NotRunning", "PartState", "PartUnknown", "Supervisor", "part_environment"]

GATE = Path(__file__).with_name("gate.py")
FORK_SERVER = Path(__file__).with_name("fork_server.py")
ENDS_WITHIN_S = 5.0
"""A process ends within this time after a SIGKILL."""


class Supervisor:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._address = choose_socket_address(settings.run / "supervisor.sock")
        self._is_stand_in = self._address != str(settings.run / "supervisor.sock")

    def start(self) -> int:
        """Start supervisord with the written configuration, detached from this terminal, and return its pid."""
        with (self._settings.logs / "supervisord.err").open("w") as errors:
            process = subprocess.Popen(
                # -P: without it, Python would import modules from the folder of the script.
                [sys.executable, "-P", str(FORK_SERVER), "-n", "-c", str(self._config)],
                cwd=self._settings.home,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
                umask=UMASK,
            )
        process.returncode = 0  # supervisord outlives this process; without this, Popen warns about that
        return process.pid

    def running(self) -> bool:
        try:
            with self._rpc() as rpc:
                return bool(rpc.supervisor.getState()["statecode"] == 1)
        except (OSError, xmlrpc.client.Error):
            return False

    def pid_of_itself(self) -> int:
        """Return supervisord's own pid, 0 while it has none."""
        try:
            return int((self._settings.run / "supervisord.pid").read_text())
        except (OSError, ValueError):
            return 0

    def states(self) -> list[PartState]:
        """Return the state of every component. Raises NotRunning."""
        return [
            PartState(row["name"], row["statename"], row["pid"], row["start"], row["spawnerr"])
            for row in self._call("getAllProcessInfo")
        ]

    def pid(self, part: str) -> int:
        """Return the process id of a component, 0 while it has none. Raises PartUnknown or NotRunning."""
        for state in self.states():
            if state.name == part:
                return state.pid
        raise PartUnknown(f"no component {part!r}; there are {', '.join(sorted(row.name for row in self.states()))}")

    def stop_part(self, part: str) -> None:
        try:
            self._call("stopProcess", part, True)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != 70:  # 70: it is not running
                raise PartUnknown(f"{part}: {fault.faultString}") from fault

    def start_part(self, part: str) -> None:
        try:
            self._call("startProcess", part, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != 60:  # 60: it is running already
                raise PartUnknown(f"{part}: {fault.faultString}") from fault

    def restart_part(self, part: str) -> None:
        pid = self.pid(part)
        if not pid:
            self.start_part(part)
            return
        # The process is ended, not stopped through supervisord, which then starts it again by itself.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            if not self._wait_until_replaced(part, pid, self._stop_wait_s(part)):
                os.kill(pid, signal.SIGKILL)
                self._wait_until_replaced(part, pid, ENDS_WITHIN_S)

    def hold_part(self, part: str) -> None:
        if not self._at_gate(self.pid(part)):
            self.restart_part(part)

    def release_part(self, part: str) -> None:
        """Do nothing: the gate notices by itself."""

    def _wait_until_replaced(self, part: str, pid: int, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if self.pid(part) != pid:
                return True
            time.sleep(0.02)
        return False

    def _stop_wait_s(self, part: str) -> float:
        return float(json.loads(self.part_file(part).read_text(encoding="utf-8"))["stop_wait_s"])

    @staticmethod
    def _at_gate(pid: int) -> bool:
        with contextlib.suppress(psutil.Error):
            return bool(pid) and str(GATE) in " ".join(psutil.Process(pid).cmdline())
        return False

    def kill(self, part: str) -> None:
        pid = self.pid(part)
        if not pid:
            raise PartUnknown(f"{part} is not running")
        os.kill(pid, signal.SIGKILL)

    def memory_mb(self) -> dict[str, float]:
        """Return the proportional set size of each running component."""
        megabytes_by_part = {state.name: _megabytes(state.pid) for state in self.states() if state.pid}
        return {
            name: megabytes for name, megabytes in megabytes_by_part.items() if megabytes
        }  # 0: the process has just started or ended

    def log_names(self) -> list[str]:
        return sorted(path.stem for path in self._settings.logs.glob("*.log"))

    def log(self, part: str, lines: int, follow: bool) -> Iterator[str]:
        names = self.log_names()
        if part not in names:
            known_names = ", ".join(names) or "none yet"
            raise PartUnknown(f"no log of {part!r} in {self._settings.logs}; there are: {known_names}")
        path = self._settings.logs / f"{part}.log"
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from deque(file, maxlen=lines)
            while follow:
                line = file.readline()
                if line:
                    yield line
                elif path.stat().st_size < file.tell():
                    file.seek(0)  # the log was rotated
                else:
                    time.sleep(0.2)

    def shutdown(self, last: Sequence[str], deadline_s: float) -> None:
        """Stop every component, those of `last` (database and broker) after the others, and then supervisord.

        Each group stops in parallel; supervisord's own shutdown would stop one after the other. Raises NotRunning.
        """
        with contextlib.suppress(xmlrpc.client.Fault):  # it is shutting down already, as at the end of the machine
            self._stop_components(last, deadline_s)
            self._call("shutdown")

    def _stop_components(self, last: Sequence[str], deadline_s: float) -> None:
        names = [state.name for state in self.states()]
        for group in ([name for name in names if name not in last], [name for name in names if name in last]):
            for name in group:
                with contextlib.suppress(xmlrpc.client.Fault):
                    self._call("stopProcess", name, False)
            deadline = time.monotonic() + deadline_s
            while any(state.pid for state in self.states() if state.name in group) and time.monotonic() < deadline:
                time.sleep(0.05)

    def write_config(self, parts: Sequence[Part]) -> None:
        settings = self._settings
        for folder in (settings.run, settings.logs, settings.data):
            folder.mkdir(parents=True, exist_ok=True)
        # The file holds names of components and never a path: its format would cut ` #`, ` ;` and `%` out of a home's name.
        sections = [_SUPERVISORD.format(socket=self._socket)]
        sections += [
            _PROGRAM.format(name=part.name, priority=part.priority, stop_wait=part.stop_wait_s) for part in parts
        ]
        self._config.write_text("\n".join(sections), encoding="utf-8")
        for part in parts:
            self.write_part(part)

    def write_part(self, part: Part) -> list[str]:
        """Write the specification that the gate reads, and return the command that starts the component through the gate."""
        files.write(self.part_file(part.name), self._specification(part))
        return [sys.executable, "-I", "-S", str(GATE), str(self.part_file(part.name))]

    def part_file(self, part: str) -> Path:
        """Return the file with the specification of a component."""
        return environment.part_file(self._settings, part)

    @property
    def _socket(self) -> str:
        """The socket's name for supervisord, whose working folder is the home: relative, or the stand-in's path."""
        return self._address if self._is_stand_in else "run/supervisor.sock"

    @property
    def _config(self) -> Path:
        return self._settings.run / "supervisord.conf"

    def _environment(self) -> dict[str, str]:
        own_variables = {
            "ALPES_HOME": str(self._settings.home),
            "ALPES_GATE": str(GATE),
            "ALPES_GATE_PYTHON": sys.executable,
        }
        return {name: value for name, value in os.environ.items() if name != "ALPES_PART"} | own_variables

    def _specification(self, part: Part) -> dict[str, Any]:
        return {
            "name": part.name,
            "lease": str(lease_file(self._settings, part.name)),
            "operation": str(self._settings.run / "operation.json"),
            "argv": list(part.command.argv),
            "cwd": str(part.command.cwd),
            "env": part_environment(self._settings, part),
            "stop_wait_s": part.stop_wait_s,
            "waits_for": str(part.waits_for or ""),
            "waits_while": str(part.waits_while or ""),
        }

    def _call(self, method: str, *arguments: Any) -> Any:
        try:
            with self._rpc() as rpc:
                return getattr(rpc.supervisor, method)(*arguments)
        except OSError as error:
            raise NotRunning("nothing is running here; `./alpes up` starts it") from error

    def _rpc(self) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._address}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)


def part_environment(settings: Settings, part: Part) -> dict[str, str]:
    """Return the environment variables of a component: the common ones and its own."""
    return {
        "ALPES_HOME": str(settings.home),
        "ALPES_PART": part.name,
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        **part.command.env,
    }


def _megabytes(pid: int) -> float:
    return round(processes.memory_bytes(pid) / 1e6, 1)


_SUPERVISORD = """[unix_http_server]
file={socket}
chmod=0700
[supervisord]
logfile=logs/supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
pidfile=run/supervisord.pid
childlogdir=logs
minfds=1024
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""

_PROGRAM = """[program:{name}]
command=/bin/sh -c 'exec "$ALPES_GATE_PYTHON" -I -S "$ALPES_GATE" "run/parts/$ALPES_PART.json"'
environment=ALPES_PART="{name}"
priority={priority}
autostart=true
autorestart=true
startsecs=1
startretries=1000000
stopwaitsecs={stop_wait}
umask=077
stopasgroup=false
killasgroup=true
redirect_stderr=true
stdout_logfile=logs/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=1
"""
