"""Download the native stack's artifacts, which `artifacts.lock` names with their SHA-256, into the user's cache.

They come from Maven Central through `jgo`, eight at a time. Each file is verified before it is moved into the cache, so the cache
holds complete files only. An interrupted download continues with the missing files, and a full cache needs no network.
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
    """The group it belongs to: pulsar, byteman, nar-4.0.8, nar-3.1.2 or mysql."""
    coordinate: str
    """`group:artifact:jar[:classifier]:version`."""
    size: int
    sha256: str

    @property
    def path(self) -> Path:
        group, name, _, *classifier, version = self.coordinate.split(":")
        file = "-".join([name, version, *classifier]) + ".jar"
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
    absent = find_missing_artifacts(artifacts)
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
        jobs = {pool.submit(_fetch_with_retries, artifact): artifact for artifact in absent}
        try:
            for job in as_completed(jobs):
                job.result()
                done_bytes += jobs[job].size
                progress(done_bytes, total_bytes, jobs[job].path.name)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resolve(coordinate: str, folder: Path) -> Path:
    """Download one artifact into `folder` without verifying it. Raises FetchFailed."""
    from jgo.maven import MavenContext

    group, name, _, *classifier, version = coordinate.split(":")
    component = MavenContext(repo_cache=folder, timeout=60).project(group, name).at_version(version)
    try:
        return Path(component.artifact(*classifier).resolve())
    except Exception as error:
        raise FetchFailed(
            f"{coordinate} could not be downloaded: {error}. Check the network and run the same command again;"
            " it continues where it stopped"
        ) from error


def _fetch_with_retries(artifact: Artifact) -> None:
    """Download an artifact with retries. Raises the FetchFailed of the last attempt."""
    for attempt in range(1, ATTEMPTS):
        try:
            return _fetch(artifact)
        except FetchFailed as error:
            log.info("attempt %d of %d failed: %s", attempt, ATTEMPTS, error)
            time.sleep(APART_S * attempt)
    return _fetch(artifact)


def _fetch(artifact: Artifact) -> None:
    with tempfile.TemporaryDirectory(dir=cache(), prefix="fetching-") as folder:
        file = resolve(artifact.coordinate, Path(folder))
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
