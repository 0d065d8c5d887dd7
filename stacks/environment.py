"""Give a process that a component starts an environment which is not that component's."""

from __future__ import annotations

import json
import os
from pathlib import Path

from application.components import is_process_name
from settings import Settings


def part_file(settings: Settings, part: str) -> Path:
    """Return the file with the specification of a component, which has its environment variables."""
    return settings.run / "parts" / f"{part}.json"


def without_component(settings: Settings) -> dict[str, str]:
    """Return this process's environment without what it got as a component: its name, its tokens and all other variables.

    With the name, the new process would be stopped with the instance; with a token, it could only do what the component may.
    """
    own_variables = {"ALPES_PART", *_read_variables(settings, os.environ.get("ALPES_PART", ""))}
    return {name: value for name, value in os.environ.items() if name not in own_variables}


def _read_variables(settings: Settings, part: str) -> list[str]:
    if not is_process_name(part):
        return []
    try:
        return list(json.loads(part_file(settings, part).read_text(encoding="utf-8"))["env"])
    except (OSError, ValueError, KeyError, TypeError):
        return []
