"""`python healthcheck.py PART`: exit code 0 while the part that this container runs is well.

Every container runs it every few seconds. So it imports nothing of the project and no package: with those, the health checks
of all containers together would take half a processor.
"""

from __future__ import annotations

import json
import os
import sys
import time

STALE_S = 10.0
"""A worker beats twice a second; on a busy machine a beat may be late."""
SERVERS = {"api": ("ALPES_API_PORT", 5000, "/ready"), "dashboard": ("ALPES_DASHBOARD_PORT", 8501, "/_stcore/health")}
"""Part → the variable that names its port, the port without it, and the path that answers 200."""


def problem(part: str) -> str | None:
    """What is wrong with a part; None while it is well."""
    if part in SERVERS:
        variable, port, path = SERVERS[part]
        return _unanswered(int(os.environ.get(variable, port)), path)
    return _unwell(os.path.join(os.environ["ALPES_HOME"], "run", "heartbeat", part))  # noqa: PTH118 - pathlib is slow to load


def _unwell(sign: str) -> str | None:
    """By the worker's sign of life (`workers.heartbeat`)."""
    try:
        age_s = time.time() - os.stat(sign).st_mtime  # noqa: PTH116
        with open(sign, encoding="utf-8") as file:
            connected = json.load(file)["connected"]
    except (OSError, ValueError, KeyError):
        return "it has given no sign of life yet"
    if age_s > STALE_S:
        return f"no sign of life for {age_s:.0f} s"
    return None if connected else "it waits for what it depends on"


def _unanswered(port: int, path: str) -> str | None:
    from http.client import HTTPConnection, HTTPException  # workers need it not

    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"port {port} does not answer: {error}"
    return None if status == 200 else f"{path} answers {status}"


if __name__ == "__main__":
    wrong = problem(sys.argv[1])
    print(f"{sys.argv[1]}: {wrong or 'well'}")
    sys.exit(1 if wrong else 0)
