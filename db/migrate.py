"""Migrate a database of any earlier schema to the newest one."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from db.errors import translated

ROUTINE = ("Context impl %s.", "Will assume %s DDL.")
"""What Alembic says whenever it is asked anything, a readiness check's revision too."""
logging.getLogger("alembic.runtime.migration").addFilter(lambda record: record.msg not in ROUTINE)


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply the missing migrations. Raise DatabaseUnavailable.

    The engine's user must be allowed to create tables.
    """
    config = _config()
    with translated(), engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def revision(connection: Connection) -> str:
    """Return the revision of the database's schema, empty when there is none yet."""
    return MigrationContext.configure(connection).get_current_revision() or ""


@cache
def newest() -> str:
    """Return the revision that this program needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def is_known(revision: str) -> bool:
    """Return whether this program has a migration of that name, and so can migrate from it."""
    return any(script.revision == revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
