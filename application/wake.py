"""Send and receive the wake-up signal: a datagram after each commit, on which the relay reads the outbox at once.

The signal may be lost, and other programs may write rows without sending one. So the relay polls too.
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
"""A socket's name of fewer bytes is accepted by every system, also after supervisord has appended to it."""
PRIVATE_FOLDER = f"/tmp/alpes-{os.getuid()}"  # noqa: S108
"""The folder of sockets whose own name is too long. Not in TMPDIR, which may differ between terminals."""


class WakeUpSender:
    """The sending side of the wake-up signal."""

    def __init__(self, path: Path) -> None:
        self._address = choose_socket_address(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def send(self) -> None:
        """Send one signal. Without a relay, or when its queue is full, the signal is lost: the relay polls."""
        with contextlib.suppress(OSError):
            self._socket.sendto(b"!", self._address)

    def close(self) -> None:
        self._socket.close()


def open_receiver(path: Path) -> socket.socket:
    """Return a new non-blocking socket that receives the signals. Raise OSError when its folder cannot be written."""
    address = choose_socket_address(path)
    with contextlib.suppress(FileNotFoundError):
        Path(address).unlink()
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.setblocking(False)
    receiver.bind(address)
    return receiver


class SocketFolderUnsafe(ExpectedError, OSError):
    """Others can write to the folder of short socket names, and could answer there. `str(error)` says what to do."""


def choose_socket_address(path: Path) -> str:
    """Return `path`, or a short replacement in a private folder when `path` is too long for a socket.

    Raise SocketFolderUnsafe when other users can write to that folder.
    """
    if len(str(path).encode()) < MAX_SOCKET_NAME:
        return str(path)
    return str(ensure_private_folder() / f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.sock")


def ensure_private_folder() -> Path:
    """Create the folder unless it exists, and return it: only this user can write to it, and every process uses the same.

    Raise SocketFolderUnsafe when others can write to it.
    """
    folder = Path(PRIVATE_FOLDER)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise SocketFolderUnsafe(
            f"{folder} is needed for the sockets of an instance with a long name, and others can write to it: remove it, or"
            " name a shorter folder by ALPES_HOME"
        )
    return folder
