"""Write the lock again after a change of versions: `python -m stacks.native.relock < COORDINATES > artifacts.lock`.

Reads lines `GROUP COORDINATE`, downloads each artifact, and appends its size and SHA-256.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stacks.native.artifacts import AT_ONCE, digest, resolve


def make_entry(line: str) -> str:
    group, coordinate, *_ = line.split()
    with tempfile.TemporaryDirectory() as folder:
        file = resolve(coordinate, Path(folder))
        return f"{group} {coordinate} {file.stat().st_size} {digest(file)}"


if __name__ == "__main__":
    lines = [line for line in sys.stdin.read().splitlines() if line and not line.startswith("#")]
    print(
        "# group coordinate bytes sha256; of group `pulsar` the order is the class path's. Made by stacks.native.relock."
    )
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for result in pool.map(make_entry, lines):
            print(result)
