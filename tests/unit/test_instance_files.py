"""Test the files of settings, leases and the gate, and the source's configuration."""

from __future__ import annotations

import hashlib
import json
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from application import leases
from connectors import source
from settings import Settings, files, load
from stacks import faults
from stacks.native import artifacts
from stacks.supervisor import GATE

FOR_EVER = 1e12
"""Seconds since the epoch."""


def test_arguments_have_priority_over_the_environment_and_this_over_the_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(home=tmp_path, api_port=7001, mysql_port=7002, broker_port=7003).save()
    monkeypatch.setenv("ALPES_MYSQL_PORT", "8002")
    monkeypatch.setenv("ALPES_BROKER_PORT", "8003")
    settings = load(home=tmp_path, broker_port=9003)
    assert (settings.api_port, settings.mysql_port, settings.broker_port, settings.dashboard_port) == (
        7001,
        8002,
        9003,
        8501,
    )


def test_secrets_are_kept_for_the_owner_alone_and_not_shown(tmp_path: Path) -> None:
    load(home=tmp_path, control_token=SecretStr("hush")).save()
    files.keep(tmp_path, {"oidc_cookie_secret": "quiet"})
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in (files.INSTANCE, files.RUN)} == {0o600}
    settings = load(home=tmp_path)
    assert settings.control_token.get_secret_value() == "hush"
    assert "hush" not in repr(settings)


def test_a_setting_that_is_not_allowed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPES_WORKERS", "many")
    with pytest.raises(ValidationError, match="workers"):
        load()


@pytest.mark.parametrize("number", ["80000", "-1", "http"])
def test_a_number_that_no_port_has_is_named(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPES_API_PORT", number)
    with pytest.raises(ValidationError, match="api_port"):
        load()


def test_the_seeds_connector_is_read_from_the_raw_topic() -> None:
    assert Settings(stack="native", nar="3.1.2").topics.events.endswith("/alpes-mysql.alpes.outbox_event")
    assert Settings(stack="native", nar="4.0.8").topics.events.endswith("/outbox-events")


def test_a_lease_holds_until_it_expires_or_is_released(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    leases.grant(settings, "broker", "kill", 60)
    leases.grant(settings, "relay", "kill", 0)
    assert set(faults.active(settings)) == {"broker"}
    faults.release(settings, "broker")
    assert faults.active(settings) == {}


def test_a_damaged_lease_holds_nothing(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    path = faults.lease_file(settings, "broker")
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert faults.active(settings) == {}


def gate(folder: Path) -> subprocess.Popen[str]:
    part = {
        "name": "relay", "lease": str(folder / "lease.json"), "operation": str(folder / "operation.json"),
        "argv": [sys.executable, "-c", "import os; print(os.getcwd(), os.environ['WORD'])"], "cwd": str(folder),
        "env": {"WORD": "through"},
    }  # fmt: skip
    (folder / "part.json").write_text(json.dumps(part))
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(GATE), str(folder / "part.json")], stdout=subprocess.PIPE, text=True
    )


def test_the_gate_lets_through_without_a_lease(tmp_path: Path) -> None:
    assert gate(tmp_path).communicate(timeout=20)[0] == f"{tmp_path} through\n"


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("lease.json", {"expires_at": FOR_EVER}),
        ("operation.json", {"parts": ["broker", "relay"], "holds_until": FOR_EVER}),
        ("operation.json", {"parts": ["relay"], "holds_until": None}),
    ],
)
def test_the_gate_waits_until_what_holds_the_part_is_gone(tmp_path: Path, name: str, held: dict[str, object]) -> None:
    (tmp_path / name).write_text(json.dumps(held))
    process = gate(tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.5)
    (tmp_path / name).unlink()
    assert process.communicate(timeout=20)[0] == f"{tmp_path} through\n"


@pytest.mark.parametrize(
    "journal",
    [
        '{"parts": ["relay"], "holds_until": 1.0}',
        '{"parts": ["broker"], "holds_until": null}',
        "{",
        "[]",
        '{"parts": 1}',
    ],
)
def test_an_operation_that_holds_nothing_or_no_longer_lets_through(tmp_path: Path, journal: str) -> None:
    (tmp_path / "operation.json").write_text(journal)
    assert gate(tmp_path).communicate(timeout=20)[0] == f"{tmp_path} through\n"


def test_the_native_sources_configuration_names_its_password_and_the_brokers_environment_holds_it() -> None:
    settings = Settings(stack="native", debezium_password=SecretStr("kept-out"), pulsar_url="pulsar://127.0.0.1:1")
    assert source.render(settings)["configs"]["database.password"] == "${ALPES_DEBEZIUM_PASSWORD}"
    assert "kept-out" not in str(source.render(settings))
    assert source.secrets(settings)["ALPES_DEBEZIUM_PASSWORD"] == "kept-out"


def test_every_value_of_the_sources_configuration_is_text_and_the_password_is_in_it_alone() -> None:
    settings = Settings(
        stack="compose", debezium_password=SecretStr('with "quotes"'), pulsar_url="pulsar://127.0.0.1:1"
    )
    rendered = source.render(settings)
    assert all(isinstance(value, str) for value in rendered["configs"].values())
    assert rendered["configs"]["database.password"] == 'with "quotes"'
    assert "${password}" in source.TEMPLATE.read_text()
    assert rendered["configs"]["database.history"] == "org.apache.pulsar.io.debezium.PulsarDatabaseHistory"


def test_every_artifact_is_locked_with_its_hash() -> None:
    locked = artifacts.read_artifacts(["pulsar", "nar-4.0.8", "nar-3.1.2", "mysql"])
    assert len(locked) == 330
    assert len({artifact.coordinate for artifact in locked}) == 330
    assert all(len(artifact.sha256) == 64 and artifact.size > 0 for artifact in locked)


def test_a_file_with_another_hash_than_the_lock_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPES_CACHE", str(tmp_path))
    (artifact,) = artifacts.read_artifacts(["mysql"])
    forged = tmp_path / "forged.jar"
    forged.write_bytes(b"something else")
    monkeypatch.setattr(artifacts, "resolve", lambda coordinate, folder: forged)
    monkeypatch.setattr(artifacts, "APART_S", 0.0)
    with pytest.raises(artifacts.FetchFailed, match="the lock says"):
        artifacts.download_missing([artifact])
    assert artifacts.find_missing_artifacts([artifact]) == [artifact]
    artifact.path.parent.mkdir(parents=True, exist_ok=True)
    artifact.path.write_bytes(b"put there by hand")
    assert artifacts.find_missing_artifacts([artifact]) == [artifact]


def test_a_file_that_fails_once_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPES_CACHE", str(tmp_path))
    (locked,) = artifacts.read_artifacts(["mysql"])
    artifact = replace(locked, sha256=hashlib.sha256(b"whole").hexdigest(), size=5)
    tries: list[str] = []

    def resolve(coordinate: str, folder: Path) -> Path:
        tries.append(coordinate)
        if len(tries) < artifacts.ATTEMPTS:
            raise artifacts.FetchFailed("the network is away for a moment")
        made = folder / "made.jar"
        made.write_bytes(b"whole")
        return made

    monkeypatch.setattr(artifacts, "resolve", resolve)
    monkeypatch.setattr(artifacts, "APART_S", 0.0)
    artifacts.download_missing([artifact])
    assert artifacts.find_missing_artifacts([artifact]) == []
    assert len(tries) == artifacts.ATTEMPTS


def test_a_file_of_two_groups_is_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPES_CACHE", str(tmp_path))
    (locked,) = artifacts.read_artifacts(["mysql"])
    artifact = replace(locked, sha256=hashlib.sha256(b"whole").hexdigest(), size=5)
    tries: list[str] = []

    def resolve(coordinate: str, folder: Path) -> Path:
        tries.append(coordinate)
        made = folder / "made.jar"
        made.write_bytes(b"whole")
        return made

    monkeypatch.setattr(artifacts, "resolve", resolve)
    artifacts.download_missing([artifact, replace(artifact)])
    assert artifacts.find_missing_artifacts([artifact]) == []
    assert tries == [artifact.coordinate]
