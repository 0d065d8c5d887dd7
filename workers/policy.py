"""What a consumer does with a message that it cannot process. One policy for all of them.

Every exception is one of two. *What the message depends on is away*: everything waits, in order, and nothing is counted.
Or *this message failed*: the attempt is counted, it is tried again after a pause, and after `ATTEMPTS` it is dead-lettered
and the messages behind it go on. An exception that nobody knows is of the second kind; none ends the process.

A message that ends the process itself is counted by `workers.handling`: after `DEATHS` it is dead-lettered too.
"""

from __future__ import annotations

from connectors.broker import BrokerUnavailable
from db.error_codes import Kind
from db.errors import DatabaseUnavailable, UnstorableData
from telemetry.logs import one_line
from workers.outcome import DeadLetter, Retry, Wait

ATTEMPTS = 5
BACKOFF_S = (0.05, 0.1, 0.2, 0.4)
DEATHS = 3
LOSSES = 10
"""So often in a row may the connection break at one message, although the database answers in between. A packet that
the server finds too large looks like that, and nothing else tells it from a lost connection."""
AGAIN_S = 0.2
"""Between two looks at whether what is away is back."""

FAILED_TOO_OFTEN = "failed_too_often"
KILLED_WORKER = "killed_worker"
BAD_DATA = "bad_data"


def judge(error: Exception) -> Wait | Retry | DeadLetter:
    """What an exception that was raised while a message was handled means for the message."""
    match error:
        case DatabaseUnavailable(kind=Kind.UNKNOWN):
            # The server gave a number that no table knows. To wait could last for ever and stop every other message; a
            # dead letter keeps the message and can be sent again. So it is counted, where the count can be written.
            return Retry(describe(error))
        case DatabaseUnavailable() | BrokerUnavailable():
            return Wait(one_line(str(error)))
        case UnstorableData():
            return DeadLetter(BAD_DATA, one_line(str(error)))
        case _:
            return Retry(describe(error))


def exhausted(attempts: int, detail: str) -> DeadLetter:
    return DeadLetter(FAILED_TOO_OFTEN, f"{attempts} attempts; the last: {detail}")


def killed(deaths: int) -> DeadLetter:
    return DeadLetter(KILLED_WORKER, f"killed its worker {deaths} times: the process ended while it handled only this")


def pause_s(attempts: int) -> float:
    """How long to wait after so many failed attempts."""
    return BACKOFF_S[min(max(attempts, 1), len(BACKOFF_S)) - 1]


def describe(error: BaseException) -> str:
    """Type and text on one line, storable in any database, whatever the exception's own text does."""
    try:
        text = str(error)
    except Exception as broken:
        text = f"its text cannot be had ({type(broken).__name__})"
    return one_line(f"{type(error).__name__}: {text}"[:2000])
