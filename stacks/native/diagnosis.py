"""Find why the source does not read, and what cures it, from the error that Pulsar or the source's log shows.

The causes are data: each has the words of Debezium, MySQL or Pulsar by which it is recognised, a sentence, and a cure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from domain.message import Message
from settings import Settings

LOG_BYTES = 256 * 1024
"""How much of the end of the source's log is read: more than the longest trace of one failure."""
SHOWN_CHARACTERS = 300
"""Of an error; a statement in it may be long."""
FAILURE = "Uncaught exception in Java Instance"
"""In the line of Pulsar's log above the trace of the exception that ended the source."""
CAUSED_BY = "Caused by: "
REFUSED_MESSAGE = "InvalidMessageException"
"""In a line above that trace, when the broker does not accept a message; the trace says only that the flush failed."""
LINES_ABOVE = 80
ENTRY = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
"""The beginning of an entry of the log, of Pulsar or of Debezium Server; what follows up to the next one is a trace."""


class Cure(StrEnum):
    RESTART = "restart"
    RESNAPSHOT = "resnapshot"
    """Forget offsets and schema history, so that the source takes a new snapshot."""
    CREATE = "create"
    """Of a source that does not exist."""
    BY_HAND = "none"
    """Only somebody else than the source can remove the cause."""


@dataclass(frozen=True, slots=True)
class Cause:
    code: str
    cure: Cure
    sentence: Message
    signs: tuple[str, ...]
    """Words of which each shows this cause; compared without regard to case."""
    advice: Message
    """What to do when the watcher does not cure it; contains a command."""


_RESTART = Message("advice.restart")
_RESNAPSHOT = Message("advice.resnapshot")

CAUSES = (
    Cause(
        "history_gone",
        Cure.RESNAPSHOT,
        Message("cause.history_gone"),
        (
            "db history topic is missing",
            "db history topic or its content is fully or partially missing",
            "unable to read object content",
            "jsoneofexception",
            "jsonparseexception",
        ),
        _RESNAPSHOT,
    ),
    Cause(
        "position_gone",
        Cure.RESNAPSHOT,
        Message("cause.position_gone"),
        (
            "position > file size",
            "no longer available on the server",
            "could not find first log file name",
            "bogus data in log event",
            "truncated in the middle of event",
            "impossible position",
        ),
        _RESNAPSHOT,
    ),
    Cause(
        "position_unreadable",
        Cure.RESNAPSHOT,
        Message("cause.position_unreadable"),
        ("streamcorruptedexception", "invalid stream header", "optionaldataexception"),
        _RESNAPSHOT,
    ),
    Cause(
        "unparseable",
        Cure.BY_HAND,
        Message("cause.unparseable"),
        ("ddl statement couldn't be parsed",),
        Message("advice.create"),
    ),
    Cause(
        "oversized",
        Cure.BY_HAND,
        Message("cause.oversized"),
        ("invalidmessageexception",),
        Message("advice.oversized"),
    ),
    Cause(
        "refused",
        Cure.BY_HAND,
        Message("cause.refused"),
        ("access denied for user", "using password: yes"),
        Message("advice.refused"),
    ),
    Cause(
        "privileges",
        Cure.BY_HAND,
        Message("cause.privileges"),
        ("you need (at least one of) the", "access denied; you need", "command denied to user"),
        Message("advice.privileges"),
    ),
    Cause(
        "binlog_unfit",
        Cure.BY_HAND,
        Message("cause.binlog_unfit"),
        (
            "not configured to use a row binlog_format",
            "not configured to use a full binlog_row_image",
            "binary logging is not enabled",
            "not using binary logging",
        ),
        Message("advice.doctor"),
    ),
    Cause(
        "other_reader",
        Cure.BY_HAND,
        Message("cause.other_reader"),
        ("same server_uuid/server_id",),
        Message("advice.other_reader"),
    ),
    Cause(
        "unreachable",
        Cure.RESTART,
        Message("cause.unreachable"),
        ("communications link failure", "connection refused", "unable to connect to the mysql", "failed to connect"),
        _RESTART,
    ),
    Cause(
        "connection_lost",
        Cure.RESTART,
        Message("cause.connection_lost"),
        ("eofexception: failed to read", "connection reset", "broken pipe"),
        _RESTART,
    ),
)
OTHER_SERVER = Cause("other_server", Cure.RESNAPSHOT, Message("cause.other_server"), (), _RESNAPSHOT)
"""Recognised by the server's id, not by an error."""
OLDER_BINLOG = Cause("older_binlog", Cure.RESNAPSHOT, Message("cause.older_binlog"), (), _RESNAPSHOT)
"""Recognised by the end of the binlog, not by an error."""
NO_PROGRESS = Cause("no_progress", Cure.RESTART, Message("cause.no_progress"), (), _RESNAPSHOT)
"""The source runs, names no error, and does not read what waits."""
READER_GONE = Cause("reader_gone", Cure.RESTART, Message("cause.connection_lost"), (), _RESTART)
"""Recognised by the server, which has no reader of the binlog any more."""
UNKNOWN = Cause("unknown", Cure.RESTART, Message("cause.unknown"), (), _RESNAPSHOT)
BY_CODE = {cause.code: cause for cause in (*CAUSES, OTHER_SERVER, OLDER_BINLOG, NO_PROGRESS, READER_GONE, UNKNOWN)}
OF_CONNECTIONS = ("unreachable", "connection_lost", "reader_gone")
"""Codes of the causes that have passed once MySQL answers: a restart cures them at once."""
UNCERTAIN = (NO_PROGRESS, UNKNOWN)
"""Causes for which a new snapshot is tried when restarts did not help."""


def find_cause(error: str) -> Cause:
    """Return the cause that an error shows; UNKNOWN where no sign is in it."""
    text = error.casefold()
    return next((cause for cause in CAUSES if any(sign in text for sign in cause.signs)), UNKNOWN)


def describe_error(settings: Settings, error: str) -> str:
    """Return the error of a source that does not run, in one line.

    Pulsar's status often names only the outermost exception. The causes below it are in the source's log, where it is a file here.
    """
    chain = [error, *read_failure(settings)]
    telling = next((line for line in chain if find_cause(line) is not UNKNOWN), None)
    innermost = telling if telling is not None else chain[-1]
    return innermost.strip()[:SHOWN_CHARACTERS]


def read_failure(settings: Settings) -> list[str]:
    """Return the messages of the exceptions that ended the source last, the outermost first; empty where its log is not here."""
    try:
        with (settings.logs / "source.log").open("rb") as log:
            log.seek(max(0, log.seek(0, 2) - LOG_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return _find_last_chain(lines)


def _find_last_chain(lines: list[str]) -> list[str]:
    start = next((number for number in range(len(lines) - 1, -1, -1) if FAILURE in lines[number]), None)
    if start is None:
        return []
    end = next((number for number in range(start + 1, len(lines)) if ENTRY.match(lines[number])), len(lines))
    trace = lines[start + 1 : end]
    refused_messages = [line for line in lines[max(0, start - LINES_ABOVE) : start] if REFUSED_MESSAGE in line]
    return refused_messages[-1:] + [
        line for number, line in enumerate(trace) if number == 0 or line.startswith(CAUSED_BY)
    ]
