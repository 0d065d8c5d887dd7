"""The components written in Python, which are the same on every stack."""

from __future__ import annotations

import sys

from settings import Settings
from settings.model import REPOSITORY
from stacks import oidc
from stacks.command import Command, Part
from stacks.hosts import AllowedHosts

RESTARTABLE_WORKERS = ("observer", "audit", "commands", "watcher")


def worker_names(settings: Settings) -> list[str]:
    """Return `notifications`, or `notifications-1`, … when several workers share the subscription."""
    if settings.workers == 1:
        return ["notifications"]
    return [f"notifications-{number}" for number in range(1, settings.workers + 1)]


def base_name(part: str) -> str:
    """Return the name without its number: `notifications` for `notifications-2`."""
    return part.rpartition("-")[0] if part[-1].isdigit() else part


def python_parts(settings: Settings) -> list[Part]:
    modules = dict.fromkeys(worker_names(settings), "workers.notifications")
    modules |= {"observer": "workers.observer", "audit": "workers.audit", "commands": "workers.commands"}
    modules |= {"watcher": "stacks.watcher", "api": "api"}
    if settings.facts.capture.is_process:
        modules[settings.facts.capture.component] = f"workers.{settings.facts.capture.component}"
    modules |= {
        name: settings.part_modules[base_name(name)] for name in modules if base_name(name) in settings.part_modules
    }
    parts = [
        Part(name, _module_command(module, _token_environment(settings, name))) for name, module in modules.items()
    ]
    parts.append(Part("dashboard", _dashboard_command(settings)))
    return [part for part in parts if part.name not in settings.without]


def _module_command(module: str, env: dict[str, str]) -> Command:
    return Command((sys.executable, "-m", module), REPOSITORY, env)


def _token_environment(settings: Settings, part: str) -> dict[str, str]:
    """Return the environment with a component's own token, if there is one; without it the instance's token is used."""
    if settings.pulsar_tokens is None:
        return {}
    file = settings.pulsar_tokens / f"{part.rstrip('0123456789').rstrip('-')}.jwt"
    if not file.exists():
        return {}
    return {"ALPES_PULSAR_TOKEN_FILE": str(file), "ALPES_PULSAR_ADMIN_TOKEN_FILE": str(file)}


def _dashboard_command(settings: Settings) -> Command:
    options = {
        "server.address": settings.bind,
        "server.port": str(settings.dashboard_port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
    }
    if settings.oidc_metadata_url:
        options["secrets.files"] = str(oidc.write(settings))
    arguments = [f"--{name}={value}" for name, value in options.items()]
    hosts = AllowedHosts(settings)
    if not hosts.any_address:  # Streamlit's list cannot allow every address; `dashboard/app.py` guards both cases
        arguments += [f"--server.allowedHosts={name}" for name in sorted(hosts.names)]
    script = REPOSITORY / "dashboard" / "app.py"
    env = _token_environment(settings, "dashboard")
    return Command((sys.executable, "-m", "streamlit", "run", str(script), *arguments), REPOSITORY, env)
