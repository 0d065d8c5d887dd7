"""Create MySQL's four users with their passwords and the right to read, from the template `init.sql`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from sqlalchemy import Engine, make_url, text

from db.errors import translated
from domain.errors import ExpectedError

INIT_SQL = Path(__file__).with_name("init.sql")
USERS = ("alpes_admin", "alpes", "alpes_worker", "debezium")


class PasswordUnfit(ExpectedError, ValueError):
    """A password has a character that could end the SQL string around it; `str(error)` names the password."""


@dataclass(frozen=True, slots=True)
class Passwords:
    root: str
    admin: str
    application: str
    worker: str
    debezium: str


def read_passwords(admin_url: str, url: str, worker_url: str, debezium: str, root: str = "") -> Passwords:
    """Return the passwords in the users' URLs; empty where a URL has none."""

    def get_password(url: str) -> str:
        return make_url(url).password or ""

    return Passwords(root, get_password(admin_url), get_password(url), get_password(worker_url), debezium)


def render_script(values: Passwords) -> str:
    """Return the statements that create users and database, for the server's init file. Raise PasswordUnfit."""
    named = {f"{name}_password": getattr(values, name) for name in Passwords.__slots__}
    for name, value in named.items():
        if not re.fullmatch(r"[A-Za-z0-9_.~-]+", value):
            raise PasswordUnfit(f"{name} may hold only letters, digits and . _ ~ -, and may not be empty")
    return Template(INIT_SQL.read_text(encoding="utf-8")).substitute(named)


def render_requirement(requires_tls: bool) -> str:
    """Return the statements after which the server admits the four users over TLS only, or also without it."""
    requirement = "SSL" if requires_tls else "NONE"
    return "".join(f"ALTER USER '{user}'@'%' REQUIRE {requirement};\n" for user in USERS)


def create_users(root: Engine, values: Passwords, requires_tls: bool | None = None) -> None:
    """Create the users or set their passwords. The password of `root` stays; None leaves their need of TLS as it is.

    Raise PasswordUnfit or DatabaseUnavailable.
    """
    requirement = "" if requires_tls is None else render_requirement(requires_tls)
    lines = (render_script(values) + requirement).splitlines()
    with translated(), root.begin() as connection:
        for line in lines:
            if line.strip() and "'root'@" not in line:
                connection.execute(text(line.rstrip(";").replace(":", "\\:")))
