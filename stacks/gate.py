"""Start a component, after waiting until no lease of a fault and no operation of the instance holds it, and it may start.

The gate runs as a plain script (`python -I -S gate.py PART.json`), which takes milliseconds, and then replaces itself by the
component; `fork_server.py` imports it instead. A hold is a file, so it outlives the process that created it: a lease expires, and
the watcher completes or undoes an interrupted operation.
"""

import json
import os
import sys
import time

LOOK_EVERY_S = 0.05


def held_until(path: str) -> float:
    """Return when the lease expires, in seconds since the epoch; 0 without a lease."""
    try:
        with open(path, encoding="utf-8") as file:
            return float(json.load(file)["expires_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def held_by_operation(path: str, part: str) -> bool:
    """Return whether the current operation holds the component: until a given time, or until its journal is removed."""
    try:
        with open(path, encoding="utf-8") as file:
            journal = json.load(file)
        if part not in journal["parts"]:
            return False
        until = journal["holds_until"]
        return until is None or float(until) > time.time()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def lacks(path: str) -> bool:
    """Return whether the file does not exist for which the component waits; an empty path is none."""
    return bool(path) and not os.path.exists(path)


def read(path: str) -> dict:  # type: ignore[type-arg]  # typing would take longer to import than the gate runs
    """Return a component's specification, which `stacks.supervisor` writes."""
    with open(path, encoding="utf-8") as specification:
        return json.load(specification)  # type: ignore[no-any-return]


def wait(part: dict) -> None:  # type: ignore[type-arg]
    """Return as soon as nothing holds the component."""
    while (
        held_until(part["lease"]) > time.time()
        or held_by_operation(part["operation"], part["name"])
        or lacks(part.get("waits_for", ""))
        or os.path.exists(part.get("waits_while", ""))
    ):
        time.sleep(LOOK_EVERY_S)


if __name__ == "__main__":
    part = read(sys.argv[1])
    wait(part)
    os.chdir(part["cwd"])
    os.execvpe(part["argv"][0], part["argv"], {**os.environ, **part["env"]})
