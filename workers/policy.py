"""Decide what a consumer does with a message that it cannot process. All consumers share this policy.

An exception means one of two things. *A dependency is unavailable*: all messages wait in order, and nothing is counted. Or
*this message failed*: the attempt is counted and retried after a pause; after `MAX_ATTEMPTS` the message is dead-lettered and
the messages behind it continue. An unknown exception is of the second kind. No exception ends the process.

`workers.handling` counts a message that ends the process itself: after `MAX_DEATHS` it is dead-lettered too.
"""

from __future__ import annotations

from connectors.broker import BrokerUnavailable
from db.error_codes import Kind
from db.errors import DatabaseUnavailable, UnstorableData
from telemetry.logs import one_line
from workers.outcome import DeadLetter, Retry, Wait

MAX_ATTEMPTS = 5
BACKOFF_S = (0.05, 0.1, 0.2, 0.4)
MAX_DEATHS = 3
MAX_CONNECTION_LOSSES = 10
"""How often in a row the connection may break at one message although the database answers in between. A packet that is
too large for the server looks like this, and nothing else distinguishes it from a lost connection."""
RECHECK_S = 0.2
"""Pause before an unavailable dependency is asked again."""

FAILED_TOO_OFTEN = "failed_too_often"
KILLED_WORKER = "killed_worker"
BAD_DATA = "bad_data"


def judge(error: Exception) -> Wait | Retry | DeadLetter:
    """Return what an exception in the handling of a message means for that message."""
    match error:
        case DatabaseUnavailable(kind=Kind.UNKNOWN):
            # The server gave an unknown error number. A wait could last forever and stop all other messages; a dead letter
            # keeps the message and can be requeued. So the attempt is counted, if the count can be written.
            return Retry(describe(error))
        case DatabaseUnavailable() | BrokerUnavailable():
            return Wait(one_line(str(error)))
        case UnstorableData():
            return DeadLetter(BAD_DATA, one_line(str(error)))
        case _:
            return Retry(describe(error))


def is_connection_lost(error: Exception) -> bool:
    """Return whether the connection to the database broke, which a packet that is too large for the server causes too."""
    return isinstance(error, DatabaseUnavailable) and error.kind is Kind.LOST


def give_up_after_attempts(attempts: int, detail: str) -> DeadLetter:
    """Return the dead letter of a message that failed too often."""
    return DeadLetter(FAILED_TOO_OFTEN, f"{attempts} attempts; the last: {detail}")


def give_up_after_deaths(deaths: int) -> DeadLetter:
    """Return the dead letter of a message that ended its worker too often."""
    return DeadLetter(
        KILLED_WORKER, f"ended its worker {deaths} times: the process ended while it handled only this message"
    )


def backoff_s(attempts: int) -> float:
    """Return the backoff after this many failed attempts, in seconds."""
    return BACKOFF_S[min(max(attempts, 1), len(BACKOFF_S)) - 1]


def describe(error: BaseException) -> str:
    """Return type and text of an exception on one line that any database can store, even if its own text fails."""
    try:
        text = str(error)
    except Exception as broken:
        text = f"its text is not available ({type(broken).__name__})"
    return one_line(f"{type(error).__name__}: {text}"[:2000])
