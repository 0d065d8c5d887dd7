"""What MySQL must be set to so that Debezium can read its binlog: the original description's table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection, text


class BinlogUnfit(Exception):
    """The server's binlog cannot be captured from; `str(error)` names the settings and how to set them."""


@dataclass(frozen=True, slots=True)
class BinlogSetting:
    name: str
    value: str
    wanted: str
    ok: bool


def settings(connection: Connection) -> list[BinlogSetting]:
    """The server's version and its four settings, as they are and as they must be."""
    names = ("log_bin", "binlog_format", "binlog_row_image", "server_id")
    rows = connection.execute(text(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN {names}"))
    found = {str(name): str(value) for name, value in rows}
    version = str(connection.scalar(text("SELECT VERSION()")))
    return [
        BinlogSetting("version", version, "8.0 to 8.3", readable(version)),
        _judged("log_bin", found, "ON"),
        _judged("binlog_format", found, "ROW"),
        _judged("binlog_row_image", found, "FULL"),
        BinlogSetting("server_id", found.get("server_id", ""), "above 0", found.get("server_id", "0") != "0"),
    ]


def require(connection: Connection) -> None:
    """Raises BinlogUnfit."""
    wrong = [row for row in settings(connection) if not row.ok]
    if wrong:
        found = ", ".join(f"{row.name} is {row.value or 'not set'} and must be {row.wanted}" for row in wrong)
        raise BinlogUnfit(
            f"Debezium cannot read this server's binlog: {found}."
            " A server of another version must be replaced by MySQL 8.0."
            " Set the others in my.cnf below [mysqld] (log_bin=mysql-bin, binlog_format=ROW, binlog_row_image=FULL, server_id=1)"
            " and restart MySQL"
        )


def readable(version: str) -> bool:
    """Whether Debezium 1.9 can read a server of this version: `SHOW MASTER STATUS`, which it asks, is gone since 8.4."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    return numbers is not None and (8, 0) <= (int(numbers[1]), int(numbers[2])) < (8, 4) and "MariaDB" not in version


def captured(connection: Connection) -> bool:
    """Whether a replica reads the binlog now, as Debezium does once its snapshot is done. Needs the PROCESS privilege."""
    return bool(readers(connection))


def readers(connection: Connection) -> set[int]:
    """Connection ids of the replicas that read the binlog now. Needs the PROCESS privilege."""
    query = "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'"
    return {int(number) for number in connection.scalars(text(query))}


def _judged(name: str, found: dict[str, str], wanted: str) -> BinlogSetting:
    value = found.get(name, "")
    return BinlogSetting(name, value, wanted, value.upper() == wanted)
