"""The source under its user's hands: status, restart, stop, start, delete, create. The watcher keeps to what was asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from application import permissions
from connectors import source
from connectors.admin import Admin
from db.engine import connect
from settings import Settings
from stacks import health
from stacks.native import intent, provision

Action = Literal["restart", "stop", "start", "create", "delete"]
ACTIONS: tuple[Action, ...] = ("restart", "stop", "start", "create", "delete")


class NoSource(Exception):
    """This stack captures with the relay, or its source was deleted."""


@dataclass(frozen=True, slots=True)
class SourceReport:
    name: str
    exists: bool
    running: bool
    intent: str
    """What its user asked for last: run, stopped or deleted."""
    error: str
    received: int
    written: int
    restarts: int
    behind: int
    """Outbox rows not seen on the broker yet."""
    topic: str
    connector: str


def report(settings: Settings) -> SourceReport:
    """Raises NoSource, AdminUnavailable or AdminRefused."""
    _require(settings)
    with Admin(settings) as admin:
        found = source.status(admin, settings.source_name)
    engine = connect(settings.worker_url, pool_size=1)
    try:
        behind = health.lag(settings, engine).capture_behind
    finally:
        engine.dispose()
    return SourceReport(
        name=settings.source_name,
        exists=found is not None,
        running=bool(found and found.running),
        intent=intent.read(settings),
        error=found.error if found else "",
        received=found.received if found else 0,
        written=found.written if found else 0,
        restarts=found.restarts if found else 0,
        behind=behind,
        topic=settings.topics.events,
        connector=f"pulsar-io-debezium-mysql {settings.nar}",
    )


def render(settings: Settings, path: Path) -> None:
    """Write the source's configuration, its password in it, for `pulsar-admin sources create --source-config-file`.

    The file's group may read it: in the compose stack the broker runs as another user of the same group. Raises OSError.
    """
    _require(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    provision.write_secret(path, source.render(settings), 0o640)


def permission(action: Action) -> permissions.Action:
    """What one must be allowed to do it."""
    return permissions.Action.PROVISION if action == "create" else permissions.Action.CONTROL_SOURCE


def act(settings: Settings, action: Action) -> None:
    """Raises NoSource, AdminUnavailable, AdminRefused, ProvisionFailed or Forbidden."""
    permissions.require(settings, permission(action))
    _require(settings)
    if action == "create":
        intent.write(settings, "run")
        provision.provision_broker(settings, lambda _: None)
        provision.create_source(settings, lambda _: None)
        provision.provisioned_marker(settings).touch()
        return
    with Admin(settings, timeout_s=30) as admin:
        if source.status(admin, settings.source_name) is None:
            raise NoSource("there is no source; `./alpes source create` makes it")
        # Said before it is done, so that the watcher does not undo it in between.
        intent.write(settings, {"stop": "stopped", "delete": "deleted"}.get(action, "run"))  # type: ignore[arg-type]
        if action == "delete":
            admin.delete_source(settings.source_name)
        else:
            admin.source(settings.source_name, action)


def _require(settings: Settings) -> None:
    if settings.stack == "embedded":
        raise NoSource(
            "the embedded stack has no Debezium source: its relay captures; `./alpes status` and `./alpes logs relay`"
            " show it, `./alpes kill relay` restarts it"
        )
