"""Check, before anything of an instance is started, what would keep one of its components from working."""

from __future__ import annotations

import os

from settings import Settings
from stacks import processes
from stacks.registry import stack_of
from stacks.resolving import StartFailed


def check(settings: Settings) -> None:
    """Raise StartFailed if a port is taken, or if the audit file cannot be written."""
    _require_free_ports(settings)
    _require_audit_file(settings)


def _require_free_ports(settings: Settings) -> None:
    names = ["api_port", *stack_of(settings).ports()]
    if "dashboard" not in settings.without:
        names.append("dashboard_port")
    problems = []
    for name in names:
        port = getattr(settings, name)
        holder = processes.find_port_holder(port, settings.bind)
        if holder is not None:
            pid = f", pid {holder.pid}" if holder.pid else ""
            problems.append(
                f"port {port} ({name}) is held by {holder.description}{pid}; set another: ALPES_{name.upper()}=…"
            )
    if problems:
        raise StartFailed("\n".join(problems))


def _require_audit_file(settings: Settings) -> None:
    """Raise StartFailed unless the audit file is, or can become, a file that this user can write.

    On compose the container `folders` gives access to the folder, and another user writes the file.
    """
    file = settings.audit_file
    elsewhere = "name another folder: ALPES_AUDIT_DIR=/path ./alpes up"
    if file.exists() and not file.is_file():
        raise StartFailed(f"{file} is not a file, so the audit lines have no place. Move it away, or {elsewhere}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartFailed(f"the folder of the audit file cannot be made: {error}; {elsewhere}") from error
    place = file if file.exists() else file.parent
    if not settings.facts.in_containers and not os.access(place, os.W_OK):
        raise StartFailed(f"{place} cannot be written, so the audit lines have no place; {elsewhere}")
