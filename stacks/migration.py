"""What `./alpes migrate` does: users where it may make them, the newest schema, the grants."""

from __future__ import annotations

from collections.abc import Callable

from db import users
from db.engine import connect
from db.migrate import upgrade
from settings import Settings
from stacks.native import provision

Say = Callable[[str], None]


class NoDatabase(Exception):
    """No database is named."""


def migrate(settings: Settings, say: Say) -> None:
    """Bring the database of `settings` up to date; every step leaves alone what is there already.

    With `database_root_url` the four users are made first. Raises NoDatabase, db.users.PasswordUnfit,
    db.binlog.BinlogUnfit, DatabaseUnavailable, or ProvisionFailed when MySQL does not answer within a minute and a half.
    """
    if not settings.admin_url:
        raise NoDatabase(
            "no database is named: set ALPES_DATABASE_ADMIN_URL (or ALPES_DATABASE_URL), or run `./alpes up`"
        )
    if settings.database_root_url:
        _make_users(settings)
        say("the database's users are made")
    if settings.admin_url.startswith("mysql"):
        provision.provision_database(settings, say)
        return
    engine = connect(settings.admin_url, pool_size=1)
    try:
        upgrade(engine)
    finally:
        engine.dispose()
    say("the schema is up to date")


def _make_users(settings: Settings) -> None:
    root = connect(settings.database_root_url, pool_size=1)
    try:
        provision.await_answer(root, "MySQL")
        made = users.passwords(
            settings.admin_url,
            settings.database_url,
            settings.worker_url,
            settings.debezium_password.get_secret_value(),
            root="kept",  # `create` leaves root alone
        )
        users.create_users(root, made)
    finally:
        root.dispose()
