"""Control the Debezium source in Pulsar IO as the capture, through Pulsar's admin REST."""

from __future__ import annotations

import json
from typing import ClassVar

from sqlalchemy import Engine

from application import permissions
from connectors import source
from connectors.admin import Admin, AdminRefused, AdminUnavailable
from domain.message import Message, extract_message
from settings.stack_facts import DEBEZIUM
from stacks import selected_snapshot, source_control
from stacks.capture import Capture
from stacks.lag import read_lag
from stacks.native import healing, intent, position
from stacks.native.healer import SourceHealer
from stacks.operation import Holding, Say
from stacks.part_health import Light, PartHealth
from stacks.source_control import ACTIONS, RESNAPSHOT_PERMISSION, Action, Finding, SourceReport


class Debezium(Capture):
    actions: ClassVar[tuple[Action, ...]] = ACTIONS

    def check(self, engine: Engine) -> PartHealth:
        if self.settings.pulsar_admin_url:
            return PartHealth(DEBEZIUM.component, *self._judge())
        behind = read_lag(self.settings, engine).capture_behind
        return PartHealth(DEBEZIUM.component, "ok", Message("health.behind_only", n=behind))

    def _judge(self) -> tuple[Light, Message]:
        try:
            with Admin(self.settings, timeout_s=2) as admin:
                status = source.status(admin, self.settings.source_name)
        except (AdminUnavailable, AdminRefused) as error:
            return "down", extract_message(error)
        if status is None:
            return "down", Message("health.no_source")
        if (trouble := healing.diagnose(self.settings, status)) is not None:
            return ("behind" if status.running and not trouble.is_left else "down"), trouble.describe()
        if not status.running:
            return "down", Message("health.source_does_not_run", why=status.error or Message("health.source_stopped"))
        return "ok", Message("health.source_reads")

    def report(self) -> SourceReport:
        return source_control.read_report(self.settings)

    def act(self, action: Action) -> None:
        source_control.run_action(self.settings, action)

    def stop(self) -> None:
        """Stop the source. Raises AdminUnavailable or AdminRefused."""
        with Admin(self.settings, timeout_s=30) as admin:
            position.stop(admin, self.settings.source_name)

    def start(self) -> None:
        if intent.read(self.settings) == "run":
            with Admin(self.settings, timeout_s=30) as admin:
                position.start(admin, self.settings.source_name)

    def lose_offsets(self, held: Holding) -> None:
        with Admin(self.settings, timeout_s=30) as admin:
            position.forget(self.settings, admin, (self.settings.topics.offsets,), held)

    def examine(self) -> Finding:
        return source_control.examine(self.settings)

    def resnapshot(self, say: Say, first_seq: int | None = None) -> None:
        if first_seq is None:
            source_control.resnapshot(self.settings, say)
            return
        permissions.require(self.settings, RESNAPSHOT_PERMISSION)
        selected_snapshot.take(self, first_seq, say)
        healing.forget(self.settings)

    def begin_snapshot(self, held: Holding, statement: str) -> None:
        position.begin_snapshot(self.settings, held, statement)

    def has_snapshot(self) -> bool:
        return position.has_snapshot(self.settings)

    def restore_configuration(self) -> None:
        position.restore_configuration(self.settings)

    def lose_history(self) -> None:
        with Admin(self.settings, timeout_s=30) as admin:
            position.empty(admin, (self.settings.topics.schema_history,))

    def read_binlog_file(self) -> str:
        with Admin(self.settings) as admin:
            stored = admin.read_last_message(self.settings.topics.offsets)
        return str(json.loads(stored)["file"]) if stored else ""

    def healer(self, engine: Engine) -> SourceHealer | None:
        return SourceHealer(self.settings, engine) if self.settings.pulsar_admin_url else None
