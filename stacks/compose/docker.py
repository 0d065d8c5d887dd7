"""Control the components of the compose stack through Docker, as `stacks.control.Control`.

A container that was killed through Docker counts as stopped on purpose: no restart policy brings it back. So each kill
leaves a small process of this machine behind that starts it again once its lease has run out (`stacks.compose.restorer`).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from application.components import find_component, get_base_name
from settings import SOURCE_NAME, Settings
from settings.model import REPOSITORY
from stacks.command import Command
from stacks.compose import cli
from stacks.compose.cli import DockerUnavailable
from stacks.control import NotRunning, PartState, PartUnknown
from stacks.privacy import UMASK

SERVICES = {"broker": "pulsar", "database": "mysql", "notifications": "notificaciones"}
"""Component → its service, where the service has the name of the original description."""
PARTS = {service: part for part, service in SERVICES.items()}
ONE_SHOTS = ("folders", "migrate", "source", "initialize")
SOURCE_LOG = f"logs/functions/public/default/{SOURCE_NAME}/{SOURCE_NAME}-0.log"
"""The source's log in the broker's container, relative to its working directory."""

_STATES = {"running": "RUNNING", "restarting": "BACKOFF", "created": "STOPPED", "paused": "STOPPED", "dead": "FATAL"}
_UNITS = {"B": 1e-6, "KiB": 1024e-6, "MiB": 1.048576, "GiB": 1073.741824, "kB": 1e-3, "MB": 1.0, "GB": 1e3}


def service(part: str) -> str:
    """Return the name of a component's service."""
    base, number = _split(part)
    if base == "broker" and number:  # one of a cluster's; the proxy before them is the service `pulsar`
        return part
    return SERVICES.get(base, base) + number


class Docker:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self, deadline_s: float) -> None:
        """Build missing images, start every service and wait until all are healthy. Raises DockerUnavailable."""
        words = ("up", "--detach", "--build", "--remove-orphans", "--wait", "--wait-timeout", f"{deadline_s:.0f}")
        cli.compose(self._settings, *words, show=True)

    def shutdown(self) -> None:
        """Stop and remove the containers; the volumes stay. Raises DockerUnavailable."""
        cli.compose(self._settings, "down", "--remove-orphans", show=True)

    def remove_data(self) -> None:
        """Remove the containers and volumes of the instance; the images stay. Raises DockerUnavailable."""
        cli.compose(self._settings, "down", "--remove-orphans", "--volumes", show=True)

    def environments(self) -> dict[str, dict[str, str]]:
        """Return {service: {name: value}}: the environment of each service as Docker reads the file, with variables filled in.

        Raises DockerUnavailable.
        """
        model = json.loads(cli.compose(self._settings, "config", "--format", "json"))
        return {name: values.get("environment") or {} for name, values in model["services"].items()}

    def running(self) -> bool:
        try:
            return bool(cli.compose(self._settings, "ps", "--quiet", "--status", "running").strip())
        except DockerUnavailable:
            return False

    def states(self) -> list[PartState]:
        rows = _running(self._containers())
        details = self._inspect([row["ID"] for row in rows])
        return [_state(row, details.get(row["ID"], {})) for row in rows]

    def pid(self, part: str) -> int:
        return self._find_state(part).pid

    # `docker`, and not `docker compose`: the latter also starts the services that this one depends on, which would end the
    # lease of another component and run the one-shots again.
    def stop_part(self, part: str) -> None:
        cli.run(self._settings, "stop", self._container(part))

    def start_part(self, part: str) -> None:
        cli.run(self._settings, "start", self._container(part))

    def restart_part(self, part: str) -> None:
        # One call: if this process died between a stop and a start, nothing would start the container.
        cli.run(self._settings, "restart", self._container(part))

    def hold_part(self, part: str) -> None:
        self.stop_part(part)

    def release_part(self, part: str) -> None:
        self.start_part(part)

    def kill(self, part: str) -> None:
        if not self._find_state(part).pid:
            raise PartUnknown(f"{part} is not running")
        cli.run(self._settings, "kill", "--signal", "SIGKILL", self._container(part))
        self._restore_later(part)

    def command_beside(self, part: str, name: str, variables: Mapping[str, str]) -> Command:
        """Return the command of one more container of a component's service, for a process of another name.

        It runs in the foreground until its standard input ends, and removes the container. Raises DockerUnavailable.
        """
        words = ["run", "--rm", "--no-deps", "-T", "--name", self._beside(name)]
        for variable, value in variables.items():
            words += ["--env", f"{variable}={value}"]
        words += [service(part), "part", part, "--as", name]
        return cli.build_command(self._settings, *words)

    def remove_beside(self, name: str) -> None:
        """Kill the container of `command_beside`, and remove it. Raises nothing."""
        with contextlib.suppress(DockerUnavailable):
            cli.run(self._settings, "rm", "--force", self._beside(name))

    def _beside(self, name: str) -> str:
        return f"{cli.project(self._settings)}-{name}"

    def memory_mb(self) -> dict[str, float]:
        names = {row["ID"]: _part(row["Service"]) for row in self._containers() if row["State"] == "running"}
        if not names:
            return {}
        used_by_part: dict[str, float] = {}
        for line in cli.run(self._settings, "stats", "--no-stream", "--format", "{{json .}}", *names).splitlines():
            row = json.loads(line)
            part = next((part for key, part in names.items() if key.startswith(row["ID"])), None)
            used = _megabytes(row["MemUsage"].partition("/")[0])
            if part is not None and used is not None:
                used_by_part[part] = used
        return used_by_part

    def fetch_inside(self, part: str, url: str) -> str:
        """Return what an HTTP server answers to a request from inside the component's container.

        Raises PartUnknown, NotRunning, or DockerUnavailable when it answers with an error or not at all.
        """
        return cli.run(self._settings, "exec", self._container(part), "curl", "-fsS", "--max-time", "5", url)

    def log_names(self) -> list[str]:
        services = cli.compose(self._settings, "config", "--services").split()
        capture = self._settings.facts.capture.component
        return sorted({_part(name) for name in services} | {capture})

    def log(self, part: str, lines: int, follow: bool) -> Iterator[str]:
        if part not in self.log_names():
            raise PartUnknown(f"no log of {part!r}; there are: {', '.join(self.log_names())}")
        following = ("--follow",) if follow else ()
        if find_component(part).is_connector:
            tail = ("exec", "-T", "pulsar", "tail", "-n", str(lines), *(("-F",) if follow else ()), SOURCE_LOG)
            return cli.lines(self._settings, *tail)
        words = ("logs", "--no-color", "--no-log-prefix", "--tail", str(lines), *following, service(part))
        return cli.lines(self._settings, *words)

    def _find_state(self, part: str) -> PartState:
        states = self.states()
        for state in states:
            if state.name == part:
                return state
        raise _unknown(part, [state.name for state in states])

    def _container(self, part: str) -> str:
        """Return the id of the component's container. Raises PartUnknown or NotRunning."""
        rows = _running(self._containers())
        for row in rows:
            if _part(row["Service"]) == part:
                return str(row["ID"])
        raise _unknown(part, [_part(row["Service"]) for row in rows])

    def _containers(self) -> list[dict[str, Any]]:
        text = cli.compose(self._settings, "ps", "--all", "--no-trunc", "--format", "json").strip()
        if text.startswith("["):  # Compose before 2.21
            rows: list[dict[str, Any]] = json.loads(text)
        else:
            rows = [json.loads(line) for line in text.splitlines() if line]
        return [row for row in rows if "com.docker.compose.oneoff=True" not in str(row.get("Labels"))]

    def _inspect(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        text = cli.run(self._settings, "inspect", "--format", '{"ID":{{json .Id}},"State":{{json .State}}}', *ids)
        rows = [json.loads(line) for line in text.splitlines() if line]
        return {row["ID"]: row["State"] for row in rows}

    def _restore_later(self, part: str) -> None:
        env = os.environ | {
            "ALPES_HOME": str(self._settings.home),
            "ALPES_PART": f"restorer-{part}",
            "PYTHONPATH": str(REPOSITORY),
        }
        self._settings.logs.mkdir(parents=True, exist_ok=True)
        with (self._settings.logs / "restorer.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "stacks.compose.restorer", part],
                cwd=REPOSITORY,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=UMASK,
            )
        process.returncode = 0  # the process outlives this one on purpose, so Popen must not warn


def _running(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the containers of a running instance, without one-shots that succeeded. Raises NotRunning."""
    if not any(row["State"] in ("running", "restarting", "paused") for row in rows):
        raise NotRunning("nothing is running here; `./alpes up --stack compose` starts it")
    return [row for row in rows if row["Service"] not in ONE_SHOTS or row["State"] != "exited" or row.get("ExitCode")]


def _unknown(part: str, parts: list[str]) -> PartUnknown:
    return PartUnknown(f"no component {part!r}; there are {', '.join(sorted(parts))}")


def _part(name: str) -> str:
    base, number = _split(name)
    return PARTS.get(base, base) + number


def _split(name: str) -> tuple[str, str]:
    """Return the name without its number, and `-2` or nothing."""
    base = get_base_name(name)
    return base, name.removeprefix(base)


def _state(row: dict[str, Any], state: dict[str, Any]) -> PartState:
    word = _STATES.get(row["State"], "EXITED" if not row.get("ExitCode") else "FATAL")
    error = str(state.get("Error") or "")
    if row["State"] == "exited" and row.get("ExitCode"):
        error = error or f"exited with code {row['ExitCode']}"
    return PartState(_part(row["Service"]), word, int(state.get("Pid") or 0), _epoch(state.get("StartedAt")), error)


def _epoch(text: str | None) -> int:
    """Return the seconds since the epoch of a time as Docker prints it, with nanoseconds, which Python cannot parse."""
    with contextlib.suppress(ValueError, TypeError):
        return int(datetime.fromisoformat(str(text)[:19] + "+00:00").timestamp())
    return 0


def _megabytes(text: str) -> float | None:
    """Return megabytes for Docker's text: `12.3MiB` is 12.9. None for what Docker could not measure (`--`)."""
    number = text.strip().rstrip("KMGTikB")
    try:
        return round(float(number) * _UNITS[text.strip()[len(number) :]], 1)
    except (ValueError, KeyError):
        return None
