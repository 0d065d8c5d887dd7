"""Keep the files of an instance private to its owner: they hold commissions, logs and passwords."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

UMASK = 0o077
"""The umask of every process of an instance: only its owner can read or list its files."""
RIGHTS_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """Create private files within the `with` block. The umask belongs to the process, so it affects all threads."""
    old_mask = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(old_mask)


def close_home(home: Path) -> None:
    """Remove the access of other users to the home and all its files: MySQL and Pulsar set some modes themselves.

    Raises OSError.
    """
    home.chmod(0o700)
    for folder, _folders, names in os.walk(home):
        for path in (Path(folder), *(Path(folder) / name for name in names)):
            with contextlib.suppress(FileNotFoundError, PermissionError):
                mode = path.lstat().st_mode
                if not stat.S_ISLNK(mode) and mode & RIGHTS_OF_OTHERS:
                    path.chmod(stat.S_IMODE(mode) & ~RIGHTS_OF_OTHERS)
