"""Type the original description's commands at a terminal, one after the other, and compare each output with the expected one.

They run in a copy of the project with a compose project of its own: `docker compose down -v` and `rm -rf data/*` are among
them, and they must not touch anybody's data.
"""

from __future__ import annotations

import os
import pty
import re
import secrets
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

import yaml

from settings.model import REPOSITORY
from stacks.compose.cli import PROJECT, TERMINAL_CODE, DockerUnavailable

FILE = Path(__file__).with_name("description.yml")
CONTAINERS = ("mysql", "pulsar", "notificaciones", "commands")
"""Names that the commands pass to `docker ps -qf name=`."""
PROGRAMS = ("bash", "curl", "jq", "uuidgen")
API_PORT = 5001
WITHIN_S = 90.0
CTRL_C = b"\x03"
LEFT_OUT = (".git", ".venv", ".alpes", "__pycache__", ".*_cache", "data", "node_modules", ".hypothesis")


@dataclass(frozen=True, slots=True)
class Line:
    typed: str
    sees: tuple[str, ...] = ()
    """Regular expressions, each to be found in what the terminal shows."""
    live: bool = False
    again: float = 0.0
    """Seconds during which the line is typed again until its output matches all expressions."""
    within: float = WITHIN_S
    """Deadline of one attempt, in seconds."""
    added: str = ""
    """Why this line is here although the description does not contain it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    typed: str
    ok: bool
    seconds: float
    detail: str
    """The expressions that did not match, with the end of the output; empty when the line passed."""
    added: bool


def lines(path: Path = FILE) -> list[Line]:
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [Line(**{**row, "typed": row["typed"].strip(), "sees": tuple(row.get("sees", ()))}) for row in rows]


def run(say: Callable[[Outcome], None] = lambda outcome: None) -> list[Outcome]:
    """Type every line, stop at the first that fails, and return the outcomes. Raises DockerUnavailable when Docker cannot run here."""
    outcomes: list[Outcome] = []
    with _place() as (folder, environment):
        port = environment["ALPES_API_PORT"]
        for line in lines():
            outcomes.append(_judge_line(line, line.typed.replace(f":{API_PORT}/", f":{port}/"), folder, environment))
            say(outcomes[-1])
            if not outcomes[-1].ok:
                break
    return outcomes


@contextmanager
def _place() -> Iterator[tuple[Path, dict[str, str]]]:
    """Make a copy of the project, yield it with the variables that keep its containers apart, and remove both."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise DockerUnavailable(f"the description's commands need {', '.join(missing)}; install them")
    _require_no_namesakes()
    with tempfile.TemporaryDirectory(prefix="alpes-description-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch) / "project"
        shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
        (folder / "data").mkdir()
        environment = {
            "COMPOSE_PROJECT_NAME": f"{PROJECT}-description-{secrets.token_hex(3)}",
            "STATE": str(Path(scratch) / "variables"),
            **_ports(),
        }
        try:
            yield folder, environment
        finally:
            _quietly(["docker", "compose", "down", "--volumes", "--remove-orphans"], folder, environment)


def _require_no_namesakes() -> None:
    """Raise DockerUnavailable when a running container's name would match too: `docker exec` takes one, named by a part of its name."""
    listing = subprocess.run(["docker", "ps", "--format", "{{.Names}}"], capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        raise DockerUnavailable(listing.stderr.strip())
    namesakes = [name for name in listing.stdout.split() if any(part in name for part in CONTAINERS)]
    if namesakes:
        raise DockerUnavailable(
            f"the description's commands would meet {', '.join(namesakes)}: stop them first, or check the files only"
            " (`./alpes compose check --files`)"
        )


def _ports() -> dict[str, str]:
    """Return the description's ports, or other free ones in place of those that are taken."""
    from stacks.processes import find_port_holder, free_port

    wanted = {"API": API_PORT, "DASHBOARD": 8501, "BROKER": 6650, "ADMIN": 8080, "MYSQL": 13306}
    chosen = {name: free_port() if find_port_holder(port, "127.0.0.1") else port for name, port in wanted.items()}
    return {f"ALPES_{name}_PORT": str(port) for name, port in chosen.items()}


def _judge_line(line: Line, typed: str, folder: Path, environment: Mapping[str, str]) -> Outcome:
    began = time.monotonic()
    while True:
        output, code = _type(line, typed, folder, environment)
        missing = _find_missing(line, output)
        ok = not missing and (line.live or code == 0)
        if ok or time.monotonic() - began > line.again:
            break
        time.sleep(1)
    failures = [f"{pattern!r} was not seen" for pattern in missing] + (
        [] if line.live or code == 0 else [f"exit code {code}"]
    )
    detail = "" if ok else f"{', '.join(failures)}; shown at the end: {output[-600:].strip()}"
    return Outcome(line.typed, ok, round(time.monotonic() - began, 1), detail, bool(line.added))


def _type(line: Line, typed: str, folder: Path, environment: Mapping[str, str]) -> tuple[str, int]:
    """Type a line and return what the terminal shows, and the exit code. Variables that a line sets stay for the next ones."""
    script = (
        f'[ ! -e "$STATE" ] || . "$STATE"\n{typed}\ncode=$?\ndeclare -p CID COMM_ID >"$STATE" 2>/dev/null\nexit $code\n'
    )
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(script)
        file.flush()
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.execvpe("bash", ["bash", file.name], {**os.environ, **environment, "TERM": "xterm"})
        ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        try:
            return _watch(line, pid, terminal)
        finally:
            os.close(terminal)


def _watch(line: Line, pid: int, terminal: int) -> tuple[str, int]:
    output, began, pressed = b"", time.monotonic(), 0
    while True:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                read = os.read(terminal, 65536)
            except OSError:  # on Linux, reading a closed terminal raises this
                read = b""
            if not read:
                break
            output += read
        is_complete = line.live and not _find_missing(line, _text(output))
        if is_complete or time.monotonic() - began > line.within:
            # A program that is just starting may ignore the first Ctrl-C.
            if pressed >= 5:
                os.kill(pid, signal.SIGKILL)
            elif time.monotonic() - began > pressed:
                os.write(terminal, CTRL_C)
                pressed += 1
                time.sleep(0.5)
    return _text(output), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _find_missing(line: Line, output: str) -> list[str]:
    return [pattern for pattern in line.sees if not re.search(pattern, output)]


def _text(output: bytes) -> str:
    return TERMINAL_CODE.sub("", output.decode(errors="replace")).replace("\r\n", "\n")


def _quietly(words: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    subprocess.run(words, cwd=folder, env={**os.environ, **environment}, capture_output=True, check=False)
