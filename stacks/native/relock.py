"""`python -m stacks.native.relock < COORDINATES > artifacts.lock`: for whoever raises a version.

Reads `GROUP COORDINATE` lines, fetches each artifact and writes its size and SHA-256 behind it.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stacks.native.artifacts import AT_ONCE, digest, resolve


def entry(line: str) -> str:
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
        for result in pool.map(entry, lines):
            print(result)
