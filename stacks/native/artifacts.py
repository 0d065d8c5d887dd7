"""Download the native stack's artifacts, which `artifacts.lock` names with their SHA-256, into the user's cache.

They come from Maven Central through `jgo`, eight at a time, and a few from Debian's archive. Each file is verified before it is
moved into the cache, so the cache holds complete files only. An interrupted download continues with the missing files, and a
full cache needs no network.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from domain.errors import ExpectedError
from stacks import ownership
from stacks.native import archives, debian

log = logging.getLogger(__name__)

LOCK = Path(__file__).with_name("artifacts.lock")
AT_ONCE = 8
ATTEMPTS = 4
"""Attempts for each file: a single failure among about three hundred downloads must not make a start fail."""
APART_S = 2.0

Progress = Callable[[int, int, str], None]
"""`progress(bytes received, bytes in total, file name)`."""


def quiet(received_bytes: int, total_bytes: int, file_name: str) -> None:
    """Show no progress."""


class FetchFailed(ExpectedError):
    """A file could not be downloaded, or differs from the lock; `str(error)` says what to do."""


@dataclass(frozen=True, slots=True)
class Artifact:
    group: str
    """The group it belongs to, such as pulsar or nar-4.0.8: what is downloaded together."""
    coordinate: str
    """`group:artifact:jar[:classifier]:version`; with `!` and a path, a file in that archive; `debian:` and a path, a package."""
    size: int
    sha256: str

    @property
    def path(self) -> Path:
        if self.coordinate.startswith(debian.PREFIX):
            return cache() / "debian" / Path(self.coordinate).name
        archive, _, member = self.coordinate.partition(archives.SEPARATOR)
        group, name, _, *classifier, version = archive.split(":")
        file = Path(member).name or "-".join([name, version, *classifier]) + ".jar"
        return cache() / "maven" / group / file


def cache() -> Path:
    """Return the cache: `ALPES_CACHE`, or this user's folder for caches."""
    return Path(os.environ.get("ALPES_CACHE") or user_cache_path("alpes"))


def prepare_cache() -> None:
    """Create the cache and mark it as ours. A folder with other files gets no mark, and is never removed.

    Raises OSError when it cannot be written.
    """
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(ownership.NotOurs):
        ownership.claim(ownership.CACHE, folder)


def read_artifacts(groups: Iterable[str], lock: Path = LOCK) -> list[Artifact]:
    """Return the lock's entries of these groups, in the lock's order, which is that of the class path."""
    wanted_groups = set(groups)
    entries = []
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            group, coordinate, size, sha256 = line.split()
            if group in wanted_groups:
                entries.append(Artifact(group, coordinate, int(size), sha256))
    return entries


def list_groups(lock: Path = LOCK) -> list[str]:
    """Return the groups of the lock, in its order."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    return list(dict.fromkeys(line.split()[0] for line in lines if line and not line.startswith("#")))


def find_missing_artifacts(artifacts: Iterable[Artifact]) -> list[Artifact]:
    """Return the artifacts that are not in the cache, or changed since they were verified."""
    verified = _VerifiedFiles()
    return [artifact for artifact in artifacts if not verified.holds(artifact)]


def download_missing(artifacts: list[Artifact], progress: Progress = quiet) -> None:
    """Download the missing artifacts. Raises FetchFailed; files that were downloaded before the error stay."""
    # A file of two groups is downloaded once.
    absent = list({artifact.path: artifact for artifact in find_missing_artifacts(artifacts)}.values())
    if not absent:
        return
    total_bytes, done_bytes = sum(artifact.size for artifact in absent), 0
    folder = cache()
    try:
        prepare_cache()
    except OSError as error:
        raise FetchFailed(f"the cache {folder} cannot be written: {error}. Name another: ALPES_CACHE=/path") from error
    free = shutil.disk_usage(folder).free
    if free < 2 * total_bytes:
        raise FetchFailed(
            f"{total_bytes / 1e6:.0f} MB must be downloaded and {folder} has {free / 1e6:.0f} MB left; free some space"
        )
    progress(0, total_bytes, "starting")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = {pool.submit(_fetch_with_retries, together): together for together in _group_by_download(absent)}
        try:
            for job in as_completed(jobs):
                job.result()
                done_bytes += sum(artifact.size for artifact in jobs[job])
                progress(done_bytes, total_bytes, jobs[job][-1].path.name)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resolve(coordinate: str, folder: Path) -> Path:
    """Download one artifact, which is no file of an archive, into `folder` without verifying it. Raises FetchFailed."""
    from jgo.maven import MavenContext

    if coordinate.startswith(debian.PREFIX):
        try:
            return debian.download(coordinate, folder)
        except debian.PackageUnavailable as error:
            raise FetchFailed(str(error)) from error
    group, name, _, *classifier, version = coordinate.split(":")
    component = MavenContext(repo_cache=folder, timeout=60).project(group, name).at_version(version)
    try:
        return Path(component.artifact(*classifier).resolve())
    except Exception as error:
        raise FetchFailed(
            f"{coordinate} could not be downloaded: {error}. Check the network and run the same command again;"
            " it continues where it stopped"
        ) from error


def resolve_together(coordinates: list[str], folder: Path) -> dict[str, Path]:
    """Download these into `folder` without verifying them: one artifact, or files of one archive. Raises FetchFailed."""
    archive, _, member = coordinates[0].partition(archives.SEPARATOR)
    if not member:
        return {coordinate: resolve(coordinate, folder) for coordinate in coordinates}
    coordinates_by_member = {coordinate.partition(archives.SEPARATOR)[2]: coordinate for coordinate in coordinates}
    try:
        files = archives.extract(archive, coordinates_by_member, folder)
    except (OSError, archives.ArchiveUnreadable) as error:
        raise FetchFailed(f"{archive} could not be downloaded: {error}. Run the same command again") from error
    return {coordinates_by_member[member]: file for member, file in files.items()}


def _group_by_download(artifacts: list[Artifact]) -> list[tuple[Artifact, ...]]:
    """Return what is downloaded together: the files of one archive. Every other artifact is alone."""
    groups: dict[str, list[Artifact]] = {}
    for artifact in artifacts:
        groups.setdefault(artifact.coordinate.partition(archives.SEPARATOR)[0], []).append(artifact)
    return [tuple(group) for group in groups.values()]


def _fetch_with_retries(artifacts: tuple[Artifact, ...]) -> None:
    """Download artifacts with retries. Raises the FetchFailed of the last attempt."""
    for attempt in range(1, ATTEMPTS):
        try:
            return _fetch(artifacts)
        except FetchFailed as error:
            log.info("attempt %d of %d failed: %s", attempt, ATTEMPTS, error)
            time.sleep(APART_S * attempt)
    return _fetch(artifacts)


def _fetch(artifacts: tuple[Artifact, ...]) -> None:
    with tempfile.TemporaryDirectory(dir=cache(), prefix="fetching-") as folder:
        files = resolve_together([artifact.coordinate for artifact in artifacts], Path(folder))
        for artifact in artifacts:
            _keep(artifact, files[artifact.coordinate])


def _keep(artifact: Artifact, file: Path) -> None:
    """Move a downloaded file into the cache. Raises FetchFailed when it is another than the lock's."""
    sha256 = digest(file)
    if sha256 != artifact.sha256:
        raise FetchFailed(
            f"{artifact.coordinate} has SHA-256 {sha256}, and the lock says {artifact.sha256}: the file is not used."
            " Try again; if the error persists, the registry serves a changed file"
        )
    artifact.path.parent.mkdir(parents=True, exist_ok=True)
    file.replace(artifact.path)
    _VerifiedFiles().add(artifact)


class _VerifiedFiles:
    """Stamps of verified files. While size and time are unchanged, a file is not hashed again: that saves 400 MB a start."""

    def holds(self, artifact: Artifact) -> bool:
        try:
            stamp = json.loads(self._stamp(artifact).read_text())
            status = artifact.path.stat()
        except (OSError, ValueError):
            return False
        if stamp == [status.st_size, status.st_mtime_ns, artifact.sha256]:
            return True
        if digest(artifact.path) == artifact.sha256:
            self.add(artifact)
            return True
        return False

    def add(self, artifact: Artifact) -> None:
        status = artifact.path.stat()
        stamp = [status.st_size, status.st_mtime_ns, artifact.sha256]
        self._stamp(artifact).write_text(json.dumps(stamp))

    def _stamp(self, artifact: Artifact) -> Path:
        return artifact.path.with_name(artifact.path.name + ".verified")
