"""Classify the outcome of sending a message by the client's result code, never by its text."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

import pulsar


class MessageRefused(Exception):
    """This message can never be published, in any state of the broker; `str(error)` says why."""


class Sent(Enum):
    """The outcome of sending a message."""

    ACKNOWLEDGED = auto()
    REFUSED = auto()
    """The message itself is at fault: a retry would be refused too."""
    UNAVAILABLE = auto()
    """The broker, the topic or the connection is at fault."""
    FAILED = auto()
    """The code does not say what is at fault."""


MESSAGE_ERRORS = (pulsar.MessageTooBig, pulsar.InvalidMessage, TypeError, ValueError)
"""Exceptions of the client for a message that it or the broker does not accept."""
_MESSAGE_RESULTS = (pulsar.Result.MessageTooBig, pulsar.Result.InvalidMessage)
_UNDECIDED_RESULTS = (pulsar.Result.UnknownError, pulsar.Result.CryptoError, pulsar.Result.OperationNotSupported)


def classify(result: Any) -> Sent:
    """Return the outcome for a `pulsar.Result`, which the callback of a send receives."""
    if result == pulsar.Result.Ok:
        return Sent.ACKNOWLEDGED
    if result in _MESSAGE_RESULTS:
        return Sent.REFUSED
    return Sent.FAILED if result in _UNDECIDED_RESULTS else Sent.UNAVAILABLE
