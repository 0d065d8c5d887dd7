"""A program that was started in place of a component goes with its starter, also when that one is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scenarios.waiting import until
from stacks import processes
from stacks.native import dying_with_parent

STARTER = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, sys.argv[1], str(os.getpid()), "sleep", "60"])
print(child.pid, flush=True)
child.wait()
"""


def test_it_goes_with_its_starter() -> None:
    script = str(Path(dying_with_parent.__file__))
    with subprocess.Popen([sys.executable, "-c", STARTER, script], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        try:
            until(lambda: Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep"), 10, "the program runs")
        finally:
            starter.kill()
    until(lambda: not processes.is_alive(pid), 10, "it has ended too")
