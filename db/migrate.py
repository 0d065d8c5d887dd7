"""Migrate a database of any earlier schema to the newest one.

Alembic is imported where it is used: it costs a third of the start of a process, and most processes never migrate.
"""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine

from db.errors import translated

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

ROUTINE = ("Context impl %s.", "Will assume %s DDL.")
"""What Alembic says whenever it is asked anything, a readiness check's revision too."""
logging.getLogger("alembic.runtime.migration").addFilter(lambda record: record.msg not in ROUTINE)


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply the missing migrations. Raise DatabaseUnavailable.

    The engine's user must be allowed to create tables.
    """
    from alembic import command

    config = _config()
    with translated(), engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def revision(connection: Connection) -> str:
    """Return the revision of the database's schema, empty when there is none yet."""
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision() or ""


@cache
def newest() -> str:
    """Return the revision that this program needs."""
    return _scripts().get_current_head() or ""


def is_known(revision: str) -> bool:
    """Return whether this program has a migration of that name, and so can migrate from it."""
    return any(script.revision == revision for script in _scripts().walk_revisions())


def _scripts() -> ScriptDirectory:
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
