"""The topics of an instance, from the admin REST where there is one, else from what the observer counted."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.admin import Admin, AdminRefused
from settings import Settings
from workers.observer_store import ObserverStore


@dataclass(frozen=True, slots=True)
class SubscriptionReport:
    name: str
    type: str
    backlog: int
    consumers: int


@dataclass(frozen=True, slots=True)
class TopicReport:
    name: str
    live: bool
    """Whether capture publishes there in this instance."""
    messages: int | None
    """Published since the topic was made; on the embedded stack, as the observer counted. None where unknown."""
    producers: int | None
    subscriptions: list[SubscriptionReport] = field(default_factory=list)
    source: str = "admin"
    """Where the numbers come from: admin or observer."""


def topics(settings: Settings) -> list[TopicReport]:
    """Raises AdminUnavailable, or sqlite3.OperationalError while there is no observer store."""
    if settings.pulsar_admin_url:
        with Admin(settings) as admin:
            return [_asked(admin, settings, name) for name in admin.topics()]
    store = ObserverStore(settings.observer_store)
    try:
        counts = {count.name: count.messages for count in store.topics()}
    finally:
        store.close()
    names = {
        settings.topics.events,
        settings.topics.commands,
        settings.topics.dead_letter,
        settings.topics.retry,
        *counts,
    }
    return [
        TopicReport(name, name == settings.topics.events, counts.get(name, 0), None, source="observer")
        for name in sorted(names)
    ]


def _asked(admin: Admin, settings: Settings, name: str) -> TopicReport:
    try:
        found = admin.topic_statistics(name)
    except AdminRefused:
        return TopicReport(name, name == settings.topics.events, None, None)
    subscriptions = [
        SubscriptionReport(each, str(row.get("type") or "none"), int(row["msgBacklog"]), len(row["consumers"]))
        for each, row in sorted(found["subscriptions"].items())
    ]
    return TopicReport(
        name, name == settings.topics.events, int(found["msgInCounter"]), len(found["publishers"]), subscriptions
    )
