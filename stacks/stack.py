"""Define what the stacks do differently in the life of an instance. The facts about each are in `settings.facts`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from sqlalchemy import Engine

from settings import Settings
from stacks.command import Part
from stacks.healer import Healer
from stacks.native.artifacts import Progress

Say = Callable[[str], None]


class Stack(ABC):
    """The stack of one instance."""

    held_to_empty_topics: ClassVar[tuple[str, ...]] = ()
    """Components that must not run while `empty_topics` does."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def urls(self) -> dict[str, object]:
        """Return the settings that lead to database and broker, with generated passwords; none where they are given.

        Raises an ExpectedError that says what is missing, or OSError.
        """

    @abstractmethod
    def ports(self) -> tuple[str, ...]:
        """Return the settings of the ports that must be free, besides those of API and page."""

    @abstractmethod
    def prepare(self, say: Say, progress: Progress) -> list[Part]:
        """Download and write what a start needs, and return the components that a supervisor runs.

        Raises an ExpectedError that says what is missing.
        """

    @abstractmethod
    def start(self, parts: list[Part], say: Say, deadline_s: float) -> None:
        """Start every component within `deadline_s` seconds, and create schema, topics and source.

        Raises an ExpectedError that names what did not start, or refused.
        """

    @abstractmethod
    def stop(self, is_running: bool) -> bool:
        """Stop every component, and return whether one was found. Raises DockerUnavailable when `is_running`."""

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Return names and versions of database, capture and broker. Raises nothing when one does not answer."""

    @abstractmethod
    def empty_topics(self) -> None:
        """Empty the topics of events, while the capture does not run. Raises AdminUnavailable or AdminRefused."""

    def addresses(self) -> dict[str, str]:
        """Return name → address of what else people reach, without passwords."""
        return {}

    def remove_data(self) -> None:
        """Remove the data of a stopped instance that are not in its home. Raises nothing when they cannot be reached."""
        return

    def healer(self, engine: Engine) -> Healer | None:
        """Return what heals its broker, or None where the supervisor is enough."""
        return None
