"""part, migrate, download, source render and the containers' health check: what `up` does, step by step."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect

from db import users
from db.engine import connect
from scenarios.waiting import until
from settings import Settings, load
from settings.model import REPOSITORY
from stacks import migration, source_control
from stacks.compose import model
from stacks.part_health import check_worker
from workers.heartbeat import Heartbeat, read_heartbeat


def alpes(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **env}
    words = (sys.executable, "-m", "cli", *words)
    return subprocess.run(words, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)


def looked_at(part: str, home: Path, **env: str) -> str | None:
    """What the container's health check says of a part, run as Docker runs it; None when it is healthy."""
    words = model.demo()["services"][part]["healthcheck"]["test"]
    assert words[:2] == ["CMD", "/opt/venv/bin/python"]
    environment = {**os.environ, "ALPES_HOME": str(home), **env}
    done = subprocess.run([sys.executable, *words[2:]], cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    said = done.stdout.strip().removeprefix(f"{part}: ")
    assert (done.returncode == 0) == (said == "healthy"), done
    return None if said == "healthy" else said


def test_migrate_makes_the_schema_and_again_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'alpes.db'}"
    for _ in range(2):
        done = alpes("migrate", "--json", ALPES_HOME=str(tmp_path), ALPES_DATABASE_URL=url)
        assert (done.returncode, json.loads(done.stdout)["ok"]) == (0, True)
    engine = connect(url)
    assert {"commission", "outbox_event", "notification"} <= set(inspect(engine).get_table_names())
    engine.dispose()


def test_migrate_without_a_database_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(migration.NoDatabase, match="ALPES_DATABASE_ADMIN_URL"):
        migration.migrate(Settings(home=tmp_path), print)


def test_a_part_runs_in_the_foreground_and_stops_on_a_signal(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'alpes.db'}"
    env = {"ALPES_HOME": str(tmp_path), "ALPES_DATABASE_URL": url, "PYTHONPATH": str(REPOSITORY)}
    assert alpes("migrate", **env).returncode == 0
    running = subprocess.Popen(
        [sys.executable, "-m", "cli", "part", "audit"],
        cwd=REPOSITORY,
        env=os.environ | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    settings = load(home=tmp_path)
    until(lambda: looked_at("audit", tmp_path) is None, 30, "the audit worker is healthy")
    found = read_heartbeat(settings, "audit")
    assert found is not None
    assert found.pid == running.pid  # it became the part: signals reach it, no process stands between
    running.send_signal(signal.SIGTERM)
    output, _ = running.communicate(timeout=20)
    assert running.returncode == 0
    assert "stopped" in output


def test_an_unknown_part_names_those_there_are(tmp_path: Path) -> None:
    done = alpes("part", "nothing", ALPES_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "notifications" in done.stderr


def test_download_refuses_what_is_not_locked(tmp_path: Path) -> None:
    done = alpes("download", "nar-9.9.9", ALPES_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "nar-3.1.2" in done.stderr


@pytest.mark.parametrize(("connected", "says"), [(True, None), (False, "it waits for what it depends on")])
def test_a_worker_is_healthy_while_it_writes_heartbeats_and_is_connected(
    connected: bool, says: str | None, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path)
    assert looked_at("observer", tmp_path) == "it has written no heartbeat yet"
    Heartbeat(settings, "observer").beat(connected)
    assert looked_at("observer", tmp_path) == says
    os.utime(settings.run / "heartbeat" / "observer", (0, 0))
    assert "no heartbeat for" in (looked_at("observer", tmp_path) or "")


@pytest.mark.parametrize(
    ("connected", "lives", "light"), [(True, True, "down"), (False, True, "behind"), (False, False, "down")]
)
def test_a_worker_that_tries_long_to_connect_waits_and_is_not_taken_for_dead(
    connected: bool, lives: bool, light: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path)
    Heartbeat(settings, "observer").beat(connected)
    os.utime(settings.run / "heartbeat" / "observer", (0, 0))
    monkeypatch.setattr("psutil.pid_exists", lambda pid: lives)
    assert check_worker(settings, "observer").light == light


def test_an_api_that_does_not_answer_is_not_well(tmp_path: Path) -> None:
    assert "does not answer" in (looked_at("api", tmp_path, ALPES_API_PORT="1") or "")


def test_the_rendered_source_is_for_its_group_only(tmp_path: Path) -> None:
    path = tmp_path / "made" / "source.json"
    archive = "file:///pulsar/nars/pulsar-io-debezium-mysql-4.0.8.nar"
    settings = Settings(
        stack="compose",
        home=tmp_path,
        debezium_password='pass"word',
        debezium_broker_url="pulsar://localhost:6650",
        source_archive=archive,
    )
    source_control.write_configuration(settings, path)
    source_control.write_configuration(settings, path)
    found = json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o640
    assert found["archive"] == archive
    assert found["configs"]["database.password"] == 'pass"word'
    assert found["configs"]["database.history.pulsar.service.url"] == "pulsar://localhost:6650"


def test_secrets_come_from_files_below_what_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "alpes_database_url").write_text("mysql+pymysql://alpes:from-file@mysql:3306/alpes\n")
    (secrets / "alpes_debezium_password").write_text("kept-in-a-file\n")
    monkeypatch.setenv("ALPES_SECRETS_DIR", str(secrets))
    found = load(home=tmp_path)
    assert found.database_url == "mysql+pymysql://alpes:from-file@mysql:3306/alpes"
    assert found.debezium_password.get_secret_value() == "kept-in-a-file"
    assert "kept-in-a-file" not in repr(found)
    monkeypatch.setenv("ALPES_DATABASE_URL", "sqlite:///here.db")
    assert load(home=tmp_path).database_url == "sqlite:///here.db"
    Settings(home=tmp_path, database_url="sqlite:///saved.db").save()
    monkeypatch.delenv("ALPES_DATABASE_URL")
    assert "from-file" in load(home=tmp_path).database_url  # a file of now comes before what an earlier start saved


@pytest.mark.parametrize("password", ["", "it's", "a;b", 'quo"te', "back\\slash"])
def test_a_password_that_could_end_its_string_is_refused(password: str) -> None:
    with pytest.raises(users.PasswordUnfit, match="worker_password"):
        users.render_script(users.Passwords("r", "a", "b", password, "d"))
