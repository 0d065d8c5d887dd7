"""doctor: what is missing, and the exact command that fixes it."""

from __future__ import annotations

import platform
import re
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec

import typer

from cli.output import AsJson, StackName, out, print_json, table
from db import binlog
from db.engine import READ, connect
from db.errors import DatabaseUnavailable, translated
from settings import Settings
from stacks import instance, message_sizes, native, processes
from stacks.compose import cli as docker
from stacks.controls import control
from stacks.native import java, libraries, mysql
from stacks.native.artifacts import cache, missing


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    ok: bool
    detail: str
    fix: str = ""
    needed_by: str = "all stacks"


def doctor(stack: StackName = None, json: AsJson = False) -> None:
    """What this machine lacks for each stack, and the command that fixes it; MySQL's binlog settings when it runs.

    Fails when the stack meant (embedded unless named) could not start.
    """
    settings = instance.find(stack)
    findings = [*_general(settings), *_embedded(), *_native(settings), *_compose(settings)]
    if settings.stack == "external":
        findings += _message_sizes(settings)
    table_of_binlog = _binlog(settings)
    wanted = ("all stacks", settings.stack)
    ok = all(row.ok for row in findings if row.needed_by in wanted) and all(row.ok for row in table_of_binlog)
    if json:
        print_json({"ok": ok, "stack": settings.stack, "findings": findings, "binlog": table_of_binlog})
    else:
        rows = [("[green]✓[/]" if row.ok else "[red]✗[/]", row.what, row.detail, row.needed_by) for row in findings]
        table(("", "what", "found", "needed by"), rows)
        for row in findings:
            if not row.ok and row.fix:
                out.print(f"fix {row.what}: {row.fix}", markup=False)
        if table_of_binlog:
            lines = [
                ("[green]✓[/]" if row.ok else "[red]✗[/]", row.name, row.value, row.wanted) for row in table_of_binlog
            ]
            table(("", "variable", "value", "must be"), lines, title="\nMySQL's binlog")
    if not ok:
        raise typer.Exit(1)


def _general(settings: Settings) -> list[Finding]:
    version = platform.python_version()
    free = shutil.disk_usage(settings.home.parent if settings.home.parent.exists() else "/").free
    found = [
        Finding("Python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer"),
        Finding("disk", free > 1_000_000_000, f"{free / 1e9:.1f} GB free", f"free some space for {settings.home}"),
    ]
    if not control(settings).running():
        ports = {
            "api_port": settings.api_port,
            "dashboard_port": settings.dashboard_port,
            "broker_port": settings.broker_port,
        }
        for name, port in ports.items():
            holder = processes.holder(port, settings.bind)
            detail = "free" if holder is None else f"held by {holder.what} (pid {holder.pid or 'unknown'})"
            fix = f"ALPES_{name.upper()}=… ./alpes up, or stop what holds it"
            found.append(Finding(f"port {port}", holder is None, detail, fix))
    return found


def _embedded() -> list[Finding]:
    found = find_spec("pulsar_lite") is not None
    detail = "installed" if found else f"no build for {platform.system()} {platform.machine()}"
    return [Finding("pulsar-lite", found, detail, "use --stack native or compose", "embedded")]


def _native(settings: Settings) -> list[Finding]:
    here = platform.system() == "Linux" and platform.machine() == "x86_64"
    system = mysql.on_path()
    found = [
        Finding(
            "platform",
            here or system is not None,
            f"{platform.system()} {platform.machine()}",
            "put a mysqld 8.0 on the PATH",
            "native",
        )
    ]
    if system is not None:
        found.append(Finding("mysqld", True, f"{system.version} at {system.binary}", "", "native"))
    else:
        found += [
            Finding(row.name, row.found, "found" if row.found else "missing (mysqld needs it)", row.fix, "native")
            for row in libraries.check()
        ]
    absent = missing(native.needed(settings))
    size = sum(artifact.size for artifact in absent)
    ready = java.present() and not absent
    detail = f"in {cache()}" if ready else f"{size / 1e6:.0f} MB are downloaded at the first start"
    # A cold cache is no fault: `up` fills it.
    found.append(Finding("downloads", True, detail, "", "native"))
    return found


def _compose(settings: Settings) -> list[Finding]:
    try:
        version = docker.run(settings, "compose", "version", "--short").strip()
        docker.run(settings, "info", "--format", "{{.ServerVersion}}")
    except docker.DockerUnavailable as error:
        return [Finding("Docker", False, "not usable", str(error), "compose")]
    found = re.match(r"v?(\d+)\.(\d+)", version)
    new = found is not None and (int(found[1]), int(found[2])) >= docker.OLDEST_COMPOSE
    fix = "upgrade the plugin docker-compose-plugin, or Docker Desktop"
    return [Finding("Docker Compose", new, version, fix, "compose")]


def _message_sizes(settings: Settings) -> list[Finding]:
    advice = message_sizes.problem(settings) if settings.database_url and settings.pulsar_admin_url else None
    return [] if advice is None else [Finding("message size", False, "below MySQL's", advice, "very large rows")]


def _binlog(settings: Settings) -> list[binlog.BinlogSetting]:
    if not settings.database_url.startswith("mysql"):
        return []
    engine = connect(settings.database_url, pool_size=1)
    try:
        with translated(), engine.connect().execution_options(**READ) as connection:
            return binlog.settings(connection)
    except DatabaseUnavailable:
        return []
    finally:
        engine.dispose()
