"""Check the settings of MySQL that Debezium needs to read its binlog, as the original description lists them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection, text

from domain.errors import ExpectedError

OF_DEBEZIUM_1_9 = (8, 4)
"""The first version of MySQL that Debezium 1.9 cannot read: MySQL 8.4 removed `SHOW MASTER STATUS`."""


class BinlogUnfit(ExpectedError):
    """Debezium cannot read the server's binlog; `str(error)` names the settings and how to set them."""


@dataclass(frozen=True, slots=True)
class BinlogSetting:
    name: str
    value: str
    wanted: str
    ok: bool


def read_settings(connection: Connection, before: tuple[int, int] = OF_DEBEZIUM_1_9) -> list[BinlogSetting]:
    """Return the server's version and its four settings, each with its actual and its required value.

    `before` is the first version whose binlog the capture cannot read.
    """
    names = ("log_bin", "binlog_format", "binlog_row_image", "server_id")
    rows = connection.execute(text(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN {names}"))
    values = {str(name): str(value) for name, value in rows}
    version = str(connection.scalar(text("SELECT VERSION()")))
    return [
        BinlogSetting(
            "version",
            version,
            "8.0 to 8.3" if before == OF_DEBEZIUM_1_9 else "8.0 to 9.7",
            is_supported(version, before),
        ),
        _judge("log_bin", values, "ON"),
        _judge("binlog_format", values, "ROW"),
        _judge("binlog_row_image", values, "FULL"),
        BinlogSetting("server_id", values.get("server_id", ""), "above 0", values.get("server_id", "0") != "0"),
    ]


def require(connection: Connection, before: tuple[int, int] = OF_DEBEZIUM_1_9) -> None:
    """Raise BinlogUnfit unless Debezium can read the server's binlog."""
    wrong = [row for row in read_settings(connection, before) if not row.ok]
    if wrong:
        problems = ", ".join(f"{row.name} is {row.value or 'not set'} and must be {row.wanted}" for row in wrong)
        raise BinlogUnfit(
            f"Debezium cannot read this server's binlog: {problems}."
            " Debezium Server reads 8.4 to 9.7, on native and external (`./alpes up --capture debezium-server`); a server of another"
            " version must be replaced."
            " Set the others in my.cnf below [mysqld] (log_bin=mysql-bin, binlog_format=ROW, binlog_row_image=FULL, server_id=1)"
            " and restart MySQL"
        )


def is_supported(version: str, before: tuple[int, int] = OF_DEBEZIUM_1_9) -> bool:
    """Return whether Debezium supports this server version, which must be 8.0 or newer, and older than `before`."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    return numbers is not None and (8, 0) <= (int(numbers[1]), int(numbers[2])) < before and "MariaDB" not in version


def is_captured(connection: Connection) -> bool:
    """Return whether a replica reads the binlog now, as Debezium does after its snapshot. Needs the PROCESS privilege."""
    return bool(reader_ids(connection))


def reader_ids(connection: Connection, user: str = "%") -> set[int]:
    """Return the connection ids of the replicas that read the binlog now as a user whose name is LIKE `user`.

    Without the PROCESS privilege, those of one's own user only.
    """
    query = "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%' AND user LIKE :user"
    return {int(number) for number in connection.scalars(text(query), {"user": user})}


def _judge(name: str, values: dict[str, str], wanted: str) -> BinlogSetting:
    value = values.get(name, "")
    return BinlogSetting(name, value, wanted, value.upper() == wanted)
