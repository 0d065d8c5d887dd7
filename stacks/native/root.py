"""Connect as root to the MySQL server that this program started, over its socket: for what no other user may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, make_url

from application.wake import choose_socket_address
from db.engine import connect
from db.errors import translated
from settings import Settings


def make_root_url(settings: Settings, **session: str | int) -> str:
    """Return the URL of root in the instance's database, with these variables set in each session. It has the password."""
    query = {"unix_socket": str(choose_socket_address(settings.run / "mysql.sock"))}
    if session:
        query["init_command"] = "SET SESSION " + ", ".join(f"{name} = {value}" for name, value in session.items())
    # Nothing else logs in as root, so it has the admin user's password.
    password = make_url(settings.database_admin_url).password
    url = URL.create("mysql+pymysql", "root", password, "localhost", None, settings.database_name, query)
    return url.render_as_string(hide_password=False)


@contextmanager
def as_root(settings: Settings) -> Iterator[Connection]:
    """Yield a connection of root that commits each statement by itself. Raises DatabaseUnavailable."""
    engine = connect(make_root_url(settings), pool_size=1)
    try:
        with translated(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection
    finally:
        engine.dispose()
