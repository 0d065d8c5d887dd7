"""The verb doctor: what this machine lacks, and the command that fixes it."""

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
from stacks.native.artifacts import cache, find_missing_artifacts


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    ok: bool
    detail: str
    fix: str = ""
    needed_by: str = "all stacks"


def doctor(stack: StackName = None, json: AsJson = False) -> None:
    """Print what this machine lacks for each stack, with the command that fixes it, and the binlog settings of a running MySQL.

    Fails when the chosen stack (embedded by default) could not start.
    """
    settings = instance.find(stack)
    findings = [*_check_machine(settings), *_check_embedded(), *_check_native(settings), *_check_compose(settings)]
    if not settings.facts.servers_are_ours:
        findings += _check_message_sizes(settings)
    binlog_settings = _read_binlog_settings(settings)
    relevant = ("all stacks", settings.stack)
    ok = all(row.ok for row in findings if row.needed_by in relevant) and all(row.ok for row in binlog_settings)
    if json:
        print_json({"ok": ok, "stack": settings.stack, "findings": findings, "binlog": binlog_settings})
    else:
        rows = [("[green]✓[/]" if row.ok else "[red]✗[/]", row.what, row.detail, row.needed_by) for row in findings]
        table(("", "what", "found", "needed by"), rows)
        for row in findings:
            if not row.ok and row.fix:
                out.print(f"fix {row.what}: {row.fix}", markup=False)
        if binlog_settings:
            lines = [
                ("[green]✓[/]" if row.ok else "[red]✗[/]", row.name, row.value, row.wanted) for row in binlog_settings
            ]
            table(("", "variable", "value", "must be"), lines, title="\nMySQL's binlog")
    if not ok:
        raise typer.Exit(1)


def _check_machine(settings: Settings) -> list[Finding]:
    version = platform.python_version()
    free = shutil.disk_usage(settings.home.parent if settings.home.parent.exists() else "/").free
    findings = [
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
            holder = processes.find_port_holder(port, settings.bind)
            detail = "free" if holder is None else f"held by {holder.description} (pid {holder.pid or 'unknown'})"
            fix = f"ALPES_{name.upper()}=… ./alpes up, or stop what holds it"
            findings.append(Finding(f"port {port}", holder is None, detail, fix))
    return findings


def _check_embedded() -> list[Finding]:
    installed = find_spec("pulsar_lite") is not None
    detail = "installed" if installed else f"no build for {platform.system()} {platform.machine()}"
    return [Finding("pulsar-lite", installed, detail, "use --stack native or compose", "embedded")]


def _check_native(settings: Settings) -> list[Finding]:
    can_download_mysql = platform.system() == "Linux" and platform.machine() == "x86_64"
    system_mysql = mysql.on_path()
    findings = [
        Finding(
            "platform",
            can_download_mysql or system_mysql is not None,
            f"{platform.system()} {platform.machine()}",
            "put a mysqld 8.0 on the PATH",
            "native",
        )
    ]
    if system_mysql is not None:
        findings.append(Finding("mysqld", True, f"{system_mysql.version} at {system_mysql.binary}", "", "native"))
    else:
        findings += [
            Finding(
                row.name, row.is_present, "found" if row.is_present else "missing (mysqld needs it)", row.fix, "native"
            )
            for row in libraries.check()
        ]
    absent = find_missing_artifacts(native.needed(settings))
    size = sum(artifact.size for artifact in absent)
    ready = java.is_present() and not absent
    detail = f"in {cache()}" if ready else f"{size / 1e6:.0f} MB are downloaded at the first start"
    # A cold cache is no fault: `up` fills it.
    findings.append(Finding("downloads", True, detail, "", "native"))
    return findings


def _check_compose(settings: Settings) -> list[Finding]:
    try:
        version = docker.run(settings, "compose", "version", "--short").strip()
        docker.run(settings, "info", "--format", "{{.ServerVersion}}")
    except docker.DockerUnavailable as error:
        return [Finding("Docker", False, "not usable", str(error), "compose")]
    version_match = re.match(r"v?(\d+)\.(\d+)", version)
    new_enough = version_match is not None and (int(version_match[1]), int(version_match[2])) >= docker.OLDEST_COMPOSE
    fix = "upgrade the plugin docker-compose-plugin, or Docker Desktop"
    return [Finding("Docker Compose", new_enough, version, fix, "compose")]


def _check_message_sizes(settings: Settings) -> list[Finding]:
    advice = message_sizes.problem(settings) if settings.database_url and settings.pulsar_admin_url else None
    return [] if advice is None else [Finding("message size", False, "below MySQL's", advice, "very large rows")]


def _read_binlog_settings(settings: Settings) -> list[binlog.BinlogSetting]:
    if not settings.database_url.startswith("mysql"):
        return []
    engine = connect(settings.database_url, pool_size=1)
    try:
        with translated(), engine.connect().execution_options(**READ) as connection:
            return binlog.read_settings(connection, settings.facts.capture.mysql_before)
    except DatabaseUnavailable:
        return []
    finally:
        engine.dispose()
