"""Control Debezium Server as the capture: a process of its own, whose position is a file in the instance's folder."""

from __future__ import annotations

import psutil
from sqlalchemy import Engine

from application import permissions
from connectors import server_properties
from domain.message import Message
from settings.stack_facts import DEBEZIUM_SERVER
from stacks import selected_snapshot
from stacks.control import NotRunning, PartUnknown
from stacks.controls import control
from stacks.native import debezium_server, healing, left_out, server_log, server_position
from stacks.native.diagnosis import Cure
from stacks.native.server_healer import ServerHealer
from stacks.operation import Holding, Say
from stacks.part_health import PartHealth
from stacks.process_capture import ProcessCapture
from stacks.source_control import RESNAPSHOT_PERMISSION, Action, Finding, describe_trouble, make_refusal, permission
from stacks.supervisor import Supervisor


class DebeziumServer(ProcessCapture):
    def check(self, engine: Engine | None) -> PartHealth:
        part = DEBEZIUM_SERVER.component
        try:
            pid = control(self.settings).pid(part)
        except (NotRunning, PartUnknown):
            pid = 0
        trouble = server_log.find_trouble(self.settings)
        if trouble is not None:
            return PartHealth(part, "down" if trouble.is_left else "behind", trouble.describe())
        if not pid:
            return PartHealth(part, "down", Message("health.not_started"))
        if not is_connected(pid, self.settings.debezium_port or self.settings.mysql_port):
            return PartHealth(part, "behind", Message("health.waits"))
        if (missing_row := left_out.read(self.settings)) is not None:
            return PartHealth(part, "behind", missing_row.describe())
        return PartHealth(part, "ok", Message("health.source_reads"))

    def examine(self) -> Finding:
        trouble = server_log.find_trouble(self.settings)
        if trouble is not None:
            return describe_trouble(trouble)
        missing_row = left_out.read(self.settings)
        if missing_row is not None:
            advice = missing_row.describe_cure()
            return Finding(False, missing_row.cause.code, missing_row.error, missing_row.describe(), None, advice)
        health = self.check(None)
        if health.light == "ok":
            return Finding(True, "", "", health.message, None, None)
        return Finding(False, "unknown", "", health.message, Cure.RESTART, Message("advice.restart"))

    def act(self, action: Action) -> None:
        if action not in ("restart", "create"):
            raise make_refusal(self.settings)
        permissions.require(self.settings, permission(action))
        if action == "create":
            Supervisor(self.settings).write_part(debezium_server.part(self.settings))
        server_position.release(self.settings)
        control(self.settings).restart_part(self.settings.facts.capture.component)

    def resnapshot(self, say: Say, first_seq: int | None = None) -> None:
        permissions.require(self.settings, RESNAPSHOT_PERMISSION)
        if first_seq is None:
            server_position.resnapshot(self.settings, say)
        else:
            selected_snapshot.take(self, first_seq, say)
        healing.forget(self.settings)

    def begin_snapshot(self, held: Holding, statement: str) -> None:
        part = self.settings.facts.capture.component
        held.hold(part)
        server_position.forget(self.settings)
        debezium_server.write_properties(self.settings, statement)
        held.release(part)

    def has_snapshot(self) -> bool:
        return server_position.has_snapshot(self.settings)

    def restore_configuration(self) -> None:
        debezium_server.write_properties(self.settings)
        control(self.settings).restart_part(self.settings.facts.capture.component)

    def lose_history(self) -> None:
        server_properties.history_file(self.settings).unlink(missing_ok=True)

    def read_binlog_file(self) -> str:
        return server_position.read_binlog_file(self.settings)

    def lose_offsets(self, held: Holding) -> None:
        server_properties.offsets_file(self.settings).unlink(missing_ok=True)

    def healer(self, engine: Engine) -> ServerHealer:
        return ServerHealer(self.settings, engine)


def is_connected(pid: int, port: int) -> bool:
    """Return whether the process has a connection to a server's port. It reads the binlog over one as long as it captures."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(
        connection.status == psutil.CONN_ESTABLISHED and connection.raddr and connection.raddr.port == port
        for connection in connections
    )
