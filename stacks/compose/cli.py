"""Run the `docker` command for one instance: choose the project, the files and the values, and explain its failures."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator

from application import crash_points
from domain.errors import ExpectedError
from settings import Settings
from settings.model import REPOSITORY
from stacks.command import Command

FILE = REPOSITORY / "docker-compose.yml"
CLUSTER = REPOSITORY / "compose.cluster.yml"
"""Over the file, where the broker is a cluster."""
PROJECT = "alpes"
"""The project's name in the file (`name:`), which a plain `docker compose` in the repository uses too."""
UNPRIVILEGED = 1000
OLDEST_COMPOSE = (2, 24)
"""The first version that reads `!reset` and `!override` in compose.prod.yml; the demo alone would run with an older one."""
TERMINAL_CODE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""A control sequence of ECMA-48, such as a colour."""

NO_DOCKER = (
    "there is no `docker` on the PATH. Install Docker Engine or Docker Desktop with Compose 2.24 or newer; without Docker"
    " the same parts run with `./alpes up --stack native`. Inside a container the parts cannot be controlled: do it from"
    " the host"
)
NO_COMPOSE = (
    "this `docker` has no `compose`: install the plugin (Debian/Ubuntu: sudo apt-get install docker-compose-plugin, from"
    " Docker's own repository), or use `./alpes up --stack native`"
)
NO_DAEMON = (
    "Docker's daemon does not answer: start it (sudo systemctl start docker, or open Docker Desktop), and see that this"
    " user may use it (`docker info`); or use `./alpes up --stack native`"
)


class DockerUnavailable(ExpectedError):
    """Docker is missing, does not answer or refused; `str(error)` says what to do."""


def project(settings: Settings) -> str:
    """Return the project's name: the demo's own for the repository's instance, another one for every other home."""
    if settings.home.resolve() == (REPOSITORY / ".alpes" / "compose").resolve():
        return PROJECT
    return f"{PROJECT}-{hashlib.sha256(str(settings.home.resolve()).encode()).hexdigest()[:8]}"


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables of the compose file for this instance."""
    return {
        "ALPES_BIND": settings.bind,
        "ALPES_API_PORT": str(settings.api_port),
        "ALPES_DASHBOARD_PORT": str(settings.dashboard_port),
        "ALPES_BROKER_PORT": str(settings.broker_port),
        "ALPES_ADMIN_PORT": str(settings.admin_port),
        "ALPES_MYSQL_PORT": str(settings.mysql_port),
        "ALPES_NAR": settings.nar,
        "ALPES_CONTROL_TOKEN": settings.control_token.get_secret_value(),
        "ALPES_CRASH_KEY": crash_points.key(settings),
        "ALPES_DATA_DIR": str(settings.data),
        "ALPES_AUDIT_DIR": str(settings.data),
        "ALPES_RUN_DIR": str(settings.run),
        "ALPES_UID": str(owner()),
    }


def owner() -> int:
    """Return the user id that the containers run as: this user's, so that their files belong to this user, but never root's."""
    return os.getuid() or UNPRIVILEGED


def compose(settings: Settings, *arguments: str, show: bool = False) -> str:
    """Run `docker compose …` for the instance and return its output. With `show` it goes to this process's standard error.

    Raises DockerUnavailable.
    """
    return run(settings, *_words(settings), *arguments, show=show)


def build_command(settings: Settings, *arguments: str) -> Command:
    """Return the command `docker compose …` for the instance, with its whole environment. Raises DockerUnavailable."""
    return Command((_docker(), *_words(settings), *arguments), REPOSITORY, os.environ | environment(settings))


def run(settings: Settings, *arguments: str, show: bool = False) -> str:
    """Run `docker …` and return its output. Raises DockerUnavailable."""
    completed = subprocess.run(
        [_docker(), *arguments],
        cwd=REPOSITORY,
        env=os.environ | environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=2 if show else subprocess.PIPE,
        stderr=None if show else subprocess.PIPE,
        text=True,
        check=False,
    )
    if completed.returncode != 0:
        # The output went to the terminal and cannot be read here, so ask Docker once more whether it works at all.
        complaint = completed.stderr if not show else _complaint(settings)
        raise DockerUnavailable(_explain(complaint, arguments))
    return completed.stdout or ""


def lines(settings: Settings, *arguments: str) -> Iterator[str]:
    """Yield the lines that `docker compose …` prints, as they come, without a terminal's codes. Raises DockerUnavailable."""
    process = subprocess.Popen(
        [_docker(), *_words(settings), *arguments],
        cwd=REPOSITORY,
        env=os.environ | environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        # Compose 2.26 begins each line of a log with "erase this line", even with `--ansi` and `--no-color`.
        yield from (TERMINAL_CODE.sub("", line) for line in process.stdout)
        if process.wait() != 0:
            raise DockerUnavailable(_explain(process.stderr.read(), arguments))
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def require() -> None:
    """Raise DockerUnavailable when Docker or Compose does not answer here."""
    for words in ([_docker(), "info"], [_docker(), "compose", "version"]):
        completed = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if completed.returncode != 0:
            raise DockerUnavailable(_explain(completed.stderr, tuple(words[1:])))


def _words(settings: Settings) -> tuple[str, ...]:
    over = ("--file", str(CLUSTER)) if settings.cluster else ()
    return ("compose", "--file", str(FILE), *over, "--project-name", project(settings))


def _docker() -> str:
    program = shutil.which("docker")
    if program is None:
        raise DockerUnavailable(NO_DOCKER)
    return program


def _complaint(settings: Settings) -> str:
    commands = [[_docker(), "info"], [_docker(), *_words(settings), "version"]]
    for words in commands:
        completed = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if completed.returncode != 0:
            return completed.stderr
    return "the lines above say why"


def _explain(complaint: str, arguments: tuple[str, ...]) -> str:
    if "Cannot connect to the Docker daemon" in complaint or (
        "permission denied" in complaint and "docker.sock" in complaint
    ):
        return NO_DAEMON
    # A `docker` without the plugin takes `--file` for its own flag, or `compose` for an unknown command.
    if (
        "is not a docker command" in complaint
        or "unknown command: docker compose" in complaint
        or "unknown flag: --" in complaint
    ):
        return NO_COMPOSE
    verb = " ".join(word for word in arguments if not word.startswith("-"))[:80]
    return f"docker refused ({verb}): {complaint.strip()[-600:] or 'it said nothing'}"
