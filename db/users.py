"""MySQL's four users, their passwords and what they may read: `init.sql` with its values put in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from sqlalchemy import Engine, make_url, text

from db.errors import translated

INIT_SQL = Path(__file__).with_name("init.sql")


class PasswordUnfit(ValueError):
    """A password has a character that could end the SQL string it is written into; `str(error)` names whose."""


@dataclass(frozen=True, slots=True)
class Passwords:
    root: str
    admin: str
    application: str
    worker: str
    debezium: str


def passwords(admin_url: str, url: str, worker_url: str, debezium: str, root: str = "") -> Passwords:
    """As the users' URLs hold them."""

    def of(url: str) -> str:
        return make_url(url).password or ""

    return Passwords(root, of(admin_url), of(url), of(worker_url), debezium)


def script(values: Passwords) -> str:
    """The statements that make users and database, for the server's init file. Raises PasswordUnfit."""
    named = {f"{name}_password": getattr(values, name) for name in Passwords.__slots__}
    for name, value in named.items():
        if not re.fullmatch(r"[A-Za-z0-9_.~-]+", value):
            raise PasswordUnfit(f"{name} may hold only letters, digits and . _ ~ -, and may not be empty")
    return Template(INIT_SQL.read_text(encoding="utf-8")).substitute(named)


def create(root: Engine, values: Passwords) -> None:
    """Make the users, or give those that are there these passwords; `root`'s own stays.

    Raises PasswordUnfit or DatabaseUnavailable.
    """
    lines = script(values).splitlines()
    with translated(), root.begin() as connection:
        for line in lines:
            if line.strip() and "'root'@" not in line:
                connection.execute(text(line.rstrip(";").replace(":", "\\:")))
