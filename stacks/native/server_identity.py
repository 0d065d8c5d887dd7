"""Know which MySQL server the capture has read: its position means nothing on another one."""

from __future__ import annotations

from sqlalchemy import Engine, text

from db.engine import READ
from db.errors import DatabaseUnavailable, translated
from settings import Settings
from settings.shared_files import hand_over
from stacks.native import healing


def is_another(settings: Settings, engine: Engine) -> bool:
    """Return whether another MySQL server answers than the one whose binlog was read.

    The position then means nothing, also where a file of that name exists. An operator's cluster may change its server and keep
    its history, so only a server that this program started is compared.
    """
    known_id = healing.read_server(settings)
    return known_id is not None and ask_server(settings, engine) not in (None, known_id)


def remember(settings: Settings, engine: Engine, *, again: bool = False) -> None:
    """Write the id of the server that answers; with `again`, in place of another's. Raises OSError."""
    if healing.read_server(settings) is not None and not again:
        return
    server_id = ask_server(settings, engine)
    if server_id is not None:
        path = healing.server_path(settings)
        path.write_text(server_id, encoding="utf-8")
        hand_over(path)


def ask_server(settings: Settings, engine: Engine) -> str | None:
    if not settings.facts.servers_are_ours:
        return None
    try:
        with translated(), engine.connect().execution_options(**READ) as connection:
            return str(connection.scalar(text("SELECT @@server_uuid")))
    except DatabaseUnavailable:
        return None
