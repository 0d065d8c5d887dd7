"""The real parts' files: named with their SHA-256 in `artifacts.lock`, fetched once into a cache of the user.

From Maven Central through `jgo`, eight at a time. Each file is hashed before it takes its place in the cache, so what
stands there is whole; an interrupted fetch goes on with what is missing, and a warm cache needs no network.
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

from stacks import ownership

log = logging.getLogger(__name__)

LOCK = Path(__file__).with_name("artifacts.lock")
AT_ONCE = 8
TRIES = 4
"""Of one file: among some three hundred of them, one that fails once must not fail a start."""
APART_S = 2.0

Progress = Callable[[int, int, str], None]
"""`progress(bytes done, bytes in all, what)`."""


def quiet(done: int, total: int, what: str) -> None:
    """No progress shown."""


class FetchFailed(Exception):
    """A file could not be had, or is not what the lock says; `str(error)` tells what to do."""


@dataclass(frozen=True, slots=True)
class Artifact:
    group: str
    """What it belongs to: pulsar, nar-4.0.8, nar-3.1.2 or mysql."""
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
    """`ALPES_CACHE`, or the system's folder for caches of this user."""
    return Path(os.environ.get("ALPES_CACHE") or user_cache_path("alpes"))


def prepare_cache() -> None:
    """Make the cache's folder, marked as ours; one that holds other files too gets no mark, and is never removed.

    Raises OSError when it cannot be written.
    """
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(ownership.NotMade):
        ownership.claim(ownership.CACHE, folder)


def locked(groups: Iterable[str], lock: Path = LOCK) -> list[Artifact]:
    """The lock's entries of these groups, in its order (which is the class path's)."""
    wanted = set(groups)
    entries = []
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            group, coordinate, size, sha256 = line.split()
            if group in wanted:
                entries.append(Artifact(group, coordinate, int(size), sha256))
    return entries


def groups(lock: Path = LOCK) -> list[str]:
    """The groups of the lock, in its order."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    return list(dict.fromkeys(line.split()[0] for line in lines if line and not line.startswith("#")))


def missing(artifacts: Iterable[Artifact]) -> list[Artifact]:
    """Those that are not in the cache as they were verified."""
    verified = _Verified()
    return [artifact for artifact in artifacts if not verified.holds(artifact)]


def ensure(artifacts: list[Artifact], progress: Progress = quiet) -> None:
    """Fetch what is missing. Raises FetchFailed; what was fetched until then stays."""
    absent = missing(artifacts)
    if not absent:
        return
    total, done = sum(artifact.size for artifact in absent), 0
    folder = cache()
    try:
        prepare_cache()
    except OSError as error:
        raise FetchFailed(f"the cache {folder} cannot be written: {error}. Name another: ALPES_CACHE=/path") from error
    free = shutil.disk_usage(folder).free
    if free < 2 * total:
        raise FetchFailed(
            f"{total / 1e6:.0f} MB are to be fetched and {folder} has {free / 1e6:.0f} MB left; free some space"
        )
    progress(0, total, "starting")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = {pool.submit(_fetch_patiently, artifact): artifact for artifact in absent}
        try:
            for job in as_completed(jobs):
                job.result()
                done += jobs[job].size
                progress(done, total, jobs[job].path.name)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resolve(coordinate: str, folder: Path) -> Path:
    """Fetch one artifact into `folder`, unverified. Raises FetchFailed."""
    from jgo.maven import MavenContext

    group, name, _, *classifier, version = coordinate.split(":")
    component = MavenContext(repo_cache=folder, timeout=60).project(group, name).at_version(version)
    try:
        return Path(component.artifact(*classifier).resolve())
    except Exception as error:
        raise FetchFailed(
            f"{coordinate} could not be fetched: {error}. Check the network and run the same command again;"
            " it goes on where it stopped"
        ) from error


def _fetch_patiently(artifact: Artifact) -> None:
    """Raises FetchFailed: what the last try said."""
    for attempt in range(1, TRIES):
        try:
            return _fetch(artifact)
        except FetchFailed as error:
            log.info("try %d of %d: %s", attempt, TRIES, error)
            time.sleep(APART_S * attempt)
    return _fetch(artifact)


def _fetch(artifact: Artifact) -> None:
    with tempfile.TemporaryDirectory(dir=cache(), prefix="fetching-") as folder:
        file = resolve(artifact.coordinate, Path(folder))
        found = digest(file)
        if found != artifact.sha256:
            raise FetchFailed(
                f"{artifact.coordinate} has SHA-256 {found}, the lock says {artifact.sha256}: it is not used."
                " Try again; if it stays so, somebody changed what the registry serves"
            )
        artifact.path.parent.mkdir(parents=True, exist_ok=True)
        file.replace(artifact.path)
        _Verified().add(artifact)


class _Verified:
    """Stamps of files that were hashed: while size and time are as noted, hashing 400 MB at each start is saved."""

    def holds(self, artifact: Artifact) -> bool:
        try:
            stamp = json.loads(self._stamp(artifact).read_text())
            found = artifact.path.stat()
        except (OSError, ValueError):
            return False
        if stamp == [found.st_size, found.st_mtime_ns, artifact.sha256]:
            return True
        if digest(artifact.path) == artifact.sha256:
            self.add(artifact)
            return True
        return False

    def add(self, artifact: Artifact) -> None:
        found = artifact.path.stat()
        stamp = [found.st_size, found.st_mtime_ns, artifact.sha256]
        self._stamp(artifact).write_text(json.dumps(stamp))

    def _stamp(self, artifact: Artifact) -> Path:
        return artifact.path.with_name(artifact.path.name + ".verified")
