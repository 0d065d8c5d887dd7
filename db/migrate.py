"""Brings a database to the newest schema, whatever it has now."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from db.errors import translated


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply the migrations that are missing; a schema that is up to date is left as it is.

    Raises DatabaseUnavailable. The engine's user must be the one that may create tables.
    """
    config = _config()
    with translated(), engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def revision(connection: Connection) -> str:
    """Of the database's schema; empty where it has none yet."""
    return MigrationContext.configure(connection).get_current_revision() or ""


@cache
def newest() -> str:
    """The revision this program was made for."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def known(wanted: str) -> bool:
    """Whether this program has a migration of that name, and so knows what comes after it."""
    return any(each.revision == wanted for each in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
