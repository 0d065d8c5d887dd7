"""A notifications worker that stores dead letters in the table and never publishes them on their topic."""

from __future__ import annotations

from connectors.broker import Publisher
from mutants.model import Mutant
from workers import notifications
from workers.process import run


class Silent(Publisher):
    def send(self, value: bytes, key: str | None = None, properties: object = None) -> str:
        return ""


MUTANT = Mutant("notifications", {"poison-message": "dead_letters_in_topic_and_table"})


if __name__ == "__main__":
    notifications.Publisher = Silent
    run("notifications", notifications.main)
