"""Migrate a database: create its users where that is allowed, the newest schema, and the grants."""

from __future__ import annotations

from collections.abc import Callable

from db import users
from db.engine import connect
from db.migrate import upgrade
from domain.errors import ExpectedError
from settings import Settings
from stacks.native import provision

Say = Callable[[str], None]


class NoDatabase(ExpectedError):
    """No setting names a database."""


def migrate(settings: Settings, say: Say) -> None:
    """Migrate the database of `settings`. Existing users and tables are kept.

    With `database_root_url`, the four users are created first. Raises NoDatabase, db.users.PasswordUnfit,
    db.binlog.BinlogUnfit, DatabaseUnavailable, or ProvisionFailed when MySQL does not answer within a minute and a half.
    """
    if not settings.admin_url:
        raise NoDatabase(
            "there is no database: set ALPES_DATABASE_ADMIN_URL (or ALPES_DATABASE_URL), or run `./alpes up`"
        )
    if settings.database_root_url:
        _create_users(settings)
        say("the database's users exist")
    if settings.admin_url.startswith("mysql"):
        provision.provision_database(settings, say)
        return
    engine = connect(settings.admin_url, pool_size=1)
    try:
        upgrade(engine)
    finally:
        engine.dispose()
    say("the schema is up to date")


def _create_users(settings: Settings) -> None:
    root = connect(settings.database_root_url, pool_size=1)
    try:
        provision.await_answer(root, "MySQL")
        passwords = users.read_passwords(
            settings.admin_url,
            settings.database_url,
            settings.worker_url,
            settings.debezium_password.get_secret_value(),
            root="kept",  # `create` leaves root alone
        )
        # On a server of somebody else's, how its users log in is for its operator to decide.
        requires_tls = settings.secure if settings.facts.servers_are_ours else None
        users.create_users(root, passwords, requires_tls)
    finally:
        root.dispose()
