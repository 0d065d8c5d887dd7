"""The components written in Python, which are the same on every stack."""

from __future__ import annotations

import sys

from application.components import find_component, get_base_name, select_names
from settings import Settings
from settings.model import REPOSITORY
from stacks import edges, oidc
from stacks.command import Command, Part
from stacks.hosts import AllowedHosts

PAGE_SERVER = "streamlit"


def list_python_parts(settings: Settings) -> list[Part]:
    """Return the components of this instance that are written in Python, each with its command."""
    parts = [
        Part(name, _build_command(settings, name))
        for name in select_names(settings, lambda component: bool(component.module))
    ]
    if settings.edge_ports:
        parts.append(Part("proxy", Command((sys.executable, "-m", "stacks.proxy"), REPOSITORY), priority=90))
    return parts


def _build_command(settings: Settings, name: str) -> Command:
    component = find_component(name)
    environment = _token_environment(settings, name) | edges.environment(settings, name)
    if component.module == PAGE_SERVER:
        return Command((sys.executable, "-m", component.module, *_page_arguments(settings)), REPOSITORY, environment)
    module = settings.part_modules.get(component.name, component.module)
    return Command((sys.executable, "-m", module), REPOSITORY, environment)


def _token_environment(settings: Settings, part: str) -> dict[str, str]:
    """Return the environment with a component's own token, if there is one; without it the instance's token is used."""
    if settings.pulsar_tokens is None:
        return {}
    file = settings.pulsar_tokens / f"{get_base_name(part)}.jwt"
    if not file.exists():
        return {}
    return {"ALPES_PULSAR_TOKEN_FILE": str(file), "ALPES_PULSAR_ADMIN_TOKEN_FILE": str(file)}


def _page_arguments(settings: Settings) -> list[str]:
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
    return ["run", str(script), *arguments]
