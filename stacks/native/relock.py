"""Write the lock again after a change of versions: `python -m stacks.native.relock < COORDINATES > artifacts.lock`.

Reads lines `GROUP COORDINATE`, downloads each artifact, and appends its size and SHA-256. Files of one archive stand side by
side, and are downloaded together.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

from stacks.native import archives
from stacks.native.artifacts import AT_ONCE, digest, resolve_together


def make_entries(lines: list[str]) -> list[str]:
    """Return the lock's entries for one artifact, or for files of one archive."""
    groups = {line.split()[1]: line.split()[0] for line in lines}
    with tempfile.TemporaryDirectory() as folder:
        files = resolve_together(list(groups), Path(folder))
        return [f"{group} {name} {files[name].stat().st_size} {digest(files[name])}" for name, group in groups.items()]


def _get_archive(line: str) -> str:
    return line.split()[1].partition(archives.SEPARATOR)[0]


if __name__ == "__main__":
    lines = [line for line in sys.stdin.read().splitlines() if line and not line.startswith("#")]
    print(
        "# group coordinate bytes sha256; of groups of jars the order is the class path's. Made by stacks.native.relock."
    )
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for entries in pool.map(make_entries, [list(together) for _, together in groupby(lines, _get_archive)]):
            print("\n".join(entries))
