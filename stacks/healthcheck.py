"""`python healthcheck.py PART`: exit with 0 while the component of this container is healthy.

Every container runs this script every few seconds, so it imports nothing of the project and no package: otherwise the health
checks of all containers together would use half a processor.
"""

from __future__ import annotations

import json
import os
import sys
import time

STALE_S = 10.0
"""A worker writes its heartbeat twice per second; on a busy machine it may be late."""
SERVERS = {"api": ("ALPES_API_PORT", 5000, "/ready"), "dashboard": ("ALPES_DASHBOARD_PORT", 8501, "/_stcore/health")}
"""Component → the variable that names its port, the default port, and the path that answers 200."""


def find_problem(part: str) -> str | None:
    """Return why a component is not healthy; None when it is."""
    if part in SERVERS:
        variable, port, path = SERVERS[part]
        return _find_problem_of_server(int(os.environ.get(variable, port)), path)
    return _find_problem_of_worker(os.path.join(os.environ["ALPES_HOME"], "run", "heartbeat", part))  # noqa: PTH118 - pathlib is slow to load


def _find_problem_of_worker(heartbeat: str) -> str | None:
    """Return what the heartbeat file (`workers.heartbeat`) says against the worker."""
    try:
        age_s = time.time() - os.stat(heartbeat).st_mtime  # noqa: PTH116
        with open(heartbeat, encoding="utf-8") as file:
            connected = json.load(file)["connected"]
    except (OSError, ValueError, KeyError):
        return "it has written no heartbeat yet"
    if age_s > STALE_S:
        return f"no heartbeat for {age_s:.0f} s"
    return None if connected else "it waits for what it depends on"


def _find_problem_of_server(port: int, path: str) -> str | None:
    from http.client import HTTPConnection, HTTPException  # slow to load, and workers do not need it

    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"port {port} does not answer: {error}"
    return None if status == 200 else f"{path} answers {status}"


if __name__ == "__main__":
    problem = find_problem(sys.argv[1])
    print(f"{sys.argv[1]}: {problem or 'healthy'}")
    sys.exit(1 if problem else 0)
