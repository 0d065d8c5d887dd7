"""A notifications worker that has no inbox: every delivery has its effect, in a table that does not forbid it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from sqlalchemy import Engine, text

from connectors.broker import Received
from db.engine import connect
from mutants.model import Mutant
from settings import Settings
from workers import notifications
from workers.inbox import _NOTIFY, Effect, Inbox
from workers.process import run


class Forgetful(Inbox):
    def apply(self, effects: Sequence[Effect], skipped: Sequence[Received]) -> set[str]:
        with self._transaction() as connection:
            for effect in effects:
                _NOTIFY.execute_all(connection, self._notifications({effect.record.id: effect}))
            new = {effect.record.id: effect for effect in effects}
            self._record(connection, effects, new, skipped)
        return set(new)


def allow_doubles(engine: Engine) -> None:
    """Remove the constraint that forbids a second notification of an event."""
    with engine.begin() as connection:
        if engine.dialect.name == "mysql":
            index = connection.execute(text("SHOW INDEX FROM notification WHERE Column_name = 'event_id'")).first()
            if index is not None:
                connection.execute(text(f"ALTER TABLE notification DROP INDEX {index.Key_name}"))
            return
        definition = str(connection.scalar(text("SELECT sql FROM sqlite_master WHERE name = 'notification'")))
        if "UNIQUE" in definition:
            free = definition.replace("UNIQUE (event_id)", "CHECK (1)").replace("notification", "notification_free", 1)
            for statement in (
                free,
                "INSERT INTO notification_free SELECT * FROM notification",
                "DROP TABLE notification",
                "ALTER TABLE notification_free RENAME TO notification",
            ):
                connection.execute(text(statement))


def main(settings: Settings, stop: threading.Event) -> None:
    engine = connect(settings.admin_url)
    allow_doubles(engine)
    engine.dispose()
    notifications.Inbox = Forgetful
    notifications.main(settings, stop)


MUTANT = Mutant(
    "notifications",
    {
        "kill-worker": "effect_once",
        "lost-offsets": "effect_once",
        "capture-upgrade": "effect_once",
        "replay": "check.replay_adds_nothing",
    },
)


if __name__ == "__main__":
    run("notifications", main)
