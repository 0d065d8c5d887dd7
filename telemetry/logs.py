"""Logs for people, or one JSON object a line for programs (`ALPES_LOG_FORMAT=json`)."""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime

from settings import Settings

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """`time` (RFC 3339, UTC), `level`, `logger`, `part`, `message`, and `error` with a traceback where there is one."""

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
    """To standard output, which the supervisor writes to the part's log."""
    handler = logging.StreamHandler(sys.stdout)
    name = os.environ.get("ALPES_PART", part)
    handler.setFormatter(JsonLines(name) if settings.log_format == "json" else logging.Formatter(TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
