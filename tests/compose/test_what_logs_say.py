"""What a person reads in the containers' logs: no noise of routine, no password, a line for each notification."""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from application import Application
from db import migrate
from db.engine import connect
from settings import Settings
from stacks.compose import broker_files
from stacks.native import pulsar


def test_a_readiness_check_says_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    engine = connect(f"sqlite:///{tmp_path / 'a.db'}")
    migrate.upgrade(engine)
    assert any("Running upgrade" in record.message for record in caplog.records), "a migration is news"
    caplog.clear()
    for _ in range(3):
        with engine.connect() as connection:
            assert migrate.revision(connection) == migrate.newest()
    assert [record.message for record in caplog.records] == []


def test_the_brokers_log_masks_passwords_as_the_native_one_does() -> None:
    ours = pulsar.configuration("log4j2.xml", broker_files.VALUES)
    pattern = re.search(r"%replace\{%msg%n%throwable\}\{(.+?)\}\{\$1\*\*\*\}", ours)
    assert pattern is not None
    assert ours.count(pattern[0]) == ours.count("<PatternLayout") == 2
    assert "${" not in ours
    assert f'fileName="{broker_files.HOME}/logs/functions/public/default/' in ours
    assert f"PULSAR_LOG_CONF={broker_files.HOME}/alpes/log4j2.xml" in broker_files.start_script()


def test_a_part_that_cannot_be_controlled_from_a_container_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API in its container has the control token and no `docker`."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("docker") is None
    settings = Settings(
        home=tmp_path, stack="compose", control_token="token", database_url=f"sqlite:///{tmp_path / 'a.db'}"
    )
    with TestClient(create_app(Application(settings)), base_url="http://127.0.0.1:5001") as client:
        for action in ("kill", "restart"):
            answer = client.post(f"/control/parts/api/{action}", headers={"Authorization": "Bearer token"})
            assert answer.status_code == 503
            assert "do it from the host" in answer.json()["detail"]
