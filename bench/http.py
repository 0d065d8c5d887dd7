"""Measure the HTTP API with `wrk`, Debian's load tool: requests a second and their durations at some numbers of connections."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from application.permissions import Action, require
from domain.errors import ExpectedError
from scenarios.api_client import url_host
from settings import Settings

DURATION_S = 5
WARM_UP_S = 2
_SCRIPT = """
local number = 0
wrk.method = "POST"
wrk.path = "/commissions/calculate"
wrk.headers["Content-Type"] = "application/json"
if "%(token)s" ~= "" then wrk.headers["Authorization"] = "Bearer %(token)s" end

function request()
  number = number + 1
  return wrk.format(nil, nil, nil, string.format(
    '{"conversionId":"%(prefix)s-%%d","affiliateId":"aff-http","campaignId":"cmp-http","grossAmount":"120.50","currency":"USD"}',
    number))
end

function done(summary, latency, requests)
  io.stderr:write(string.format('{"requests": %%d, "us": %%d, "p50_us": %%d, "p99_us": %%d, "failed": %%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""
"""One thread of `wrk` runs it, so the numbers are unique. The prefix names the run."""


class NoLoadTool(ExpectedError):
    """`wrk` is missing; `str(error)` says how to install it."""


@dataclass(frozen=True, slots=True)
class Load:
    """The answers to `connections` clients, each of which sends a command as soon as it has the last answer."""

    connections: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    failed: int
    """Answers that were no success, and requests without an answer."""


@dataclass(frozen=True, slots=True)
class HttpReport:
    stack: str
    loads: list[Load]


def measure_http(settings: Settings, connections: Sequence[int]) -> HttpReport:
    """Send commands for DURATION_S at each number of connections, after a warm-up. Raise NoLoadTool or Forbidden."""
    require(settings, Action.ISSUE_COMMANDS)
    tool = shutil.which("wrk")
    if tool is None:
        raise NoLoadTool(
            "wrk is missing: install it with `apt-get install wrk` on Debian and Ubuntu, or `brew install wrk`"
        )
    _run(tool, settings, max(connections), WARM_UP_S)
    return HttpReport(settings.stack, [_run(tool, settings, number, DURATION_S) for number in connections])


def _run(tool: str, settings: Settings, connections: int, seconds: int) -> Load:
    values = {"token": settings.api_token.get_secret_value(), "prefix": uuid.uuid4().hex}
    with TemporaryDirectory(prefix="alpes-wrk-") as folder:
        script = Path(folder) / "load.lua"
        script.write_text(_SCRIPT % values, encoding="utf-8")
        url = f"http://{url_host(settings.api_host or settings.bind)}:{settings.api_port}"
        arguments = [
            "--threads",
            "1",
            "--connections",
            str(connections),
            "--duration",
            f"{seconds}s",
            "--timeout",
            "30s",
        ]
        completed = subprocess.run(
            [tool, *arguments, "--script", str(script), url], check=True, capture_output=True, text=True
        )
    return read_summary(connections, completed.stderr)


def read_summary(connections: int, text: str) -> Load:
    """Return what the script wrote. Raise ValueError when it is no such text."""
    summary = json.loads(text)
    return Load(
        connections,
        round(summary["requests"] / (summary["us"] / 1e6), 1),
        round(summary["p50_us"] / 1000, 2),
        round(summary["p99_us"] / 1000, 2),
        summary["failed"],
    )
