"""Control the source: status, restart, stop, start, delete, create. The watcher respects what the user asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from application import permissions
from connectors import source
from connectors.admin import Admin
from db.engine import connect
from domain.errors import ExpectedError
from domain.message import Message
from settings import Settings
from stacks.lag import read_lag
from stacks.native import healing, intent, position, provision
from stacks.native.diagnosis import UNCERTAIN, Cure
from stacks.native.healing import Healing
from stacks.operation import Say

Action = Literal["restart", "stop", "start", "create", "delete"]
ACTIONS: tuple[Action, ...] = ("restart", "stop", "start", "create", "delete")


RESNAPSHOT_PERMISSION = permissions.Action.CONTROL_SOURCE


class NoSource(ExpectedError):
    """This stack captures with the relay, or its source was deleted."""


@dataclass(frozen=True, slots=True)
class SourceReport:
    name: str
    exists: bool
    running: bool
    intent: str
    """What the user asked for last: run, stopped or deleted."""
    error: str
    received: int
    written: int
    restarts: int
    behind: int
    """Number of outbox rows not observed on the broker yet."""
    topic: str
    connector: str
    cause: str = ""
    """Code of what is wrong with it (`stacks.native.diagnosis`); empty when nothing is."""
    message: Message | None = None
    """The cause, and what the watcher or the user does against it."""


def read_report(settings: Settings) -> SourceReport:
    """Return the state of the source. Raises NoSource, AdminUnavailable or AdminRefused."""
    _require_source(settings)
    with Admin(settings) as admin:
        status = source.status(admin, settings.source_name)
    engine = connect(settings.worker_url, pool_size=1)
    try:
        behind = read_lag(settings, engine).capture_behind
    finally:
        engine.dispose()
    trouble = healing.diagnose(settings, status) if status else None
    return SourceReport(
        name=settings.source_name,
        exists=status is not None,
        running=bool(status and status.running),
        intent=intent.read(settings),
        error=status.error if status else "",
        received=status.received if status else 0,
        written=status.written if status else 0,
        restarts=status.restarts if status else 0,
        behind=behind,
        topic=settings.topics.events,
        connector=f"pulsar-io-debezium-mysql {settings.nar}",
        cause=trouble.cause_code if trouble else "",
        message=trouble.describe() if trouble else None,
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """What `examine` finds."""

    ok: bool
    cause: str
    """Code of the cause; empty when nothing is wrong."""
    error: str
    """In one line; empty where the source names none."""
    sentence: Message
    cure: Cure | None
    """None when nothing is wrong, and when the user wants the source stopped or deleted."""
    advice: Message | None
    """The command for the cure."""


def examine(settings: Settings) -> Finding:
    """Return what is wrong with the source and what cures it. Raises NoSource, AdminUnavailable or AdminRefused."""
    _require_source(settings)
    with Admin(settings) as admin:
        status = source.status(admin, settings.source_name)
    if intent.read(settings) != "run":
        advice = Message("advice.start") if status is not None else Message("advice.create_missing")
        return Finding(False, "stopped", "", Message("cause.stopped"), None, advice)
    if status is None:
        return Finding(False, "missing", "", Message("health.no_source"), Cure.CREATE, Message("advice.create_missing"))
    trouble = healing.diagnose(settings, status)
    if trouble is not None:
        return describe_trouble(trouble)
    if not status.running:
        return Finding(False, "unknown", "", Message("cause.unknown"), Cure.RESTART, Message("advice.restart"))
    return Finding(True, "", "", Message("health.source_reads"), None, None)


def describe_trouble(trouble: Healing) -> Finding:
    """Return what is wrong, and the cure that the user may apply."""
    cause = trouble.cause
    cure = Cure.RESNAPSHOT if trouble.is_left and cause in UNCERTAIN else cause.cure
    return Finding(False, trouble.cause_code, trouble.error, cause.sentence, cure, cause.advice)


def resnapshot(settings: Settings, say: Say) -> None:
    """Let the source take a new snapshot: it publishes every outbox row again. Raises what `run_action` raises, or Busy."""
    permissions.require(settings, RESNAPSHOT_PERMISSION)
    _require_source(settings)
    with Admin(settings, timeout_s=30) as admin:
        if source.status(admin, settings.source_name) is None:
            raise NoSource("there is no source; `./alpes source create` creates it")
    position.resnapshot(settings, say)
    healing.forget(settings)


def write_configuration(settings: Settings, path: Path) -> None:
    """Write the source's configuration, with its password, for `pulsar-admin sources create --source-config-file`.

    The file is readable by its group, because the compose stack's broker is another user of that group. Raises OSError.
    """
    _require_source(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    provision.write_secret(path, source.render(settings), 0o640)


def permission(action: Action) -> permissions.Action:
    """Return the permission that an action needs."""
    return permissions.Action.PROVISION if action == "create" else permissions.Action.CONTROL_SOURCE


def run_action(settings: Settings, action: Action) -> None:
    """Run one of `ACTIONS` on the source. Raises NoSource, AdminUnavailable, AdminRefused, ProvisionFailed or Forbidden."""
    permissions.require(settings, permission(action))
    _require_source(settings)
    if action == "create":
        intent.write(settings, "run")
        provision.provision_broker(settings, lambda _: None)
        provision.create_source(settings, lambda _: None)
        provision.provisioned_marker(settings).touch()
        return
    with Admin(settings, timeout_s=30) as admin:
        if source.status(admin, settings.source_name) is None:
            raise NoSource("there is no source; `./alpes source create` creates it")
        # The intent is written first, so that the watcher does not undo the action in between.
        intent.write(settings, {"stop": "stopped", "delete": "deleted"}.get(action, "run"))  # type: ignore[arg-type]
        if action == "delete":
            admin.delete_source(settings.source_name)
        else:
            admin.source(settings.source_name, action)


def _require_source(settings: Settings) -> None:
    if not settings.facts.capture.has_connector:
        raise make_refusal(settings)


def make_refusal(settings: Settings) -> NoSource:
    """Return the refusal of what only a source in Pulsar can do."""
    part = settings.facts.capture.component
    return NoSource(
        f"the {settings.stack} stack has no Debezium source: its {part} captures; `./alpes status` and"
        f" `./alpes logs {part}` show it, `./alpes kill {part}` restarts it"
    )
