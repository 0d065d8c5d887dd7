"""The relay's doorbell: a datagram after each commit, so that it need not poll to be quick.

Only a hint. It may be lost, and rows may be written by other means: the relay looks by itself too.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import stat
from pathlib import Path

LONGEST = 100
"""Bytes of a socket's name that every system takes, with room for what supervisord adds."""
FOLDER = f"/tmp/alpes-{os.getuid()}"  # noqa: S108
"""Not in TMPDIR, which differs from terminal to terminal: every process must come to the same name."""


class Wake:
    def __init__(self, path: Path) -> None:
        self._address = socket_address(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def ring(self) -> None:
        # No relay, or one with enough rings waiting: it looks by itself soon.
        with contextlib.suppress(OSError):
            self._socket.sendto(b"!", self._address)

    def close(self) -> None:
        self._socket.close()


def listen(path: Path) -> socket.socket:
    """The relay's end, non-blocking. Raises OSError when the folder cannot be written."""
    address = socket_address(path)
    with contextlib.suppress(FileNotFoundError):
        Path(address).unlink()
    bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bell.setblocking(False)
    bell.bind(address)
    return bell


class SocketFolderUnsafe(OSError):
    """Somebody else could answer on the sockets of an instance with a long name; `str(error)` says what to do."""


def socket_address(path: Path) -> str:
    """`path`, or a short stand-in for one too long for a socket (about 100 bytes), in a folder of this user alone.

    Raises SocketFolderUnsafe when that folder is not this user's alone.
    """
    if len(str(path).encode()) < LONGEST:
        return str(path)
    return str(private_folder() / f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.sock")


def private_folder() -> Path:
    """A folder with a short name that only this user can write to, the same for every process. Raises SocketFolderUnsafe."""
    folder = Path(FOLDER)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise SocketFolderUnsafe(
            f"{folder} is needed for the sockets of an instance with a long name, and others can write to it: remove it, or"
            " name a shorter folder by ALPES_HOME"
        )
    return folder
