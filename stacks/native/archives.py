"""Take single files out of a large archive in Maven Central, while it is downloaded, and keep nothing else of it.

Some programs are published only as one `tar.gz` with everything that they could ever need. The download ends with the last
file that is wanted, and the archive itself is never on the disk.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError
from urllib.request import urlopen

from domain.errors import ExpectedError

SEPARATOR = "!"
"""Between an archive's coordinate and the path of a member: `group:artifact:tar.gz:version!path/in/it`."""
ANSWERS_WITHIN_S = 60
STATUSES_OF_NONE = (403, 404, 410)


class ArchiveUnreadable(ExpectedError):
    """The archive could not be downloaded, or lacks a member; `str(error)` says which."""


def extract(coordinate: str, members: Collection[str], folder: Path) -> dict[str, Path]:
    """Download these members of an archive into `folder`, and return member → file. Raises ArchiveUnreadable or OSError."""
    try:
        with _open(coordinate) as answer, tarfile.open(fileobj=answer, mode="r|gz") as archive:
            return _take(archive, coordinate, members, folder)
    except (tarfile.TarError, EOFError) as error:
        raise ArchiveUnreadable(f"{coordinate} broke off: {error}") from error


def _take(archive: tarfile.TarFile, coordinate: str, members: Collection[str], folder: Path) -> dict[str, Path]:
    file_by_member: dict[str, Path] = {}
    for entry in archive:
        content = archive.extractfile(entry) if entry.name in members else None
        if content is None:
            continue
        file_by_member[entry.name] = folder / f"{len(file_by_member)}-{Path(entry.name).name}"
        with content, file_by_member[entry.name].open("wb") as file:
            shutil.copyfileobj(content, file)
        if len(file_by_member) == len(members):
            return file_by_member
    absent = sorted(set(members) - file_by_member.keys())
    raise ArchiveUnreadable(f"{coordinate} has no {', '.join(absent[:3])}")


def _open(coordinate: str) -> IO[Any]:
    refusals = []
    for url in _list_urls(coordinate):
        try:
            answer: IO[Any] = urlopen(url, timeout=ANSWERS_WITHIN_S)  # noqa: S310 - an address of the Maven client
            return answer
        except HTTPError as error:
            if error.code not in STATUSES_OF_NONE:
                raise
            refusals.append(f"{url}: {error}")
    raise ArchiveUnreadable(f"no repository has {coordinate}: {'; '.join(refusals)}")


def _list_urls(coordinate: str) -> list[str]:
    """Return the archive's address in each repository that the Maven client knows."""
    from jgo.maven import MavenContext

    group, name, packaging, version = coordinate.split(":")
    context = MavenContext()
    path = context.project(group, name).at_version(version).path_prefix.as_posix()
    return [f"{base}/{path}/{name}-{version}.{packaging}" for base in context.remote_repos.values()]
