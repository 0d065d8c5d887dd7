"""Store dead letters: a row in the database and a message on the dead-letter topic, each once even after retries.

The row is written first and says whether the message is on the topic. So nothing is published twice while the database is
unavailable, and an interrupted dead letter is completed when its message is redelivered. A second message appears only when
the process ends between the broker's acknowledgement and the update of the row; its property `alpes-dead-letter` then names
the same row.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from sqlalchemy.exc import IntegrityError

from connectors.broker import Received
from connectors.envelope import NamedEvent
from domain import contract
from telemetry.logs import one_line
from workers.inbox import Inbox, Recorded
from workers.outcome import DeadLetter, Wait
from workers.policy import MAX_CONNECTION_LOSSES, describe, is_connection_lost, judge

log = logging.getLogger(__name__)

OMITTED = "alpes-omitted"
"""Property of a dead letter whose body was cut: what is missing. Such a dead letter cannot be requeued."""


class Outlet(Protocol):
    def send(self, value: bytes, key: str | None = None, properties: dict[str, str] | None = None) -> str: ...


class DeadLetters:
    def __init__(self, inbox: Inbox, outlet: Outlet, stop: threading.Event, wait: Callable[[str], None]) -> None:
        """`wait(reason)` is called before each retry while the database or the broker is unavailable."""
        self._inbox = inbox
        self._outlet = outlet
        self._stop = stop
        self._wait = wait

    def store_and_publish(self, message: Received, record: NamedEvent | None, dead: DeadLetter, attempts: int) -> bool:
        """Dead-letter a message. Return whether it may be acknowledged; False when the process is told to stop first."""
        dead = DeadLetter(dead.reason, one_line(dead.detail))
        kept_bytes = contract.truncate_body(message.value)
        if len(kept_bytes) < len(message.value):
            beginning = f"of its {len(message.value)} bytes the first {len(kept_bytes)} are kept"
            properties = {
                **message.properties,
                OMITTED: f"all but the first {len(kept_bytes)} of {len(message.value)} bytes",
            }
            message = replace(message, value=kept_bytes, properties=properties)
            dead = DeadLetter(dead.reason, f"{dead.detail[:400]}; {beginning}")
        recorded = self._record(message, record, dead, attempts)
        if recorded is None:
            return False
        if not recorded.published and not (self._publish(message, dead, recorded) and self._mark_published(recorded)):
            return False
        log.warning("dead-lettered %s: %s: %s", message.message_id, dead.reason, dead.detail)
        return True

    def _record(self, message: Received, record: NamedEvent | None, dead: DeadLetter, attempts: int) -> Recorded | None:
        """Write the row with as much of the message as the database accepts: a dead letter must always have a row."""
        omitted = message.properties.get(OMITTED)
        bare = replace(message, key=None, properties={} if omitted is None else {OMITTED: omitted})
        empty = replace(bare, value=b"", properties={OMITTED: f"{len(message.value)} bytes"})
        omission = (
            f"{dead.detail[:500]} (its {len(message.value)} bytes cannot be stored: the dead-letter topic has them)"
        )
        forms = [
            (message, record, dead),
            (bare, None, dead),
            (empty, None, DeadLetter(dead.reason, omission)),
        ]
        losses = 0
        while not self._stop.is_set():
            body, event, why = forms[0]
            try:
                return self._inbox.record_dead_letter(body, event, why.reason, why.detail, attempts)
            except IntegrityError:
                continue  # another worker recorded it at the same moment: the retry finds its row
            except Exception as error:
                losses += is_connection_lost(error) and self._inbox.answers()
                is_refused = not isinstance(judge(error), Wait) or losses >= MAX_CONNECTION_LOSSES
                if is_refused and len(forms) > 1:
                    log.error("a dead letter is stored with less of its message: %s", describe(error))
                    forms.pop(0)
                    losses = 0
                    continue
                self._wait(f"a dead letter could not be stored: {describe(error)}")
        return None

    def _publish(self, message: Received, dead: DeadLetter, recorded: Recorded) -> bool:
        context = {
            "alpes-reason": dead.reason,
            "alpes-detail": dead.detail[:500],
            "alpes-topic": message.topic,
            "alpes-message-id": message.message_id,
            "alpes-dead-letter": str(recorded.seq),
        }
        forms = [
            (message.value, message.key, {**message.properties, **context}),
            (message.value, None, context),
            (b"", None, {**context, OMITTED: f"{len(message.value)} bytes, see the row of this dead letter"}),
        ]
        while not self._stop.is_set():
            try:
                self._outlet.send(*forms[0])
                return True
            except Exception as error:
                if not isinstance(judge(error), Wait) and len(forms) > 1:
                    log.error("a dead letter is published with less of its message: %s", describe(error))
                    forms.pop(0)
                    continue
                self._wait(f"a dead letter could not be published: {describe(error)}")
        return False

    def _mark_published(self, recorded: Recorded) -> bool:
        while not self._stop.is_set():
            try:
                self._inbox.mark_published(recorded.seq)
                return True
            except Exception as error:
                self._wait(f"a dead letter could not be marked as published: {describe(error)}")
        return False
