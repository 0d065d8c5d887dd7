"""Requeue dead letters: events through the retry topic, commands and parked outbox rows through their own topics."""

from __future__ import annotations

from dataclasses import dataclass

from application import Application
from application.permissions import Action, require
from connectors import envelope
from connectors.broker import Broker, Publisher
from connectors.sending import MessageRefused
from db import dead_letter_queries
from db.dead_letter_queries import DeadLetterRow
from db.engine import READ, connect
from db.errors import translated
from db.outbox import PARKED_TOPIC, OutboxFeed
from domain.errors import ExpectedError
from domain.message import Message, extract_message
from domain.outbox import UnreadableRow
from settings import Settings
from workers.dead_letters import OMITTED
from workers.inbox import mark_requeued


@dataclass(frozen=True, slots=True)
class Requeued:
    seq: int
    event_id: str | None
    topic: str
    message_id: str


class NotRequeued(ExpectedError):
    """Some dead letters cannot be sent again; `str(error)` names each with its reason. The others were sent."""


def requeue(settings: Settings, seqs: list[int]) -> list[Requeued]:
    """Publish these dead letters again and then mark each as requeued.

    If the process is killed in between, one may be published twice, which the inbox absorbs. Dead letters are read one by
    one, because a body may have megabytes. Raises LookupError before any is sent, for an unknown `seq` or a pruned body;
    NotRequeued, BrokerUnavailable, DatabaseUnavailable, or Forbidden.
    """
    require(settings, Action.REQUEUE)
    _require_requeueable(settings, seqs)
    engine = connect(settings.worker_url, pool_size=1)
    broker, topics, sent, refused = Broker(settings), settings.topics, [], []
    publishers = {topic: Publisher(broker, topic) for topic in (topics.retry, topics.commands, topics.events)}
    feed = OutboxFeed(engine)
    try:
        for seq in seqs:
            with translated(), engine.connect().execution_options(**READ) as connection:
                (row,) = dead_letter_queries.dead_letters_at(connection, [seq])
            try:
                topic, key, value = _make_message(settings, feed, row)
                message_id = publishers[topic].send(value, key, {"alpes-requeued": str(row.seq)})
            except MessageRefused as error:
                refused.append(Message("requeue.refused", n=row.seq, why=extract_message(error)))
                continue
            mark_requeued(engine, row.seq)
            sent.append(Requeued(row.seq, row.event_id, topic, message_id))
    finally:
        for publisher in publishers.values():
            publisher.close()
        feed.close()
        engine.dispose()
    if refused:
        if sent:
            raise NotRequeued(Message("requeue.others", refused=tuple(refused), n=len(sent)))
        raise NotRequeued(Message("requeue.none", refused=tuple(refused)))
    return sent


def find_waiting(settings: Settings) -> list[int]:
    """Return the numbers of the open dead letters, oldest first. Raises DatabaseUnavailable."""
    with Application(settings, pool_size=1) as application, application.reading() as connection:
        return dead_letter_queries.dead_letter_seqs(connection)


def _require_requeueable(settings: Settings, seqs: list[int]) -> None:
    with Application(settings, pool_size=1) as application, application.reading() as connection:
        pruned = dead_letter_queries.dead_letters_pruned(connection, seqs)
    unknown = [str(seq) for seq in seqs if seq not in pruned]
    if unknown:
        raise LookupError(f"no dead letter {', '.join(unknown)}; `./alpes dead-letters list` shows them")
    emptied = [str(seq) for seq in seqs if pruned[seq]]
    if emptied:
        raise LookupError(f"dead letter {', '.join(emptied)} was requeued before, and its body was pruned since")


def _make_message(settings: Settings, feed: OutboxFeed, letter: DeadLetterRow) -> tuple[str, str | None, bytes]:
    """Return topic, key and body of the message that requeues a dead letter. Raises MessageRefused."""
    topics = settings.topics
    if OMITTED in letter.properties:
        raise MessageRefused(
            f"only a part of its body was kept ({letter.properties[OMITTED]} are missing); its producer must send it again"
        )
    if letter.topic != PARKED_TOPIC:
        return topics.commands if letter.topic == topics.commands else topics.retry, letter.message_key, letter.payload
    row = feed.at(int(letter.message_id))
    if row is None:
        raise MessageRefused(f"row {letter.message_id} of the outbox is gone")
    if isinstance(row, UnreadableRow):
        raise MessageRefused(f"row {row.seq} of the outbox is no event still: {row.problem}; mend the row first")
    # A parked row was never published, so it goes to the topic of events.
    return topics.events, *envelope.encode(row, envelope.now_ms())
