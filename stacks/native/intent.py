"""Store the user's intent for the source: run, stopped or deleted. The watcher respects it."""

from __future__ import annotations

from typing import Literal

from settings import Settings
from settings.shared_files import hand_over

Intent = Literal["run", "stopped", "deleted"]


def read(settings: Settings) -> Intent:
    """Return the intent; `run` if none was stored."""
    try:
        text = (settings.run / "source.intent").read_text(encoding="utf-8").strip()
    except OSError:
        return "run"
    return "stopped" if text == "stopped" else "deleted" if text == "deleted" else "run"


def said_at(settings: Settings) -> float:
    """Return when the intent was stored last, in seconds since the epoch; 0 if never."""
    try:
        return (settings.run / "source.intent").stat().st_mtime
    except OSError:
        return 0.0


def write(settings: Settings, intent: Intent) -> None:
    settings.run.mkdir(parents=True, exist_ok=True)
    file = settings.run / "source.intent"
    file.write_text(intent, encoding="utf-8")
    hand_over(file)
