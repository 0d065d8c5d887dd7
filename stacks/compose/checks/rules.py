"""Check the rules that hold for every service."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from application.components import COMPONENTS
from stacks.compose import model
from stacks.compose.checks.check import Check, judge
from stacks.compose.docker import ONE_SHOTS, service

STORES = ("mysql", "pulsar")
METADATA = "zookeeper"
OF_A_CLUSTER = "initialize"
"""The one-shot that only a cluster has."""
ROOT = "folders"
"""The only service that runs as root, once: it gives ./data to the containers' user. It has no network and no other right."""
ROOT_MAY = {"user": "0:0", "cap_add": ["CHOWN", "DAC_OVERRIDE", "FOWNER"], "network_mode": "none", "restart": "no"}
PARTS = [component.name for component in COMPONENTS.values() if component.module and not component.is_capture]
PINNED = re.compile(r"[\w./-]+:\d+\.\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?")


def _all_services() -> list[tuple[str, dict[str, Any]]]:
    """Return the services of the demo and of the cluster, with their names."""
    return [*model.demo()["services"].items(), *model.cluster()["services"].items()]


def check_services() -> Check:
    wanted = {*STORES, *ONE_SHOTS, *map(service, PARTS)} - {OF_A_CLUSTER}
    services = set(model.demo()["services"])
    wrong = [f"{name} is missing" for name in sorted(wanted - services)]
    wrong += [f"{name} is not known" for name in sorted(services - wanted)]
    return judge("every component has its service", wrong, ", ".join(sorted(services)))


def check_pinned_images() -> Check:
    wrong = [
        f"{name} runs {values.get('image', 'no named image')}"
        for name, values in _all_services()
        if not PINNED.fullmatch(values.get("image", ""))
    ]
    return judge("every image is pinned by its full version", wrong, "no `latest`, no shortened version")


def check_health_checks() -> Check:
    wrong = []
    for name, values in _all_services():
        health = values.get("healthcheck") or {}
        if name in ONE_SHOTS:
            if health != {"disable": True}:
                wrong.append(f"{name} runs once and needs no health check")
        elif not health.get("test") or not {"interval", "timeout", "retries", "start_period"} <= set(health):
            wrong.append(f"{name} has an incomplete health check")
    return judge("every service that stays has a health check", wrong, "test, interval, timeout, retries, start_period")


def check_dependencies() -> Check:
    wrong = []
    for services in (model.demo()["services"], model.cluster()["services"]):
        for name, values in services.items():
            needs = values.get("depends_on", {})
            if name not in (*STORES, ROOT, METADATA) and not needs:
                wrong.append(f"{name} waits for nothing")
            for other, how in needs.items():
                wanted = "service_completed_successfully" if other in ONE_SHOTS else "service_healthy"
                if other not in services or how.get("condition") != wanted:
                    wrong.append(f"{name} must wait for {other}: {wanted}")
        if "migrate" not in services["source"]["depends_on"]:
            wrong.append("the source does not wait for the migration")
    return judge(
        "every service waits by a condition", wrong, "healthy, or completed for the one-shots; migrate before source"
    )


def check_nothing_sleeps() -> Check:
    wrong = [
        f"{name} sleeps"
        for name, values in _all_services()
        if re.search(r"\bsleep\b", f"{values.get('command')} {values.get('entrypoint')} {values.get('healthcheck')}")
    ]
    return judge("nothing sleeps", wrong, "no `sleep` in a command or a health check")


def check_privileges() -> Check:
    wrong = []
    for name, values in _all_services():
        user = str(values.get("user", "")).partition(":")[0]
        if name == ROOT:
            mounts = [_target(str(entry).split(":")[1]) for entry in values.get("volumes", [])]
            if {key: values.get(key) for key in ROOT_MAY} != ROOT_MAY or mounts != ["/var/lib/alpes/audit"]:
                wrong.append(f"{name} may do more than open ./data")
        elif not user.isdigit() or user == "0":
            wrong.append(f"{name} runs as {user or 'the image says'}")
        if values.get("cap_drop") != ["ALL"] or values.get("privileged") or (values.get("cap_add") and name != ROOT):
            wrong.append(f"{name} keeps capabilities")
        if "no-new-privileges:true" not in values.get("security_opt", []):
            wrong.append(f"{name} may gain privileges")
        if name not in ONE_SHOTS and values.get("restart") != "unless-stopped":
            wrong.append(f"{name} is not restarted when it ends")
    return judge(
        "no long-running service is root or can become root", wrong, "numeric user, cap_drop ALL, no-new-privileges"
    )


def check_roots_are_read_only() -> Check:
    wrong = []
    for name, values in _all_services():
        if values.get("read_only") is not True:
            wrong.append(f"{name} can write to its root")
        if not any(_target(entry) == "/tmp" for entry in values.get("tmpfs", [])):  # noqa: S108
            wrong.append(f"{name} has no /tmp")
    return judge("every root file system is read-only", wrong, "with /tmp in memory")


def check_limits() -> Check:
    """Check that every service has a limit of memory and of processes."""
    wrong = [
        f"{name} has no {limit}"
        for name, values in _all_services()
        for limit in ("mem_limit", "pids_limit")
        if not values.get(limit)
    ]
    return judge("memory and processes of every service are limited", wrong, "mem_limit, pids_limit")


def check_ports_are_local() -> Check:
    wrong = [
        f"{name} publishes {port}"
        for name, values in _all_services()
        for port in values.get("ports", [])
        if not str(port).startswith("127.0.0.1:")
    ]
    return judge("ports are published on this machine only", wrong, "127.0.0.1, unless ALPES_BIND says otherwise")


def check_data_is_in_volumes() -> Check:
    tree = model.demo()
    named = set(tree["volumes"])
    wrong = [f"volume {name} has settings of its own" for name, values in tree["volumes"].items() if values]
    needed = {("mysql", "/var/lib/mysql")}
    needed |= {("pulsar", f"/pulsar/{name}") for name in ("data", "logs", "packages-storage", "scratch")}
    for name, values in tree["services"].items():
        for entry in values.get("volumes", []):
            origin, target = str(entry).split(":")[:2]
            if origin not in named and origin != "./data":
                wrong.append(f"{name} mounts {origin}")
            if origin in named:
                needed.discard((name, target))
    wrong += [f"{name} keeps {target} in no volume" for name, target in sorted(needed)]
    return judge("data is in named volumes and ./data", wrong, "`down -v` and `rm -rf data/*` leave nothing")


def _target(entry: Any) -> str:
    return str(PurePosixPath(str(entry).partition(":")[0]))
