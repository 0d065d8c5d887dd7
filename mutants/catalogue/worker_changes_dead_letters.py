"""A notifications worker that publishes dead letters with another body than the message had."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.broker import Publisher
from mutants.model import Mutant
from workers import notifications
from workers.process import run


class Changing(Publisher):
    def send(self, value: bytes, key: str | None = None, properties: Mapping[str, str] | None = None) -> str:
        return super().send(value[:-1] + b"?", key, properties)


MUTANT = Mutant("notifications", {"poison-message": "dead_letters_in_topic_and_table"})


if __name__ == "__main__":
    notifications.Publisher = Changing
    run("notifications", notifications.main)
