"""Download single packages of Debian from its archive, and unpack them without `dpkg` and without root.

The archive keeps the present version of a package only. When a newer one has replaced it, the lock must name that one.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tarfile
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from domain.errors import ExpectedError

PREFIX = "debian:"
"""Of a coordinate: `debian:pool/main/…/NAME_VERSION_ARCH.deb`, the path in Debian's archive."""
MIRROR = "ALPES_DEBIAN_MIRROR"
ANSWERS_WITHIN_S = 60
APT = Path("/etc/apt")
STATUSES_OF_NONE = (404, 410)
_ARCHIVE = re.compile(r"https?://[^\s\]]+/debian/?(?=\s|$)")
_AR_MAGIC = b"!<arch>\n"
_AR_HEADER_BYTES = 60


class PackageUnavailable(ExpectedError):
    """A package could not be downloaded; `str(error)` says what to do."""


def download(coordinate: str, folder: Path) -> Path:
    """Download a package into `folder`. Raises PackageUnavailable."""
    path = coordinate.removeprefix(PREFIX)
    target = folder / Path(path).name
    try:
        with urlopen(f"{_find_mirror()}/{path}", timeout=ANSWERS_WITHIN_S) as answer, target.open("wb") as file:  # noqa: S310 - http(s) only
            shutil.copyfileobj(answer, file)
    except HTTPError as error:
        if error.code not in STATUSES_OF_NONE:
            raise PackageUnavailable(f"{path} could not be downloaded: {error}") from error
        raise PackageUnavailable(
            f"Debian's archive has no {target.name} any more: a newer version has replaced it. Use --mysql 8.0, or name"
            f" a mirror that keeps it in {MIRROR}"
        ) from error
    except (URLError, OSError) as error:
        raise PackageUnavailable(f"{path} could not be downloaded: {error}. Check the network, and {MIRROR}") from error
    return target


def unpack(package: Path, folder: Path) -> None:
    """Unpack the files of a package below `folder`. Raises ValueError for a file of another format."""
    content = package.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(_find_data(content)), mode="r:*") as archive:
        # Python before 3.11.4 has no filters, and ignores this; the lock's hash says whose package it is.
        archive.extraction_filter = getattr(tarfile, "tar_filter", None)
        archive.extractall(folder)  # noqa: S202


def _find_data(content: bytes) -> bytes:
    """Return the member `data.tar…` of an `ar` archive, in which each member has a header of 60 bytes and an even length."""
    if not content.startswith(_AR_MAGIC):
        raise ValueError("no Debian package: it does not begin as an ar archive")
    position = len(_AR_MAGIC)
    while position < len(content):
        header = content[position : position + _AR_HEADER_BYTES]
        name, size = header[:16].decode("ascii").strip().rstrip("/"), int(header[48:58])
        start = position + _AR_HEADER_BYTES
        if name.startswith("data.tar"):
            return content[start : start + size]
        position = start + size + size % 2
    raise ValueError("no Debian package: it has no data.tar")


def _find_mirror() -> str:
    """Return the address of Debian's archive: the one given, else that of this machine's apt. Raises PackageUnavailable."""
    mirror = os.environ.get(MIRROR)
    if mirror:
        return mirror.rstrip("/")
    for file in (APT / "sources.list", *sorted((APT / "sources.list.d").glob("*"))):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        used_text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
        if match := _ARCHIVE.search(used_text):
            return match.group().rstrip("/")
    raise PackageUnavailable(
        f"this machine's apt names no archive of Debian: name a mirror's address in {MIRROR}, or use --mysql 8.0"
    )
