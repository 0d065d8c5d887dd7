"""Provide a `docker` that starts plain processes for containers and records how it was called; its state is a file.

It answers what the installed code asks, in the shapes that Docker documents: no proof that Docker answers so.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

STATE = Path(os.environ["FAKE_DOCKER"])
SERVICES = ("pulsar", "notificaciones")
Containers = dict[str, int]
"""Service → process id, 0 while it is stopped."""
BESIDE = "import sys; print('began', flush=True); sys.stdin.read(); print('ended', flush=True)"
SLEEPER = "import signal; print('at work', flush=True); signal.pause()"


def change(act: Callable[[dict[str, Any]], object], call: list[str] | None = None) -> None:
    with STATE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = json.loads(STATE.read_text())
        if call is not None:
            state["calls"].append(call)
        act(state)
        STATE.write_text(json.dumps(state))


def main(words: list[str]) -> str:
    if "run" in words and words[0] == "compose":
        return run_beside(words[words.index("run") + 1 :])
    with STATE.with_suffix(".lock").open("w") as lock:  # the restorer calls while a test does
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = json.loads(STATE.read_text()) if STATE.exists() else {"calls": [], "containers": {}}
        state["calls"].append(words)
        try:
            return answer(words, state["containers"])
        finally:
            STATE.write_text(json.dumps(state))


def answer(words: list[str], containers: Containers) -> str:
    if words[0] == "compose":
        named = words.index("--project-name")
        assert words[1:named:2] == ["--file"] * (named // 2), words
        return compose(words[named + 2 :], containers)
    if words[0] == "inspect":
        rows = [{"ID": f"{name}-id", "State": {"Pid": pid}} for name, pid in containers.items()]
        return "\n".join(json.dumps(row) for row in rows if row["ID"] in words)
    if words[0] == "stats":
        return "\n".join(json.dumps({"ID": f"{name}-id", "MemUsage": "12.5MiB / 1GiB"}) for name in containers)
    if words[0] == "rm":
        end(containers, words[-1], signal.SIGKILL)
        del containers[words[-1]]
        return words[-1]
    if words[0] in ("start", "stop", "kill", "restart"):
        assert words[0] != "kill" or words[1:3] == ["--signal", "SIGKILL"], words
        return act(words[0], words[-1].removesuffix("-id"), containers)
    raise SystemExit(f"docker: unknown command: {words}")


def act(verb: str, name: str, containers: Containers) -> str:
    if verb != "start":
        end(containers, name, signal.SIGKILL if verb == "kill" else signal.SIGTERM)
    if verb in ("start", "restart"):
        start(containers, name)
    return f"{name}-id"


def run_beside(words: list[str]) -> str:
    """Run one more container in the foreground until its standard input ends, or until it is removed."""
    name = words[words.index("--name") + 1]
    process = subprocess.Popen([sys.executable, "-c", BESIDE, *words], stdin=sys.stdin)
    change(lambda state: state["containers"].update({name: process.pid}), ["compose", "run", *words])
    code = process.wait()
    change(lambda state: state["containers"].pop(name, None))
    raise SystemExit(137 if code < 0 else code)


def compose(words: list[str], containers: Containers) -> str:
    verb = words[0]
    if verb == "up":
        for name in SERVICES:
            start(containers, name)
    elif verb == "down":
        for name in list(containers):
            end(containers, name, signal.SIGTERM)
        containers.clear()
    elif verb == "ps":
        return ps(words, containers)
    elif verb == "config":
        return "\n".join((*SERVICES, "migrate")) if "--services" in words else os.environ["FAKE_CONFIG"]
    elif verb == "logs":
        return "\n".join([f"\x1b[2Kline {number}" for number in range(10)][-int(words[words.index("--tail") + 1]) :])
    else:
        raise SystemExit(f"unknown docker command: compose {verb}")
    return ""


def ps(words: list[str], containers: Containers) -> str:
    if "--quiet" in words:
        return "\n".join(f"{name}-id" for name, pid in containers.items() if pid)
    rows = [
        {
            "ID": f"{name}-id",
            "Service": name if name in SERVICES else "notificaciones",
            "State": "running" if pid else "exited",
            "ExitCode": 0 if pid else 137,
            "Labels": f"com.docker.compose.project=x,com.docker.compose.oneoff={name not in SERVICES}",
        }
        for name, pid in containers.items()
    ]
    if containers:
        rows.append({"ID": "migrate-id", "Service": "migrate", "State": "exited", "ExitCode": 0})
    return "\n".join(map(json.dumps, rows))


def start(containers: Containers, name: str) -> None:
    if not containers.get(name):
        process = subprocess.Popen(
            [sys.executable, "-c", SLEEPER],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        containers[name] = process.pid


def end(containers: Containers, name: str, number: int) -> None:
    if containers.get(name):
        os.kill(containers[name], number)
    containers[name] = 0


if __name__ == "__main__":
    print(main(sys.argv[1:]))
