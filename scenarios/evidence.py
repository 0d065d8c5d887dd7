"""The evidence of a run: one HTML file that needs nothing else."""

from __future__ import annotations

from scenarios.model import Result


def html(result: Result) -> str:
    return result.name
