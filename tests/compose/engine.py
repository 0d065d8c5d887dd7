"""Docker for the tests: a daemon of their own on a private socket where they may start one, else the user's.

On Debian as root the packages are installed, the daemon keeps its images in a folder of the cache (`ALPES_DOCKER_CACHE`),
and the base images are stand-ins that are built here (`tests/compose/stand_ins.py`). Everywhere else `docker` must work,
and the official images are pulled.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from scenarios.waiting import TookTooLong, until

PACKAGES = ("docker.io", "iptables", "debootstrap", "jq", "uuid-runtime", "curl")
PLUGINS = ("docker-compose", "docker-buildx")
PLUGINS_FROM = "trixie"
"""Debian 12 packages neither; both need no more than its C library."""


class NoDocker(Exception):
    """Docker cannot run here; `str(error)` says why and what to do."""


@dataclass(frozen=True)
class Engine:
    environment: dict[str, str]
    """For whoever calls `docker`."""
    private: bool
    """Whether it is ours, with stand-ins for the base images."""
    cache: Path

    def docker(self, *words: str, cwd: Path | None = None, variables: dict[str, str] | None = None) -> str:
        """What `docker …` prints. Raises subprocess.CalledProcessError, with its complaint as a note."""
        done = subprocess.run(
            ["docker", *words],
            cwd=cwd,
            env=os.environ | self.environment | (variables or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            error = subprocess.CalledProcessError(done.returncode, ["docker", *words], done.stdout, done.stderr)
            error.add_note(done.stderr[-2000:])
            raise error
        return done.stdout

    def answers(self) -> bool:
        env = os.environ | self.environment
        return subprocess.run(["docker", "info"], env=env, capture_output=True, check=False).returncode == 0


def cache() -> Path:
    return Path(os.environ.get("ALPES_DOCKER_CACHE") or user_cache_path("alpes-docker"))


@contextmanager
def running() -> Iterator[Engine]:
    """Docker, until the end. Raises NoDocker."""
    if os.getuid() != 0 or not shutil.which("apt-get"):
        engine = Engine({}, False, cache())
        if shutil.which("docker") is None or not engine.answers():
            raise NoDocker("Docker does not run for this user; install it, or run the tests as root on Debian")
        yield engine
        return
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two daemons may not share their images
        install(folder)
        with _daemon(folder) as engine:
            yield engine


def install(folder: Path) -> None:
    """The packages, and Compose and buildx as plugins below `folder`. Raises NoDocker."""
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    if not all(_is_installed(name) for name in PACKAGES) or shutil.which("dockerd") is None:
        _run(["apt-get", "update", "-qq"], env)
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES], env)
    plugins = folder / "config" / "cli-plugins"
    if not all((plugins / name).exists() for name in PLUGINS):
        _plugins(folder / "plugins", plugins)


def _is_installed(package: str) -> bool:
    # A package that another one only suggests is known to dpkg too, with exit code 0 and another status.
    words = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout == "installed"


def _plugins(work: Path, target: Path) -> None:
    """From the packages of a newer Debian, unpacked only: this system's own sources stay as they are."""
    for name in ("lists/partial", "archives/partial", "packages"):
        (work / name).mkdir(parents=True, exist_ok=True)
    (work / "sources.list").write_text(
        f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {mirror()} {PLUGINS_FROM} main\n"
    )
    options = {
        "Dir::State::lists": work / "lists",
        "Dir::Cache::archives": work / "archives",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Sandbox::User": "root",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    _run(["apt-get", *words, "update", "-qq"])
    _run(["apt-get", *words, "download", "-qq", *PLUGINS], cwd=work / "packages")
    target.mkdir(parents=True, exist_ok=True)
    for package in (work / "packages").glob("*.deb"):
        _run(["dpkg", "-x", str(package), str(work / "unpacked")])
    for name in PLUGINS:
        shutil.copy2(work / "unpacked" / "usr" / "libexec" / "docker" / "cli-plugins" / name, target / name)
    shutil.rmtree(work)


def mirror() -> str:
    """The Debian mirror that this system installs from."""
    folder = Path("/etc/apt")
    for path in (*sorted((folder / "sources.list.d").glob("*.sources")), folder / "sources.list"):
        for line in path.read_text().splitlines() if path.exists() else []:
            words = line.split()
            if line.startswith("URIs:"):
                return words[1]
            if line.startswith("deb ") and "://" in line:
                return next(word for word in words if "://" in word)
    raise NoDocker("no Debian mirror is named below /etc/apt")


@contextmanager
def _daemon(folder: Path) -> Iterator[Engine]:
    """A daemon of our own. What it writes beside its images goes with it."""
    with tempfile.TemporaryDirectory(prefix="alpes-docker-", ignore_cleanup_errors=True) as scratch:
        socket = f"unix://{scratch}/docker.sock"
        words = ["dockerd", "--host", socket, "--data-root", str(folder / "daemon")]
        words += ["--exec-root", f"{scratch}/exec", "--pidfile", f"{scratch}/docker.pid"]
        engine = Engine({"DOCKER_HOST": socket, "DOCKER_CONFIG": str(folder / "config")}, True, folder)
        with (folder / "dockerd.log").open("w") as log:
            process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            _wait_ready(engine, process, folder / "dockerd.log")
            yield engine
        finally:
            if process.poll() is None:
                _empty(engine)
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _wait_ready(engine: Engine, process: subprocess.Popen[bytes], log: Path) -> None:
    with suppress(TookTooLong):
        until(lambda: engine.answers() or process.poll() is not None, 60, "dockerd answers", every_s=0.2)
    if not engine.answers():
        raise NoDocker(f"dockerd does not start here: {' | '.join(log.read_text().splitlines()[-3:])}")


def _empty(engine: Engine) -> None:
    """Remove all but the images: nothing of a run is there in the next one."""
    containers = engine.docker("ps", "--all", "--quiet").split()
    if containers:
        engine.docker("rm", "--force", "--volumes", *containers)
    engine.docker("network", "prune", "--force")
    volumes = engine.docker("volume", "ls", "--quiet").split()
    if volumes:
        engine.docker("volume", "rm", "--force", *volumes)
    engine.docker("image", "prune", "--force")


def _run(words: list[str], env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    done = subprocess.run(words, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoDocker(f"{' '.join(words[:2])} failed: {(done.stderr or done.stdout).strip()[-500:]}")


if __name__ == "__main__":  # for a person: the daemon in the foreground, with the values to call it by
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the daemon ends with it
    with running() as own:
        print(*(f"export {name}={value}" for name, value in own.environment.items()), sep="\n", flush=True)
        until(lambda: not own.answers(), sys.maxsize, "the daemon ends", every_s=5)
