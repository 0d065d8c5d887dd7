"""Dead letters: a row in the database and a message on the dead-letter topic, each once however often it is tried.

The row comes first and says whether the topic has it. So nothing is published again while the database is away, and what
was interrupted is completed when the message is delivered again. Only a process that ends between the broker's answer and
the row's mark leaves a second message; its property `alpes-dead-letter` names the row, as the first one's does.
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
from workers.policy import describe, judge

log = logging.getLogger(__name__)


class Outlet(Protocol):
    def send(self, value: bytes, key: str | None = None, properties: dict[str, str] | None = None) -> str: ...


class DeadLetters:
    def __init__(self, inbox: Inbox, outlet: Outlet, stop: threading.Event, wait: Callable[[str], None]) -> None:
        """`wait(what for)` is called between two tries while the database or the broker is away."""
        self._inbox = inbox
        self._outlet = outlet
        self._stop = stop
        self._wait = wait

    def bury(self, message: Received, record: NamedEvent | None, dead: DeadLetter, attempts: int) -> bool:
        """Whether it is dead-lettered, so that the message may be acknowledged; not when the process is to stop."""
        dead = DeadLetter(dead.reason, one_line(dead.detail))
        kept = contract.truncate_body(message.value)
        if len(kept) < len(message.value):
            beginning = f"of its {len(message.value)} bytes the first {len(kept)} are kept"
            message, dead = replace(message, value=kept), DeadLetter(dead.reason, f"{dead.detail[:400]}; {beginning}")
        recorded = self._record(message, record, dead, attempts)
        if recorded is None:
            return False
        if not recorded.published and not (self._publish(message, dead, recorded) and self._mark(recorded)):
            return False
        log.warning("dead-lettered %s: %s: %s", message.message_id, dead.reason, dead.detail)
        return True

    def _record(self, message: Received, record: NamedEvent | None, dead: DeadLetter, attempts: int) -> Recorded | None:
        """With as much of the message as the database takes: a message that cannot be stored must still be recorded."""
        bare = replace(message, key=None, properties={})
        lengths = (
            f"{dead.detail[:500]} (its {len(message.value)} bytes cannot be stored: the dead-letter topic has them)"
        )
        forms = [
            (message, record, dead),
            (bare, None, dead),
            (replace(bare, value=b""), None, DeadLetter(dead.reason, lengths)),
        ]
        while not self._stop.is_set():
            kept, of, why = forms[0]
            try:
                return self._inbox.bury(kept, of, why.reason, why.detail, attempts)
            except IntegrityError:
                continue  # another worker recorded it at this moment: it is found at the next try
            except Exception as error:
                if not isinstance(judge(error), Wait) and len(forms) > 1:
                    log.error("a dead letter is recorded with less of its message: %s", describe(error))
                    forms.pop(0)
                    continue
                self._wait(f"to record a dead letter: {describe(error)}")
        return None

    def _publish(self, message: Received, dead: DeadLetter, recorded: Recorded) -> bool:
        about = {
            "alpes-reason": dead.reason,
            "alpes-detail": dead.detail[:500],
            "alpes-topic": message.topic,
            "alpes-message-id": message.message_id,
            "alpes-dead-letter": str(recorded.seq),
        }
        forms = [
            (message.value, message.key, {**message.properties, **about}),
            (message.value, None, about),
            (b"", None, {**about, "alpes-omitted": f"{len(message.value)} bytes, see the row of this dead letter"}),
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
                self._wait(f"to publish a dead letter: {describe(error)}")
        return False

    def _mark(self, recorded: Recorded) -> bool:
        while not self._stop.is_set():
            try:
                self._inbox.published(recorded.seq)
                return True
            except Exception as error:
                self._wait(f"to note that a dead letter is published: {describe(error)}")
        return False
