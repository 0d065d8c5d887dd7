"""Stands before every part: while a fault's lease or an operation of the whole instance holds the part, it waits; then it
becomes the part.

Run as a plain script (`python -I -S gate.py PART.json`), so that it costs milliseconds. What holds a part is a file, so
whoever held it may die: a lease runs out, and an operation that was cut short is completed or undone by the watcher.
"""

import json
import os
import sys
import time

LOOK_EVERY_S = 0.05


def held_until(path: str) -> float:
    """When the lease runs out, in seconds since the epoch; 0 without one."""
    try:
        with open(path, encoding="utf-8") as file:
            return float(json.load(file)["expires_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def held_by_operation(path: str, part: str) -> bool:
    """Whether the operation under way holds the part: until a time, or until its journal is gone."""
    try:
        with open(path, encoding="utf-8") as file:
            journal = json.load(file)
        if part not in journal["parts"]:
            return False
        until = journal["holds_until"]
        return until is None or float(until) > time.time()
    except (OSError, ValueError, KeyError, TypeError):
        return False


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as specification:
        part = json.load(specification)
    while held_until(part["lease"]) > time.time() or held_by_operation(part["operation"], part["name"]):
        time.sleep(LOOK_EVERY_S)
    os.chdir(part["cwd"])
    os.execvpe(part["argv"][0], part["argv"], {**os.environ, **part["env"]})
