"""Send and receive the wake-up signal: a datagram after each commit, by which the relay reads at once.

The signal is only a hint: it may be lost, and other programs may write rows. So the relay polls too.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import stat
from pathlib import Path

from domain.errors import ExpectedError

MAX_SOCKET_NAME = 100
"""Length in bytes that every system accepts for a socket's name, with room for what supervisord appends."""
FOLDER = f"/tmp/alpes-{os.getuid()}"  # noqa: S108
"""Not in TMPDIR, which may differ between terminals: every process must derive the same name."""


class Wake:
    """The sending side of the wake-up signal."""

    def __init__(self, path: Path) -> None:
        self._address = socket_address(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def send(self) -> None:
        """Send one signal; do nothing when there is no relay or its queue is full, since the relay polls."""
        with contextlib.suppress(OSError):
            self._socket.sendto(b"!", self._address)

    def close(self) -> None:
        self._socket.close()


def listen(path: Path) -> socket.socket:
    """Return the receiving socket of the relay, non-blocking. Raise OSError when the folder cannot be written."""
    address = socket_address(path)
    with contextlib.suppress(FileNotFoundError):
        Path(address).unlink()
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.setblocking(False)
    receiver.bind(address)
    return receiver


class SocketFolderUnsafe(ExpectedError, OSError):
    """Another user could answer on the sockets of an instance with a long name; `str(error)` says what to do."""


def socket_address(path: Path) -> str:
    """Return `path`, or a short replacement in a private folder when `path` is too long for a socket (about 100 bytes).

    Raise SocketFolderUnsafe when other users can write to that folder.
    """
    if len(str(path).encode()) < MAX_SOCKET_NAME:
        return str(path)
    return str(private_folder() / f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.sock")


def private_folder() -> Path:
    """Return a folder with a short name that only this user can write to, the same for every process.

    Raise SocketFolderUnsafe.
    """
    folder = Path(FOLDER)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise SocketFolderUnsafe(
            f"{folder} is needed for the sockets of an instance with a long name, and others can write to it: remove it, or"
            " name a shorter folder by ALPES_HOME"
        )
    return folder
