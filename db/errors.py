"""The database's failures in words a user can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class DatabaseUnavailable(Exception):
    """The database cannot be reached or cannot write now; the transaction was not acknowledged."""


def translate(error: BaseException) -> DatabaseUnavailable | None:
    """What to tell of a connection, lock or disk failure; None for any other error."""
    if isinstance(error, PoolTimeout):
        return DatabaseUnavailable("every database connection is busy; try again in a moment")
    if isinstance(error, OperationalError | InterfaceError):
        return DatabaseUnavailable(_sentence(error))
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return DatabaseUnavailable(_sentence(error))
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Raises DatabaseUnavailable for what `translate` knows; other errors pass through."""
    try:
        yield
    except Exception as error:
        unavailable = translate(error)
        if unavailable is None:
            raise
        raise unavailable from error


def _sentence(error: DBAPIError) -> str:
    text = str(error.orig)
    if "disk is full" in text or "No space left" in text or "1021" in text or "1114" in text:
        return "the database's disk is full: free some space, nothing was written"
    if "locked" in text or "1205" in text or "1213" in text:
        return "the database is busy with another writer; nothing was written, try again"
    if "unable to open" in text:
        return "the database file cannot be opened; `./alpes up` creates it"
    if "no such table" in text or "1146" in text:
        return "the database has no tables yet; `./alpes up` creates them"
    if any(code in text for code in ("1044", "1045", "1142")):
        hint = "; it may take TLS connections only: ALPES_DATABASE_TLS_CA" if "1045" in text else ""
        return f"the database refuses this user: {text.splitlines()[0][:200]}{hint}"
    if "certificate verify failed" in text:
        mismatch = "ostname mismatch" in text or "IP address mismatch" in text
        what = "is made out to another host" if mismatch else "is not signed by an authority trusted here"
        cure = (
            "ALPES_DATABASE_TLS_HOSTNAME_CHECK=false turns the check off" if mismatch else "set ALPES_DATABASE_TLS_CA"
        )
        return f"the database's certificate {what}; {cure} ({text.splitlines()[0][:200]})"
    if "3159" in text:
        return "the database takes TLS connections only; set ALPES_DATABASE_TLS_CA"
    if "readonly" in text or "1290" in text:
        return "the database is read-only; nothing was written"
    return f"the database does not answer ({text.splitlines()[0][:200] if text else type(error).__name__})"
