"""Translate failures of the database by their number: into a kind, and a message that says what to do."""

from __future__ import annotations

import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pymysql
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from db import error_codes
from db.error_codes import Kind
from domain.errors import ExpectedError
from domain.message import Message

_HOST_MISMATCH = {62, 64}
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


class DatabaseUnavailable(ExpectedError):
    """The database cannot be reached or cannot write now; the transaction was not acknowledged.

    `kind` is never DATA. With UNKNOWN the values may be the cause, so a caller that retries must give up at some time.
    """

    def __init__(self, message: Message | str, kind: Kind = Kind.UNAVAILABLE) -> None:
        super().__init__(message)
        self.kind = kind


class UnstorableData(ExpectedError):
    """The database will never accept these values; nothing was written."""


def translate(error: BaseException) -> DatabaseUnavailable | UnstorableData | None:
    """Return the exception to raise in place of an error of the database or its driver; None for any other error.

    None for a violated unique key too, which only the caller can interpret.
    """
    if isinstance(error, PoolTimeout):
        return DatabaseUnavailable(Message("database.connections_busy"))
    if isinstance(error, DBAPIError):
        kind = kind_of(error)
        if kind is Kind.DATA:
            return UnstorableData(Message("database.cannot_store", why=_first_line(error)))
        # The caller must handle a violated unique key.
        if kind is Kind.CONFLICT and not _is_among(error, error_codes.BUSY):
            return None
        if kind is Kind.UNKNOWN and not isinstance(error, OperationalError | InternalError):
            return None  # a wrong statement is a mistake of this program and no outage
        return DatabaseUnavailable(_describe(error), kind)
    if isinstance(error, StatementError | UnicodeEncodeError | OverflowError | RecursionError):
        # SQLAlchemy or the driver could not turn a value into a parameter.
        cause = error.orig if isinstance(error, StatementError) else error
        return UnstorableData(Message("database.cannot_store", why=f"{type(cause).__name__}: {cause}"))
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Raise DatabaseUnavailable or UnstorableData in place of the errors that `translate` knows; let others pass."""
    try:
        yield
    except Exception as error:
        translation = translate(error)
        if translation is None:
            raise
        raise translation from error


def kind_of(error: DBAPIError) -> Kind:
    """Return the kind of an error by the driver's number, or by the driver's type when there is no number."""
    if error.connection_invalidated:
        return Kind.LOST
    driver, number = error.orig, _number(error)
    if isinstance(driver, sqlite3.Error):
        return Kind.UNKNOWN if number is None else error_codes.of_sqlite(number)
    if number is not None:
        return error_codes.of_mysql(number)
    # An error without a number comes from the client: it cannot write a value, or the connection failed.
    return Kind.DATA if isinstance(driver, pymysql.ProgrammingError | pymysql.DataError) else Kind.LOST


def _number(error: DBAPIError) -> int | None:
    driver = error.orig
    if isinstance(driver, sqlite3.Error):
        return getattr(driver, "sqlite_errorcode", None)
    first = driver.args[0] if driver is not None and driver.args else None
    return first if isinstance(first, int) else None


def _is_among(error: DBAPIError, numbers: dict[str, set[int]]) -> bool:
    number = _number(error)
    if number is None:
        return False
    return number & 0xFF in numbers["sqlite"] if isinstance(error.orig, sqlite3.Error) else number in numbers["mysql"]


def _describe(error: DBAPIError) -> Message:
    text = _first_line(error)
    if _is_among(error, error_codes.FULL):
        return Message("database.disk_full")
    if _is_among(error, error_codes.BUSY):
        return Message("database.busy")
    if _is_among(error, error_codes.CANNOT_OPEN):
        return Message("database.cannot_open")
    if _is_among(error, error_codes.SCHEMA):
        return Message("database.schema", why=text)
    if _is_among(error, error_codes.LOGIN):
        may_want_tls = _number(error) == 1045
        return Message("database.login_or_tls", why=text) if may_want_tls else Message("database.login", why=text)
    if _is_among(error, error_codes.TLS_WANTED):
        return Message("database.tls_only")
    if _is_among(error, error_codes.READ_ONLY):
        return Message("database.read_only")
    if kind_of(error) is Kind.UNKNOWN:
        return Message("database.failed", why=text)
    return _certificate_problem(error, text) or Message("database.silent", why=text)


def _certificate_problem(error: DBAPIError, text: str) -> Message | None:
    """Return a message about the server's certificate when that is why the connection failed, else None."""
    cause = getattr(error.orig, "original_exception", None)
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return None
    if cause.verify_code in _HOST_MISMATCH:
        return Message("database.other_host", why=text)
    return Message("database.untrusted", why=text)


def _first_line(error: DBAPIError) -> str:
    lines = str(error.orig).splitlines()
    return lines[0][:200] if lines else type(error.orig).__name__
