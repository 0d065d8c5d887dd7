"""List the topics of an instance, from Pulsar's admin API if there is one, else from the observer's counts."""

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
    """Whether this instance's capture publishes to this topic."""
    messages: int | None
    """Messages published since the topic was created; on the embedded stack as the observer counted. None if unknown."""
    producers: int | None
    subscriptions: list[SubscriptionReport] = field(default_factory=list)
    source: str = "admin"
    """Where the numbers come from: admin or observer."""


def list_topics(settings: Settings) -> list[TopicReport]:
    """Return the topics. Raises AdminUnavailable, or sqlite3.OperationalError while there is no observer's store."""
    if settings.pulsar_admin_url:
        with Admin(settings) as admin:
            return [_ask_admin(admin, settings, name) for name in admin.topics()]
    store = ObserverStore(settings.observer_store)
    try:
        counts = {count.name: count.messages for count in store.read_topic_counts()}
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


def _ask_admin(admin: Admin, settings: Settings, name: str) -> TopicReport:
    try:
        statistics = admin.topic_statistics(name)
    except AdminRefused:
        return TopicReport(name, name == settings.topics.events, None, None)
    subscriptions = [
        SubscriptionReport(subscription, str(row.get("type") or "none"), int(row["msgBacklog"]), len(row["consumers"]))
        for subscription, row in sorted(statistics["subscriptions"].items())
    ]
    return TopicReport(
        name,
        name == settings.topics.events,
        int(statistics["msgInCounter"]),
        len(statistics["publishers"]),
        subscriptions,
    )
