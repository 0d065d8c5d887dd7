"""What an instance writes is for its owner alone: commissions, logs and passwords."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

UMASK = 0o077
"""Of every process of an instance: nobody but its owner reads or lists what it makes."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """What this process makes meanwhile is private. The mask is the whole process's: other threads have it too."""
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)


def close_home(home: Path) -> None:
    """Keep others out of an instance's folder, and of what lies in it: MySQL and Pulsar give some files modes of their
    own. Raises OSError."""
    home.chmod(0o700)
    for folder, _folders, names in os.walk(home):
        for path in (Path(folder), *(Path(folder) / name for name in names)):
            with contextlib.suppress(FileNotFoundError, PermissionError):
                mode = path.lstat().st_mode
                if not stat.S_ISLNK(mode) and mode & OTHERS:
                    path.chmod(stat.S_IMODE(mode) & ~OTHERS)
