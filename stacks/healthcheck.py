"""`python -m stacks.healthcheck PART`: exit code 0 while the part that this container runs is well."""

from __future__ import annotations

import sys

import httpx

from settings import Settings, load
from workers.heartbeat import read_heartbeat

STALE_S = 10.0
"""A worker beats twice a second; on a busy machine a beat may be late."""
PATHS = {"api": "/ready", "dashboard": "/_stcore/health"}


def problem(settings: Settings, part: str) -> str | None:
    """What is wrong with a part; None while it is well."""
    if part in PATHS:
        port = settings.api_port if part == "api" else settings.dashboard_port
        return _answers(f"http://127.0.0.1:{port}{PATHS[part]}")
    last = read_heartbeat(settings, part)
    if last is None:
        return "it has given no sign of life yet"
    if last.age_s > STALE_S:
        return f"no sign of life for {last.age_s:.0f} s"
    return None if last.connected else "it waits for what it depends on"


def _answers(url: str) -> str | None:
    try:
        answer = httpx.get(url, timeout=5, trust_env=False)
    except httpx.HTTPError as error:
        return f"{url} does not answer: {error}"
    return None if answer.is_success else f"{url} answers {answer.status_code}"


def main() -> int:
    part = sys.argv[1]
    wrong = problem(load(), part)
    print(f"{part}: {wrong or 'well'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
