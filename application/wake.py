"""The relay's doorbell: a datagram after each commit, so that it need not poll to be quick.

Only a hint. It may be lost, and rows may be written by other means: the relay looks by itself too.
"""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path


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


def socket_address(path: Path) -> str:
    """`path`, or a short stand-in for one too long for a socket (about 100 bytes)."""
    if len(str(path).encode()) < 100:
        return str(path)
    import hashlib
    import tempfile

    return f"{tempfile.gettempdir()}/alpes-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.sock"
