"""A database of its own on the MySQL of a running instance, for an instance of the external stack."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, make_url, text

from settings import Settings
from tests.conftest import root_url


@contextmanager
def guest(host: Settings, require: str = "NONE") -> Iterator[str]:
    """Yield the URL of an empty database with a user of its own; `require` is what MySQL requires of its connections."""
    name, password = f"guest_{uuid.uuid4().hex[:8]}", secrets.token_urlsafe(12)
    server = create_engine(make_url(root_url(host)), isolation_level="AUTOCOMMIT")

    def run(*statements: str) -> None:
        with server.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))

    run(
        f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        f"CREATE USER {name}@'%' IDENTIFIED BY '{password}' REQUIRE {require}",
        f"GRANT ALL ON {name}.* TO {name}@'%'",
        f"GRANT PROCESS ON *.* TO {name}@'%'",
    )
    try:
        yield f"mysql+pymysql://{name}:{password}@127.0.0.1:{host.mysql_port}/{name}"
    finally:
        run(f"DROP DATABASE {name}", f"DROP USER {name}@'%'")
        server.dispose()
