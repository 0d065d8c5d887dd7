"""Sending dead letters again: events through the retry topic, commands through theirs."""

from __future__ import annotations

from dataclasses import dataclass

from application import Application
from application.permissions import Action, require
from connectors.broker import Broker, Publisher
from db import queries
from db.engine import connect
from settings import Settings
from workers.inbox import requeued


@dataclass(frozen=True, slots=True)
class Requeued:
    seq: int
    event_id: str | None
    topic: str
    message_id: str


def requeue(settings: Settings, seqs: list[int]) -> list[Requeued]:
    """Publish these dead letters once more, then note it; killed between, one may go out twice, which the inbox absorbs.

    Raises LookupError for a `seq` there is none of, BrokerUnavailable, DatabaseUnavailable, or Forbidden.
    """
    require(settings, Action.REQUEUE)
    with Application(settings, pool_size=1) as application, application.reading() as connection:
        found = {row.seq: row for row in queries.dead_letters(connection, limit=100_000)}
    unknown = [seq for seq in seqs if seq not in found]
    if unknown:
        raise LookupError(f"no dead letter {', '.join(map(str, unknown))}; `./alpes dead-letters list` shows them")
    engine = connect(settings.worker_url, pool_size=1)
    broker, topics, sent = Broker(settings), settings.topics, []
    publishers = {topic: Publisher(broker, topic) for topic in (topics.retry, topics.commands)}
    try:
        for row in (found[seq] for seq in seqs):
            topic = topics.commands if row.topic == topics.commands else topics.retry
            message_id = publishers[topic].send(row.payload, row.message_key, {"alpes-requeued": str(row.seq)})
            requeued(engine, row.seq)
            sent.append(Requeued(row.seq, row.event_id, topic, message_id))
    finally:
        for publisher in publishers.values():
            publisher.close()
        engine.dispose()
    return sent
