"""Requeue or discard dead letters. Events go to the retry topic, commands and parked outbox rows to their own topics."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import update

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
from db.tables import dead_letter
from domain.clock import utc_now
from domain.errors import ExpectedError
from domain.message import Message, extract_message
from domain.outbox import UnreadableRow
from settings import Settings
from workers.command_message import Malformed, parse
from workers.dead_letters import OMITTED
from workers.inbox import mark_requeued

PREVIOUS = "alpes-requeued"
"""Property of a message that was requeued: the number of its dead letter."""
EDITED = "alpes-edited"
"""Property of a message whose body is not the dead letter's."""
NOTE_CHARACTERS = 500


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
                message_id = publishers[topic].send(value, key, {PREVIOUS: str(row.seq)})
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


def send_edited(settings: Settings, seq: int, body: bytes) -> Requeued:
    """Publish a command with another body than its dead letter's, and mark the dead letter as requeued.

    An event is never edited, because its contents are those of its committed row. Raises LookupError for an unknown `seq`;
    NotRequeued for a message that is no command, or a body that is none; BrokerUnavailable, DatabaseUnavailable, Forbidden.
    """
    require(settings, Action.REQUEUE)
    (letter,) = _read(settings, [seq])
    if not is_editable(settings, letter):
        raise NotRequeued(Message("requeue.no_command", n=seq))
    try:
        parse(body)
    except Malformed as error:
        raise NotRequeued(Message("requeue.malformed", n=seq, why=str(error))) from None
    engine, publisher = connect(settings.worker_url, pool_size=1), Publisher(Broker(settings), letter.topic)
    try:
        message_id = publisher.send(body, letter.message_key, {PREVIOUS: str(seq), EDITED: "true"})
        mark_requeued(engine, seq)
    except MessageRefused as error:
        raise NotRequeued(Message("requeue.refused", n=seq, why=extract_message(error))) from None
    finally:
        publisher.close()
        engine.dispose()
    return Requeued(seq, letter.event_id, letter.topic, message_id)


def is_editable(settings: Settings, letter: DeadLetterRow) -> bool:
    """Return whether the message may be sent with another body: commands may, events may not."""
    return letter.topic == settings.topics.commands


def discard(settings: Settings, seqs: list[int], note: str) -> list[int]:
    """Mark dead letters as discarded, with a note, and return their numbers. Nothing is sent, and no row is deleted.

    A discarded dead letter can be requeued later. Raises LookupError, before any is marked, for an unknown `seq` and for one
    that was requeued; ValueError for a note of more than 500 characters; DatabaseUnavailable or Forbidden.
    """
    require(settings, Action.REQUEUE)
    if len(note) > NOTE_CHARACTERS:
        raise ValueError(f"a note has at most {NOTE_CHARACTERS} characters, not {len(note)}")
    requeued = [str(letter.seq) for letter in _read(settings, seqs) if letter.requeued_at is not None]
    if requeued:
        raise LookupError(f"dead letter {', '.join(requeued)} was requeued, so there is nothing to discard")
    engine = connect(settings.worker_url, pool_size=1)
    values = {"discarded_at": utc_now(), "discard_note": note or None}
    try:
        with translated(), engine.begin() as connection:
            # One that was requeued meanwhile stays as it is.
            waiting = dead_letter.c.seq.in_(seqs) & dead_letter.c.requeued_at.is_(None)
            connection.execute(update(dead_letter).where(waiting).values(values))
    finally:
        engine.dispose()
    return seqs


def find_attempts(letters: Sequence[DeadLetterRow], seq: int) -> list[int]:
    """Return the numbers of the dead letters that are attempts of the same message, oldest first, as far as they are given.

    A message that was requeued and could not be processed again names the dead letter that it was requeued from.
    """
    previous = {letter.seq: before for letter in letters if (before := _read_previous(letter)) is not None}
    following = {before: after for after, before in previous.items()}
    first = seq
    while first in previous:
        first = previous[first]
    attempts = [first]
    while attempts[-1] in following:
        attempts.append(following[attempts[-1]])
    return attempts


def _read_previous(letter: DeadLetterRow) -> int | None:
    number = str(letter.properties.get(PREVIOUS, ""))
    # Anybody may publish such a property: only an earlier dead letter is taken, so no chain is a circle.
    return int(number) if re.fullmatch(r"[0-9]{1,18}", number) and int(number) < letter.seq else None


def find_waiting(settings: Settings) -> list[int]:
    """Return the numbers of the dead letters that were neither requeued nor discarded, oldest first. Raises DatabaseUnavailable."""
    with Application(settings, pool_size=1) as application, application.reading() as connection:
        return dead_letter_queries.dead_letter_seqs(connection)


def _read(settings: Settings, seqs: list[int]) -> list[DeadLetterRow]:
    """Return dead letters. Raises LookupError for an unknown `seq`."""
    with Application(settings, pool_size=1) as application, application.reading() as connection:
        letters = dead_letter_queries.dead_letters_at(connection, seqs)
    _require_known(seqs, {letter.seq for letter in letters})
    return letters


def _require_known(seqs: list[int], known_seqs: Collection[int]) -> None:
    unknown = [str(seq) for seq in seqs if seq not in known_seqs]
    if unknown:
        raise LookupError(f"no dead letter {', '.join(unknown)}; `./alpes dead-letters list` shows them")


def _require_requeueable(settings: Settings, seqs: list[int]) -> None:
    with Application(settings, pool_size=1) as application, application.reading() as connection:
        pruned = dead_letter_queries.dead_letters_pruned(connection, seqs)
    _require_known(seqs, pruned)
    emptied = [str(seq) for seq in seqs if pruned[seq]]
    if emptied:
        raise LookupError(f"dead letter {', '.join(emptied)} was settled before, and its body was pruned since")


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
