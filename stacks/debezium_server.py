"""Control Debezium Server as the capture: a process of its own, whose position is a file in the instance's folder."""

from __future__ import annotations

import psutil
from sqlalchemy import Engine

from connectors import server_properties
from domain.message import Message
from settings.stack_facts import DEBEZIUM_SERVER
from stacks.control import NotRunning, PartUnknown
from stacks.controls import control
from stacks.native.server_healer import ServerHealer
from stacks.operation import Holding
from stacks.part_health import PartHealth
from stacks.process_capture import ProcessCapture


class DebeziumServer(ProcessCapture):
    def check(self, engine: Engine) -> PartHealth:
        part = DEBEZIUM_SERVER.component
        try:
            pid = control(self.settings).pid(part)
        except (NotRunning, PartUnknown):
            pid = 0
        if not pid:
            return PartHealth(part, "down", Message("health.not_started"))
        if not is_connected(pid, self.settings.debezium_port or self.settings.mysql_port):
            return PartHealth(part, "behind", Message("health.waits"))
        return PartHealth(part, "ok", Message("health.source_reads"))

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
