"""Provide the API on an empty database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from application import Application
from db.engine import connect
from db.migrate import upgrade
from settings import Settings


@pytest.fixture
def application(tmp_path: Path) -> Application:
    settings = Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path / 'a.db'}")
    engine = connect(settings.database_url)
    upgrade(engine)
    engine.dispose()
    return Application(settings)


@pytest.fixture
def http(application: Application) -> Iterator[TestClient]:
    with TestClient(create_app(application), raise_server_exceptions=False) as client:
        yield client
