"""Write logs as text for people, or as one JSON object per line for programs (`ALPES_LOG_FORMAT=json`)."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from datetime import UTC, datetime

from settings import Settings

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def one_line(text: str) -> str:
    """Return the text with line breaks, other control characters and halves of surrogate pairs escaped.

    A log or a dead letter may quote a message. The quoted text must not begin a new line there, and every database and terminal
    must accept it.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


class TextLines(logging.Formatter):
    """Formats each message as one line, and indents the lines of a traceback, so that none looks like a message."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        record.message = one_line(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # noqa: N802
        return "\n".join(f"    {one_line(line)}" for line in super().formatException(ei).splitlines())  # type: ignore[arg-type]


class JsonLines(logging.Formatter):
    """Formats `time` (RFC 3339, UTC), `level`, `logger`, `part`, `message`, and `error` with a traceback if there is one."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "part": self._part,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def configure(settings: Settings, part: str) -> None:
    """Log to standard output, which the supervisor writes to the component's log file."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # half a surrogate pair must not lose the line
    handler = logging.StreamHandler(sys.stdout)
    name = os.environ.get("ALPES_PART", part)
    handler.setFormatter(JsonLines(name) if settings.log_format == "json" else TextLines(TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
