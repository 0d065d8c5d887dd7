"""Notice that nothing reads the binlog any more although the capture says that it runs.

Debezium's reader must not connect again by itself: it would continue after the last event that it read, which may lie within a
transaction, and skip the rest (`docs/capture.md`). A connection that ends within an event makes the capture fail. One that ends
between two events, as when MySQL dies while nothing is written, ends the reader alone, and the capture says that it runs.
"""

from __future__ import annotations

from sqlalchemy import Engine, make_url

from db import binlog
from db.engine import READ, connect
from db.errors import DatabaseUnavailable, translated
from settings import Settings
from stacks import faults


def connect_as_debezium(settings: Settings) -> Engine | None:
    """Return an engine of Debezium's user, whose own readers of the binlog it may see; None where its password is not known."""
    password = settings.debezium_password.get_secret_value()
    if not password:
        return None
    url = make_url(settings.worker_url).set(username=settings.debezium_user, password=password)
    return connect(url.render_as_string(hide_password=False), pool_size=1)


class ReaderWatch:
    """Remembers whether the capture had a reader of the binlog; other replicas do not count. Use it in one thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: Engine | None = None
        self._was_seen = False

    def forget(self) -> None:
        """Expect no reader: the capture starts, is stopped, or takes a snapshot."""
        self._was_seen = False

    def forget_unless_capture_runs(self) -> None:
        """Forget the reader when the capture may not be judged. While the database alone is held down, the capture still runs."""
        if faults.active(self._settings).keys() != {"database"}:
            self.forget()

    def is_gone(self) -> bool:
        """Return whether the server answers without the reader that was there before. False while it does not answer."""
        readers = self._read_ids()
        if readers:
            self._was_seen = True
        return self._was_seen and readers == set()

    def _read_ids(self) -> set[int] | None:
        if self._engine is None:
            self._engine = connect_as_debezium(self._settings) or _connect_as_admin(self._settings)
        if self._engine is None:
            return None
        try:
            with translated(), self._engine.connect().execution_options(**READ) as connection:
                return binlog.reader_ids(connection, self._settings.debezium_user)
        except DatabaseUnavailable:
            return None


def _connect_as_admin(settings: Settings) -> Engine | None:
    """Return an engine of the admin user, who has the PROCESS privilege on our servers; None where the watcher has no URL of it."""
    url = settings.database_admin_url
    return connect(url, pool_size=1) if url else None
