"""`./alpes … --stack compose`: what it finds out from Docker, and what it says where there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from settings import Settings
from settings.model import REPOSITORY
from stacks import instance, status
from stacks.compose import cli, model, outside
from stacks.compose.cli import DockerUnavailable
from stacks.compose.docker import Docker, service
from tests.contract.test_control import pretend_docker


def alpes(tmp_path: Path, *words: str, path: str = "") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PATH": path or os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}
    env |= {"ALPES_HOME": str(tmp_path / "home")}
    words = (sys.executable, "-m", "cli", *words)
    return subprocess.run(words, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (None, "Install Docker Engine or Docker Desktop"),
        ("echo \"docker: 'compose' is not a docker command.\" >&2; exit 1", "has no `compose`"),
        ("echo 'unknown flag: --file' >&2; exit 125", "has no `compose`"),
        ("echo 'Cannot connect to the Docker daemon at unix:///x' >&2; exit 1", "daemon does not answer"),
        ("echo 'service broken: no such image' >&2; exit 1", "no such image"),
    ],
)
def test_up_without_a_working_docker_says_what_to_do(script: str | None, says: str, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    if script:
        (folder / "docker").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "docker").chmod(0o755)
    done = alpes(
        tmp_path, "up", "--stack", "compose", "--json", path=str(folder) + (":/usr/bin:/bin" if script else "")
    )
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert not answer["ok"]
    assert says in answer["error"]
    assert "Traceback" not in done.stderr


def test_status_and_down_without_docker_are_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for words in (["status", "--stack", "compose", "--json"], ["kill", "broker", "--stack", "compose", "--json"]):
        done = alpes(tmp_path, *words, path=str(tmp_path / "bin"))
        assert done.returncode == 1
        assert "docker" in done.stdout
        assert "Traceback" not in done.stderr
    assert alpes(tmp_path, "down", "--stack", "compose", path=str(tmp_path / "bin")).returncode == 0


def test_the_instance_knows_the_published_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the file's own environments, as `docker compose config` gives them."""
    pretend_docker(tmp_path / "bin", monkeypatch, json.dumps(model.demo()))
    settings = instance.resolve("compose", tmp_path / "home", mysql_port=23306, broker_port=26650, admin_port=28080)
    assert settings.database_url == "mysql+pymysql://alpes:alpes@127.0.0.1:23306/alpes"
    assert settings.database_worker_url.startswith("mysql+pymysql://alpes_worker:")
    assert settings.database_admin_url.startswith("mysql+pymysql://alpes_admin:")
    assert settings.pulsar_url == "pulsar://127.0.0.1:26650"
    assert settings.pulsar_admin_url == "http://127.0.0.1:28080"
    assert (settings.debezium_host, settings.debezium_port) == ("mysql", 3306)
    assert settings.debezium_broker_url == "pulsar://localhost:6650"
    assert settings.source_archive.endswith("/nars/pulsar-io-debezium-mysql-4.0.8.nar")
    assert settings.control_token.get_secret_value()
    assert settings.instance_file.stat().st_mode & 0o077 == 0


def test_a_cluster_has_its_own_file_workers_and_partitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_docker(tmp_path / "bin", monkeypatch, json.dumps(model.cluster()))
    settings = instance.resolve("compose", tmp_path / "home", cluster=True)
    assert (settings.cluster, settings.workers, settings.partitions) == (True, 4, 8)
    assert instance.find("compose", tmp_path / "home").workers == 4
    calls = json.loads(Path(os.environ["FAKE_DOCKER"]).read_text())["calls"]
    assert calls
    assert all("compose.cluster.yml" in " ".join(words) for words in calls)
    single = instance.resolve("compose", tmp_path / "home", cluster=False)
    assert (single.cluster, single.workers, single.partitions) == (False, 1, 0)


def test_only_the_compose_stack_has_a_cluster(tmp_path: Path) -> None:
    done = alpes(tmp_path, "up", "--stack", "native", "--cluster", "--json")
    assert done.returncode == 1
    assert "compose stack only" in done.stdout


@pytest.mark.parametrize(
    ("part", "name"),
    [("notifications-3", "notificaciones-3"), ("broker", "pulsar"), ("broker-1", "broker-1"), ("bookie-2", "bookie-2")],
)
def test_numbered_components_have_services(part: str, name: str) -> None:
    assert service(part) == name


def test_every_value_that_the_file_takes_is_given(tmp_path: Path) -> None:
    given = cli.environment(Settings(stack="compose", home=tmp_path))
    texts = (model.DEMO.read_text(), model.CLUSTER.read_text())
    taken = {match["name"] for text in texts for match in model.VARIABLES.finditer(text)} - {None}
    assert taken == given.keys()


def test_containers_do_not_run_as_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert cli.owner() == cli.UNPRIVILEGED
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    assert cli.environment(Settings(stack="compose", home=tmp_path))["ALPES_UID"] == "1234"


def test_status_shows_the_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers behind them here: the parts are told as down, with their processes and measured memory."""
    pretend_docker(tmp_path / "bin", monkeypatch, json.dumps(model.demo()))
    settings = instance.resolve("compose", tmp_path / "home", mysql_port=1, broker_port=1, admin_port=1)
    docker = Docker(settings)
    docker.start(10)
    try:
        found = status.status(settings)
        broker = next(part for part in found.parts if part.name == "broker")
        assert (found.running, found.ok) == (True, False)
        assert (broker.light, broker.pid, broker.memory_mb) == ("down", docker.pid("broker"), 13.1)
        assert "supervisord" not in {part.name for part in found.parts}
        assert found.versions["database"] == "MySQL"  # one that does not answer has no version
    finally:
        docker.shutdown()


def test_what_docker_refused_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_docker(tmp_path / "bin", monkeypatch)
    with pytest.raises(DockerUnavailable, match="unknown docker command"):
        cli.compose(Settings(stack="compose", home=tmp_path), "frobnicate")


def test_the_folders_of_the_containers_are_made_before_docker_makes_them(tmp_path: Path) -> None:
    settings = Settings(stack="compose", home=tmp_path / "home")
    outside.prepare(settings)
    owner = cli.owner()
    assert [folder.stat().st_uid for folder in (settings.data, settings.run)] == [owner, owner]
