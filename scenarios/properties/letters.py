"""Judge dead letters: each is in the table and on the topic, and there are none where none is expected."""

from __future__ import annotations

from collections.abc import Iterator

from domain.message import Message
from scenarios.history.records import History
from scenarios.properties import observe
from scenarios.properties.violations import CONTENTS_DIFFER, DEAD_LETTER, IN_ONE_PLACE, Violation


def dead_letters_in_topic_and_table(history: History) -> Iterator[Violation]:
    """Every dead letter has a row and a message with the same body and reason.

    A parked row has no message, because it could not be published.
    """
    on_topic = {message.number for message in history.dead_letter_messages}
    in_table = {letter.seq: letter for letter in history.dead_letters}
    for letter in history.dead_letters:
        if not letter.is_parked and letter.seq not in on_topic:
            id_ = letter.event_id or str(letter.seq)
            absence = observe.missing("broker", id_, Message("seen.no_dead_letter_message"))
            yield Violation(IN_ONE_PLACE, id_, (observe.dead_letter(letter), absence), is_final=False)
    for message in history.dead_letter_messages:
        id_ = message.event_id or message.message_id
        row = None if message.number is None else in_table.get(message.number)
        if row is None:
            absence = observe.missing("worker", id_, Message("seen.no_dead_letter"))
            yield Violation(IN_ONE_PLACE, id_, (observe.dead_letter_message(message), absence), is_final=False)
        elif message.reason != row.reason:
            yield Violation(CONTENTS_DIFFER, id_, (observe.dead_letter(row), observe.dead_letter_message(message)))
        elif None not in (message.digest, row.digest) and message.digest != row.digest:
            difference = observe.missing("broker", id_, Message("seen.other_body"))
            proof = (observe.dead_letter(row), observe.dead_letter_message(message), difference)
            yield Violation(CONTENTS_DIFFER, id_, proof)


def no_dead_letter(history: History) -> Iterator[Violation]:
    """Nothing is dead-lettered in a run that publishes nothing poisonous."""
    for letter in () if history.expects_dead_letters else history.dead_letters:
        detail = f"{letter.reason}: {letter.detail}"[:200]
        yield Violation(DEAD_LETTER, letter.event_id or str(letter.seq), (observe.dead_letter(letter),), detail)
