"""Provide what several unit tests need: a database with the newest schema, an audit file, retries without a pause."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.engine import connect
from db.migrate import upgrade
from tests.instances import Instance
from tests.unit.audited import Audited
from tests.unit.trials import UnitTrial
from workers import policy


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a database with the newest schema. Tests copy it, because the migrations take longer than most tests."""
    path = tmp_path_factory.mktemp("schema") / "empty.db"
    engine = connect(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    assert not path.with_name("empty.db-wal").exists()  # the copied file has everything
    return path


@pytest.fixture
def engine(empty_database: Path, tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{shutil.copy(empty_database, tmp_path / 'test.db')}")
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


@pytest.fixture
def trial(empty_database: Path, tmp_path: Path) -> Iterator[UnitTrial]:
    (tmp_path / "data").mkdir()
    shutil.copy(empty_database, tmp_path / "data" / "alpes.db")
    instance = Instance(tmp_path, migrated=True)
    trial = UnitTrial(instance)
    yield trial
    trial.close()
    instance.close()
