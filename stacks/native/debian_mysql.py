"""Unpack MySQL 9.7 and its libraries from Debian's packages, and name the words that run it.

Its libraries are newer than those of most systems, so it is started by the loader that came with them, and uses nothing of
the system but the kernel.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from stacks.native import debian
from stacks.native.artifacts import cache, read_artifacts

GROUP = "mysql-9.7"
"""Of its packages in the lock."""
VERSION = "9.7.4"


def folder() -> Path:
    """Return the folder of the unpacked packages. It may not exist yet."""
    return cache() / f"mysql-{VERSION}"


def ensure_unpacked() -> None:
    """Unpack the packages, which must be in the cache, unless that was done before. Raises OSError or ValueError."""
    if folder().exists():
        return
    with tempfile.TemporaryDirectory(dir=cache(), prefix="unpacking-") as temporary:
        target = Path(temporary) / "mysql"
        for package in read_artifacts([GROUP]):
            debian.unpack(package.path, target)
        shutil.rmtree(target / "usr" / "share" / "doc", ignore_errors=True)
        target.rename(folder())


def launcher() -> tuple[str, ...]:
    """Return the words before the server's own path: the loader, and where it finds the libraries."""
    libraries = folder() / "usr" / "lib" / "x86_64-linux-gnu"
    return (str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries))


def binary() -> Path:
    return folder() / "usr" / "sbin" / "mysqld"


def share() -> Path:
    """Return the folder of the server's messages."""
    return folder() / "usr" / "share" / "mysql"
