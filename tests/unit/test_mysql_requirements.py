"""Test what is asked of a MySQL server and granted on it, with a connection that answers as MySQL does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from db import binlog, grants
from db.binlog import BinlogUnfit
from db.tables import metadata

FIT = {"log_bin": "ON", "binlog_format": "ROW", "binlog_row_image": "FULL", "server_id": "1"}


class Server:
    """A connection and an engine at once, which answers from its fields."""

    def __init__(self, version: str = "8.0.44", **variables: str | None) -> None:
        self.version = version
        self.variables = {name: value for name, value in {**FIT, **variables}.items() if value is not None}
        self.readers: list[object] = []
        self.statements: list[str] = []

    def execute(self, statement: Any) -> list[tuple[str, str]]:
        self.statements.append(str(statement))
        return [(name, value) for name, value in self.variables.items() if f"'{name}'" in str(statement)]

    def scalar(self, _statement: Any) -> str:
        return self.version

    def scalars(self, statement: Any, parameters: dict[str, str]) -> list[object]:
        assert "Binlog Dump%" in str(statement)
        assert parameters == {"user": "%"}
        return self.readers

    @contextmanager
    def begin(self) -> Iterator[Server]:
        yield self


def unfit(server: Server) -> list[str]:
    connection: Connection = server  # type: ignore[assignment]
    return [row.name for row in binlog.read_settings(connection) if not row.ok]


@pytest.mark.parametrize(
    ("version", "supported"),
    [
        ("8.0.44", True),
        ("8.3.0", True),
        ("8.0.35-log", True),
        ("8.4.0", False),
        ("9.0.1", False),
        ("5.7.44", False),
        ("10.11.6-MariaDB", False),
        ("8.0.0-MariaDB", False),
        ("", False),
        ("unknown", False),
    ],
)
def test_the_versions_that_the_connector_can_read(version: str, supported: bool) -> None:
    assert binlog.is_supported(version) is supported


@pytest.mark.parametrize(
    ("server", "wrong"),
    [
        (Server(), []),
        (Server(log_bin="on", binlog_format="row"), []),
        (Server(binlog_format="MIXED"), ["binlog_format"]),
        (Server(binlog_row_image="MINIMAL"), ["binlog_row_image"]),
        (Server(server_id="0"), ["server_id"]),
        (Server(server_id=None), ["server_id"]),
        (Server(log_bin="OFF", version="8.4.0"), ["version", "log_bin"]),
    ],
)
def test_each_wrong_setting_is_found(server: Server, wrong: list[str]) -> None:
    assert unfit(server) == wrong


def test_a_server_that_does_not_fit_is_refused_with_what_it_has_and_needs() -> None:
    binlog.require(Server())  # type: ignore[arg-type]
    with pytest.raises(BinlogUnfit) as refused:
        binlog.require(Server(binlog_format="MIXED", server_id=None))  # type: ignore[arg-type]
    assert "binlog_format is MIXED and must be ROW, server_id is not set and must be above 0" in str(refused.value)


def test_the_binlog_is_captured_while_a_replica_reads_it() -> None:
    server = Server()
    assert not binlog.is_captured(server)  # type: ignore[arg-type]
    server.readers = ["12", 7]
    assert binlog.is_captured(server)  # type: ignore[arg-type]
    assert binlog.reader_ids(server) == {7, 12}  # type: ignore[arg-type]


def rights() -> list[tuple[set[str], str, str, str]]:
    """Return (verbs, columns, table, user) of each grant."""
    pattern = re.compile(r"GRANT ([A-Z, ]+?)(?: \((.*)\))? ON alpes\.(\w+) TO '(\w+)'@'%'")
    matches = [pattern.fullmatch(statement) for statement in grants.GRANTS]
    return [(set(match[1].split(", ")), match[2] or "", match[3], match[4]) for match in matches if match is not None]


def test_every_grant_names_a_table_and_one_of_the_two_users() -> None:
    assert len(rights()) == len(grants.GRANTS)
    assert {table for *_, table, _ in rights()} <= set(metadata.tables)
    assert {user for *_, user in rights()} == {"alpes", "alpes_worker"}


def test_nobody_may_change_or_delete_an_outbox_row_or_choose_its_number() -> None:
    outbox = [(verbs, columns, user) for verbs, columns, table, user in rights() if table == "outbox_event"]
    ((verbs, columns, user),) = outbox
    assert (verbs, user) == ({"INSERT"}, "alpes")
    assert set(columns.split(", ")) == {column.name for column in metadata.tables["outbox_event"].columns} - {"seq"}


def test_only_the_worker_writes_effects() -> None:
    effects = {"notification", "processed_message", "dead_letter", "message_failure"}
    assert {user for _, _, table, user in rights() if table in effects} == {"alpes_worker"}
    assert {user for _, _, table, user in rights() if table == "commission"} == {"alpes"}
    deleting = {table for verbs, _, table, _ in rights() if "DELETE" in verbs}
    assert deleting == {"message_failure"}


def test_all_grants_are_applied_in_one_transaction() -> None:
    server = Server()
    engine: Engine = server  # type: ignore[assignment]
    grants.apply_grants(engine)
    assert server.statements == list(grants.GRANTS)
