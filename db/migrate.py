"""Migrate a database of any earlier schema to the newest one.

Alembic is imported only to migrate: it costs a third of the start of a process. What the newest schema is, the names of the
migrations say, and what a database has, the table that Alembic writes.
"""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, column, inspect, select, table

from db.engine import READ
from db.errors import translated

if TYPE_CHECKING:
    from alembic.config import Config

ROUTINE = ("Context impl %s.", "Will assume %s DDL.")
"""What Alembic says whenever it is asked anything."""
logging.getLogger("alembic.runtime.migration").addFilter(lambda record: record.msg not in ROUTINE)
_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = table("alembic_version", column("version_num"))


def upgrade(engine: Engine, target: str = "head") -> None:
    """Apply the missing migrations. Raise DatabaseUnavailable.

    The engine's user must be allowed to create tables.
    """
    with translated(), engine.connect().execution_options(**READ) as connection:
        if target == "head" and revision(connection) == newest():
            return
    from alembic import command

    config = _config()
    with translated(), engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, target)


def revision(connection: Connection) -> str:
    """Return the revision of the database's schema, empty when there is none yet."""
    if not inspect(connection).has_table(_VERSION.name):
        return ""
    return connection.scalar(select(_VERSION.c.version_num)) or ""


def newest() -> str:
    """Return the revision that this program needs."""
    return max(_revisions())


def is_known(revision: str) -> bool:
    """Return whether this program has a migration of that name, and so can migrate from it."""
    return revision in _revisions()


@cache
def _revisions() -> frozenset[str]:
    """Return the revisions, each of which is the beginning of its file's name; they follow each other in that order."""
    return frozenset(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config
