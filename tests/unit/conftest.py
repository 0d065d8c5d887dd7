"""Provide what several unit tests need: a database with the newest schema, an audit file, retries without a pause."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.engine import connect
from db.migrate import upgrade
from tests.unit.audited import Audited
from workers import policy


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path / 'test.db'}")
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def audited(tmp_path: Path) -> Iterator[Audited]:
    audit = Audited(tmp_path)
    audit.add(8)
    audit.projection.step()
    assert audit.is_complete()
    yield audit
    audit.close()


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make held deliveries due immediately, so that no test waits."""
    monkeypatch.setattr(policy, "BACKOFF_S", (0.0,))
    monkeypatch.setattr(policy, "RECHECK_S", 0.0)
