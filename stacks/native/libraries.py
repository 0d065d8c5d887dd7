"""What the downloaded `mysqld` needs of the system: `libaio.so.1` and `libnuma.so.1`."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stacks.native.artifacts import cache

NEEDED = {"libaio.so.1": ("libaio1", "libaio1t64"), "libnuma.so.1": ("libnuma1", "libnuma1")}
"""Library → its Debian package, and the one of Ubuntu 24.04 and Debian 13 on."""


@dataclass(frozen=True, slots=True)
class Library:
    name: str
    found: bool
    fix: str


def folder() -> Path:
    """Where links for renamed libraries stand; on the library path of `mysqld`."""
    return cache() / "lib"


def check() -> list[Library]:
    """Every library, with the command that installs it. A renamed `libaio.so.1t64` is linked in the cache."""
    if not _loads("libaio.so.1") and _loads("libaio.so.1t64"):
        _link("libaio.so.1t64", "libaio.so.1")
    return [Library(name, _present(name), f"sudo apt-get install {_package(name)}") for name in NEEDED]


def install(say: Callable[[str], None]) -> None:
    """As root on Debian or Ubuntu, install what is missing and say so; elsewhere do nothing."""
    absent = [library for library in check() if not library.found]
    if not absent or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    packages = [_package(library.name) for library in absent]
    say(f"installing {' '.join(packages)} with apt-get (mysqld needs them)")
    quiet = {"check": False, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["apt-get", "update", "-qq"], **quiet)  # type: ignore[call-overload]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    packages = [_package(library.name) for library in absent]
    subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=env, **quiet)  # type: ignore[call-overload]


def _package(name: str) -> str:
    old, new = NEEDED[name]
    if old == new or shutil.which("apt-cache") is None:
        return old
    known = subprocess.run(["apt-cache", "show", new], capture_output=True, check=False)
    return new if known.returncode == 0 else old


def _present(name: str) -> bool:
    return _loads(name) or _loads(str(folder() / name))


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _link(existing: str, name: str) -> None:
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    listing = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=False).stdout
    paths = [line.split("=>")[1].strip() for line in listing.splitlines() if existing in line and "=>" in line]
    if paths:
        folder().mkdir(parents=True, exist_ok=True)
        link = folder() / name
        link.unlink(missing_ok=True)
        link.symlink_to(paths[0])
