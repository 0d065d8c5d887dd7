"""Test that the driver's number, and not its text, decides what a failure of the database means."""

from __future__ import annotations

import sqlite3
import ssl
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
from pymysql.constants import ER
from sqlalchemy import Column, Connection, Engine, Integer, LargeBinary, MetaData, String, Table, insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from db import error_codes
from db.engine import connect
from db.error_codes import MYSQL, SQLITE, Kind
from db.errors import DatabaseUnavailable, UnstorableData, kind_of, translate, translated

MISLEADING = "disk is full, locked, 1062 1205 no such table, readonly"


def of_mysql(number: int | str, kind: type[pymysql.Error] | None = None) -> DBAPIError:
    """As the driver raises it and SQLAlchemy wraps it."""
    raised = kind or _raised_for(number)
    return DBAPIError.instance("INSERT", {}, raised(number, MISLEADING), pymysql.Error)  # type: ignore[return-value]


def _raised_for(number: int | str) -> type[pymysql.Error]:
    if not isinstance(number, int):
        return pymysql.OperationalError
    known: type[pymysql.Error] | None = pymysql.err.error_map.get(number)
    return known or (pymysql.InternalError if number < 1000 else pymysql.OperationalError)


def of_sqlite(number: int | None) -> DBAPIError:
    raised = sqlite3.IntegrityError if number is not None and number & 0xFF == 19 else sqlite3.OperationalError
    error = raised(MISLEADING)
    if number is not None:
        error.sqlite_errorcode = number
    return DBAPIError.instance("INSERT", {}, error, sqlite3.Error)  # type: ignore[return-value]


@pytest.mark.parametrize(("number", "kind"), MYSQL.items())
def test_each_number_of_mysql(number: int, kind: Kind) -> None:
    means(of_mysql(number), kind)


@pytest.mark.parametrize(("number", "kind"), SQLITE.items())
def test_each_number_of_sqlite(number: int, kind: Kind) -> None:
    means(of_sqlite(number), kind)


@pytest.mark.parametrize("extended", [5 | 1 << 8, 5 | 2 << 8, 10 | 13 << 8, 8 | 6 << 8, 19 | 5 << 8])
def test_an_extended_number_has_the_meaning_of_its_primary_number(extended: int) -> None:
    means(of_sqlite(extended), SQLITE[extended & 0xFF])


@pytest.mark.parametrize("number", [2002, 2003, 2006, 2013, 2014, 2026, 2055, 2999, 0])
def test_numbers_of_the_client_are_lost_connections(number: int) -> None:
    means(of_mysql(number), Kind.LOST)


@pytest.mark.parametrize("number", [3, 20, 28])
def test_file_errors_of_the_server_are_an_outage(number: int) -> None:
    means(of_mysql(number), Kind.UNAVAILABLE)


@pytest.mark.parametrize(
    "error", [of_mysql(1815), of_mysql(9999), of_mysql(32000), of_sqlite(1), of_sqlite(7), of_sqlite(None)]
)
def test_a_number_that_is_not_in_the_table_is_unknown(error: DBAPIError) -> None:
    means(error, Kind.UNKNOWN)


def test_a_wrong_statement_is_no_outage() -> None:
    assert translate(of_mysql(ER.PARSE_ERROR)) is None


def test_without_a_number_the_drivers_type_decides() -> None:
    means(of_mysql("nan can not be used with MySQL", pymysql.ProgrammingError), Kind.DATA)
    means(of_mysql("Packet sequence number wrong - got 4 expected 1", pymysql.InternalError), Kind.LOST)


def test_a_connection_that_the_driver_gave_up_is_lost_for_any_number() -> None:
    error = of_mysql(1317)
    error.connection_invalidated = True
    means(error, Kind.LOST)


def test_a_pool_without_a_free_connection_is_an_outage() -> None:
    assert isinstance(translate(PoolTimeout("none")), DatabaseUnavailable)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (of_mysql(1114), "disk is full"),
        (of_mysql(1213), "busy with another writer"),
        (of_mysql(1146), "`./alpes up` creates them"),
        (of_mysql(1045), "ALPES_DATABASE_TLS_CA"),
        (of_mysql(3159), "takes TLS connections only"),
        (of_mysql(1290), "read-only"),
        (of_mysql(2013), "does not answer"),
        (of_mysql(9999), "failed"),
        (of_sqlite(13), "disk is full"),
        (of_sqlite(5 | 1 << 8), "busy with another writer"),
        (of_sqlite(14), "cannot be opened"),
        (of_sqlite(1), "`./alpes up` creates them"),
        (of_sqlite(8 | 6 << 8), "read-only"),
    ],
)
def test_the_sentence_says_what_to_do(error: DBAPIError, says: str) -> None:
    sentence = str(translate(error)).replace(MISLEADING, "")
    assert says in sentence


@pytest.mark.parametrize(
    ("code", "says"), [(62, "another host"), (64, "another host"), (18, "not signed by"), (20, "not signed by")]
)
def test_the_number_of_openssl_decides_about_a_certificate(code: int, says: str) -> None:
    error = of_mysql(2003)
    reason = ssl.SSLCertVerificationError()
    reason.verify_code = code
    assert error.orig is not None
    error.orig.original_exception = reason  # type: ignore[attr-defined]
    assert says in str(translate(error))


METADATA = MetaData()
TABLE = Table(
    "t",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("body", LargeBinary),
)
NOWHERE = Table("nowhere", METADATA, Column("id", Integer))


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Engine]:
    """A database of SQLite with one row in its only table."""
    engine = connect(f"sqlite:///{tmp_path / 'real.db'}")
    with engine.begin() as connection:
        TABLE.create(connection)
        connection.execute(insert(TABLE), {"id": 1, "name": "x"})
    yield engine
    engine.dispose()


def fails(engine: Engine, table: Table, **values: object) -> Exception:
    with (  # noqa: PT012
        pytest.raises((DatabaseUnavailable, UnstorableData, IntegrityError)) as caught,
        translated(),
        engine.begin() as connection,
    ):
        connection.connection.driver_connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1000)  # type: ignore[union-attr]
        connection.execute(insert(table), values)
    return caught.value


def test_sqlite_raises_these_numbers_for_a_row(real: Engine) -> None:
    assert isinstance(fails(real, TABLE, id=1, name="again"), IntegrityError)
    for unfit in (
        {"name": None},
        {"name": "\ud800"},
        {"id": 2**70, "name": "x"},
        {"name": "x" * 2000},
        {"name": "x", "body": object()},
    ):
        assert isinstance(fails(real, TABLE, **unfit), UnstorableData), unfit


def test_sqlite_raises_an_unknown_number_for_a_missing_table(real: Engine) -> None:
    missing = fails(real, NOWHERE, id=1)
    assert isinstance(missing, DatabaseUnavailable)
    assert missing.kind is Kind.UNKNOWN


def test_sqlite_raises_these_numbers_for_a_busy_database(real: Engine) -> None:
    other = sqlite3.connect(str(real.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with (
        real.connect() as impatient,
        pytest.raises(DatabaseUnavailable, match="busy") as busy,
        translated(),
    ):
        _insert_without_waiting(impatient, TABLE)
    assert busy.value.kind is Kind.CONFLICT
    other.close()


def test_sqlite_raises_these_numbers_for_a_file(real: Engine, tmp_path: Path) -> None:
    read_only = connect(f"sqlite:///file:{real.url.database}?mode=ro&uri=true")
    with (
        pytest.raises(DatabaseUnavailable, match="read-only") as refused,
        translated(),
        read_only.begin() as connection,
    ):
        connection.execute(insert(TABLE), {"name": "x"})
    assert refused.value.kind is Kind.REFUSED
    closed = connect(f"sqlite:///{tmp_path / 'no' / 'folder.db'}")
    with pytest.raises(DatabaseUnavailable, match="cannot be opened"), translated(), closed.connect():
        pass
    for each in (read_only, closed):
        each.dispose()


def _insert_without_waiting(connection: Connection, table: Table) -> None:
    connection.connection.cursor().execute("PRAGMA busy_timeout = 0")
    connection.begin()
    connection.execute(insert(table), {"id": 2, "name": "x"})


def means(error: DBAPIError, kind: Kind) -> None:
    assert kind_of(error) is kind
    known = translate(error)
    if kind is Kind.DATA:
        assert isinstance(known, UnstorableData)
    elif kind is Kind.CONFLICT and not _waits(error):
        assert known is None  # for whoever wrote the row to handle
    else:
        assert isinstance(known, DatabaseUnavailable)
        assert known.kind is kind


def _waits(error: DBAPIError) -> bool:
    numbers = error_codes.BUSY["mysql"] | error_codes.BUSY["sqlite"]
    number = getattr(error.orig, "sqlite_errorcode", None)
    return (error.orig.args[0] if number is None else number & 0xFF) in numbers  # type: ignore[union-attr]
