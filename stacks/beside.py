"""Run the program of a component once more beside it, in a process of its own, for as long as its starter wants.

The process is told by the end of its standard input that it must end (`workers.process`). So it ends with its starter, also
when that one is killed, and in a container too.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from domain.errors import ExpectedError
from domain.message import Message
from settings import Settings
from stacks import environment, processes
from stacks.command import Command
from stacks.compose.docker import Docker
from stacks.control import PartUnknown
from stacks.privacy import UMASK
from stacks.python_parts import list_python_parts
from stacks.supervisor import part_environment

ENDS_WITHIN_S = 15.0
"""Time that the process has for the work in its hands, before it is killed."""


class EndedBeside(ExpectedError):
    """The process ended, although nobody told it to; `str(error)` gives its exit code and its log."""


class Beside:
    """A process with the program of a component; use it in a `with` block.

    `variables` are added to the component's environment. Raises PartUnknown, or NotRunning or DockerUnavailable for containers.
    """

    def __init__(self, settings: Settings, part: str, name: str, variables: Mapping[str, str], log: Path) -> None:
        self._settings = settings
        self._part = part
        self._name = name
        self._log = log
        self._command = build_command(settings, part, name, variables)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.write_bytes(b"")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def ended(self) -> EndedBeside:
        """Return the error that says how the process ended."""
        code = self.exit_code()
        return EndedBeside(
            Message("beside.ended", part=self._part, code=0 if code is None else code, log=str(self._log))
        )

    def exit_code(self) -> int | None:
        """Return the code with which the process has ended, as Popen gives it; None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start the process, which does not run."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command.argv,
                cwd=self._command.cwd,
                env=self._command.env,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C ends its starter, which then tells it to end
                umask=UMASK,
            )

    def kill(self) -> None:
        """Kill the process with SIGKILL, if it has not ended yet."""
        process = self._process
        if process is None:
            return
        if self._settings.facts.in_containers:
            Docker(self._settings).remove_beside(self._name)
        else:
            processes.kill_named(self._settings, self._name)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ENDS_WITHIN_S)
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()


def build_command(settings: Settings, part: str, name: str, variables: Mapping[str, str]) -> Command:
    """Return the command of a component's program as a process of another name, with its whole environment.

    Raises PartUnknown, or NotRunning or DockerUnavailable for containers.
    """
    if settings.facts.in_containers:
        return Docker(settings).command_beside(part, name, variables)
    command = _read_installed(settings, part)
    env = environment.without_component(settings) | {**command.env, "ALPES_PART": name, **variables}
    return Command(command.argv, command.cwd, env)


def _read_installed(settings: Settings, part: str) -> Command:
    """Return what the supervisor runs as the component, or would run in an instance whose components run elsewhere."""
    with contextlib.suppress(FileNotFoundError):
        specification = json.loads(environment.part_file(settings, part).read_text(encoding="utf-8"))
        return Command(tuple(specification["argv"]), Path(specification["cwd"]), specification["env"])
    for listed in list_python_parts(settings):
        if listed.name == part:
            return Command(listed.command.argv, listed.command.cwd, part_environment(settings, listed))
    raise PartUnknown(f"no component {part!r}")
