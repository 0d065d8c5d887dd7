"""Stands before every part: while a fault's lease holds the part down it waits, then becomes the part.

Run as a plain script (`python -I -S gate.py LEASE -- COMMAND…`), so that it costs milliseconds. The lease is a file; so
whoever held it down may die, and the part is back all the same when the lease has run out.
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


if __name__ == "__main__":
    lease, command = sys.argv[1], sys.argv[3:]
    while held_until(lease) > time.time():
        time.sleep(LOOK_EVERY_S)
    os.execvp(command[0], command)
