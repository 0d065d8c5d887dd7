"""What the user wants of the source: to run, to be stopped, or to be gone. The watcher keeps to it."""

from __future__ import annotations

from typing import Literal

from settings import Settings

Intent = Literal["run", "stopped", "deleted"]


def read(settings: Settings) -> Intent:
    try:
        text = (settings.run / "source.intent").read_text(encoding="utf-8").strip()
    except OSError:
        return "run"
    return "stopped" if text == "stopped" else "deleted" if text == "deleted" else "run"


def said_at(settings: Settings) -> float:
    """When it was said last, seconds since the epoch; 0 when never."""
    try:
        return (settings.run / "source.intent").stat().st_mtime
    except OSError:
        return 0.0


def write(settings: Settings, intent: Intent) -> None:
    settings.run.mkdir(parents=True, exist_ok=True)
    (settings.run / "source.intent").write_text(intent, encoding="utf-8")
