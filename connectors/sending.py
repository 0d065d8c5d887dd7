"""What became of a message that was sent, by the client's code and never by its words."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

import pulsar


class MessageRefused(Exception):
    """This one message can never be published, whatever the broker's state; `str(error)` says why."""


class Sent(Enum):
    ACKNOWLEDGED = auto()
    REFUSED = auto()
    """The message itself is at fault: sent again, it is refused again."""
    UNAVAILABLE = auto()
    """The broker, the topic or the connection is at fault."""
    FAILED = auto()
    """The code tells neither."""


MESSAGE_ERRORS = (pulsar.MessageTooBig, pulsar.InvalidMessage, TypeError, ValueError)
"""What the client raises, before or instead of sending, for a message that it or the broker does not take."""
_OF_THE_MESSAGE = (pulsar.Result.MessageTooBig, pulsar.Result.InvalidMessage)
_OF_NOBODY = (pulsar.Result.UnknownError, pulsar.Result.CryptoError, pulsar.Result.OperationNotSupported)


def classify(result: Any) -> Sent:
    """The kind of a `pulsar.Result`, as a send's callback is given."""
    if result == pulsar.Result.Ok:
        return Sent.ACKNOWLEDGED
    if result in _OF_THE_MESSAGE:
        return Sent.REFUSED
    return Sent.FAILED if result in _OF_NOBODY else Sent.UNAVAILABLE
