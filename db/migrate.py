"""Brings a database to the newest schema, whatever it has now."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from db.errors import translated


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply the migrations that are missing; a schema that is up to date is left as it is.

    Raises DatabaseUnavailable. The engine's user must be the one that may create tables.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with translated(), engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
