"""Provide an instance with a database and no process, which every verb finds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from db.engine import connect
from db.migrate import upgrade
from settings import Settings
from stacks import instance
from workers.observer_store import ObserverStore

Found = Callable[[Settings], None]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Found:
    """Return a function that makes verbs find an instance with these settings."""
    return lambda settings: monkeypatch.setattr(instance, "find", lambda _stack: settings)


@pytest.fixture
def settings(tmp_path: Path, found: Found) -> Settings:
    settings = Settings(home=tmp_path, stack="external", database_url=f"sqlite:///{tmp_path / 'test.db'}")
    settings.data.mkdir()
    engine = connect(settings.database_url)
    upgrade(engine)
    engine.dispose()
    ObserverStore(settings.observer_store, write=True).close()
    found(settings)
    return settings


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[], Any]:
    """Return a function that reads the JSON value printed since the last call."""
    return lambda: json.loads(capsys.readouterr().out)
