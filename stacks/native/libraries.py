"""Find or install the system libraries that the downloaded `mysqld` needs: `libaio.so.1` and `libnuma.so.1`."""

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
"""Library → its Debian package, and its package from Ubuntu 24.04 and Debian 13 on."""


@dataclass(frozen=True, slots=True)
class Library:
    name: str
    is_present: bool
    fix: str


def folder() -> Path:
    """Return the folder of links to renamed libraries; it is on the library path of `mysqld`."""
    return cache() / "lib"


def check() -> list[Library]:
    """Return every library with the command that installs it. A renamed `libaio.so.1t64` is linked in the cache."""
    if not _can_load("libaio.so.1") and _can_load("libaio.so.1t64"):
        _link("libaio.so.1t64", "libaio.so.1")
    return [Library(name, _is_present(name), f"sudo apt-get install {_package_name(name)}") for name in NEEDED]


def install(say: Callable[[str], None]) -> None:
    """Install the missing libraries, as root on Debian or Ubuntu only, and say so."""
    absent = [library for library in check() if not library.is_present]
    if not absent or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    packages = [_package_name(library.name) for library in absent]
    say(f"installing {' '.join(packages)} with apt-get (mysqld needs them)")
    quiet = {"check": False, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["apt-get", "update", "-qq"], **quiet)  # type: ignore[call-overload]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    packages = [_package_name(library.name) for library in absent]
    subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=env, **quiet)  # type: ignore[call-overload]


def _package_name(name: str) -> str:
    older_name, newer_name = NEEDED[name]
    if older_name == newer_name or shutil.which("apt-cache") is None:
        return older_name
    lookup = subprocess.run(["apt-cache", "show", newer_name], capture_output=True, check=False)
    return newer_name if lookup.returncode == 0 else older_name


def _is_present(name: str) -> bool:
    return _can_load(name) or _can_load(str(folder() / name))


def _can_load(name: str) -> bool:
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
