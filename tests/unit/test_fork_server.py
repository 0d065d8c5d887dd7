"""What `stacks/fork_server.py` imports before it forks: libraries, all that the components share, and nothing that a fork would lose."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from settings.model import REPOSITORY
from stacks import fork_server

COMPONENTS = ("workers.notifications", "workers.observer", "workers.audit", "workers.relay", "workers.commands")
SMALL = {"typing_inspection"}
"""Packages of a few modules, which need not be imported early."""
IMPORTS = """
import importlib, json, os, runpy, sys
server = runpy.run_path(sys.argv[1], run_name="fork_server")
for name in server["LIBRARIES"]:
    importlib.import_module(name)
before = set(sys.modules)
threads = len(os.listdir("/proc/self/task"))
sys.path.insert(0, sys.argv[2])
for name in sys.argv[3:]:
    importlib.import_module(name)
files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
ours = [name for name in before if files[name].startswith(sys.argv[2]) and "site-packages" not in files[name]]
later = {name.partition(".")[0] for name in set(files) - before if "site-packages" in files[name]}
print(json.dumps({"threads": threads, "ours": ours, "later": sorted(later)}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the threads are counted in /proc")
def test_the_libraries_of_the_components_are_imported_before_the_fork_and_nothing_else() -> None:
    command = [sys.executable, "-P", "-c", IMPORTS, fork_server.__file__, str(REPOSITORY), *COMPONENTS]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    imported = json.loads(run.stdout)
    assert imported["threads"] == 1, "a fork has only the thread that forks"
    assert imported["ours"] == ["alpes_gate"] or imported["ours"] == [], "a component would run an old program"
    assert set(imported["later"]) <= SMALL, "each component would import them again"


@pytest.mark.parametrize(
    ("argv", "runs_here"),
    [
        ([sys.executable, "-m", "workers.relay"], True),
        ([sys.executable, "-m", "streamlit", "run", "app.py"], True),
        ([sys.executable, "-c", "pass"], False),
        ([sys.executable], False),
        (["/usr/bin/java", "-m", "module"], False),
    ],
)
def test_only_modules_of_this_python_run_in_a_fork(argv: list[str], runs_here: bool) -> None:
    assert fork_server.runs_here(argv) is runs_here
