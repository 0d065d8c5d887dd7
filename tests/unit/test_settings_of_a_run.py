"""Test that settings of the environment are valid for one run, and that explicit options are kept and shown."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from settings import Settings, files, load
from stacks import instance, resolving
from stacks.instance import Started
from stacks.resolving import resolve

FOREIGN = {
    "ALPES_BIND": "0.0.0.0",
    "ALPES_PART_MODULES": '{"notifications": "my_worker"}',
    "ALPES_READ_ONLY": "true",
    "ALPES_API_TOKEN": "t0ken",
    "ALPES_WITHOUT": '["dashboard"]',
    "ALPES_API_RATE_LIMIT": "5/minute",
    "ALPES_API_PORT": "7001",
    "ALPES_WORKERS": "3",
}


def differing(settings: Settings, other: Settings) -> set[str]:
    return {name for name, value in settings.to_json_values().items() if other.to_json_values()[name] != value}


@pytest.mark.parametrize("stack", ["embedded", "native"])
def test_a_setting_of_the_environment_is_gone_at_the_next_start(
    stack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = resolve(stack, tmp_path)
    for name, value in FOREIGN.items():
        monkeypatch.setenv(name, value)
    resolve(stack, tmp_path)
    for name in FOREIGN:
        monkeypatch.delenv(name)
    # The processes of that run, and commands from another terminal, have its settings.
    during = load(home=tmp_path)
    assert (during.bind, during.api_port, during.workers, during.read_only) == ("0.0.0.0", 7001, 3, True)
    assert during.part_modules == {"notifications": "my_worker"}
    shown = resolving.origins(during).of_this_run
    assert shown.keys() == {name.removeprefix("ALPES_").lower() for name in FOREIGN}
    assert shown["api_token"] == "(secret)"
    assert "0.0.0.0" not in (tmp_path / files.INSTANCE).read_text()
    # A plain start afterwards is as if it had never been said, with the secrets of the first.
    assert differing(resolve(stack, tmp_path), plain) == set()
    assert resolving.origins(load(home=tmp_path)).of_this_run == {}


def test_a_restart_of_the_same_run_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPES_API_PORT", "7001")
    resolve("embedded", tmp_path)
    monkeypatch.delenv("ALPES_API_PORT")
    assert resolve("embedded", tmp_path, go_on=True).api_port == 7001
    assert resolving.origins(load(home=tmp_path)).of_this_run == {"api_port": 7001}
    assert resolve("embedded", tmp_path).api_port == 5001


def test_options_are_kept_until_they_are_changed_back(tmp_path: Path) -> None:
    resolve("native", tmp_path, workers=2, partitions=4, nar="3.1.2")
    again = resolve("native", tmp_path)
    assert (again.workers, again.partitions, again.nar) == (2, 4, "3.1.2")
    kept = resolving.origins(again).kept
    assert {name: kept[name] for name in ("workers", "partitions", "nar")} == {
        "workers": 2,
        "partitions": 4,
        "nar": "3.1.2",
    }
    resolve("native", tmp_path, workers=1, partitions=0)
    assert resolving.origins(load(home=tmp_path)).kept.keys() & {"workers", "partitions", "nar"} == {"nar"}


def test_no_secret_is_shown(tmp_path: Path) -> None:
    settings = resolve("native", tmp_path)
    shown = json.dumps(resolving.origins(settings).kept)
    for name in ("control_token", "debezium_password"):
        assert f'"{name}": "(secret)"' in shown
        assert getattr(settings, name).get_secret_value() not in shown


def test_a_secret_of_the_environment_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPES_CONTROL_TOKEN", "of-this-run")
    resolve("embedded", tmp_path)
    monkeypatch.delenv("ALPES_CONTROL_TOKEN")
    assert resolve("embedded", tmp_path).control_token.get_secret_value() not in ("", "of-this-run")


def test_only_secrets_and_options_are_read_from_a_file_of_an_earlier_version(tmp_path: Path) -> None:
    earlier = {**Settings(home=tmp_path, stack="native").to_json_values(), "home": str(tmp_path)}
    url = "mysql+pymysql://alpes:secret@0.0.0.0:13306/alpes"
    earlier |= {"bind": "0.0.0.0", "read_only": True, "control_token": "hush", "database_url": url, "workers": 2}
    (tmp_path / files.INSTANCE).write_text(json.dumps(earlier))
    settings = resolve("native", tmp_path)
    assert (settings.bind, settings.read_only, settings.workers) == ("127.0.0.1", False, 2)
    assert settings.control_token.get_secret_value() == "hush"
    assert settings.database_url == "mysql+pymysql://alpes:secret@127.0.0.1:13306/alpes"


@pytest.mark.parametrize("text", ["{", "[]", "7"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / files.INSTANCE).write_text(text)
    with pytest.raises(files.SettingsDamaged, match=r"instance\.json is damaged"):
        load(home=tmp_path)


@pytest.mark.parametrize("spelled", [str.upper, str.lower])
@pytest.mark.parametrize("name", FOREIGN)
def test_the_environment_of_a_command_does_not_change_a_run_that_goes_on(
    name: str, spelled: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALPES_LOG_FORMAT", "json")
    before = resolve("embedded", tmp_path, workers=2)
    monkeypatch.delenv("ALPES_LOG_FORMAT")
    monkeypatch.setenv(spelled(name), FOREIGN[name])
    environment = dict(os.environ)
    seen: list[Settings] = []
    inherited: list[dict[str, str]] = []

    def start(settings: Settings, *_: object) -> Started:
        seen.append(settings)
        inherited.append(dict(os.environ))
        return Started(settings, 0.0)

    monkeypatch.setattr(instance, "_start_locked", start)
    instance.up("embedded", tmp_path, lambda _: None, go_on=True)
    assert differing(seen[0], before) == set()
    assert spelled(name) not in inherited[0]
    assert dict(os.environ) == environment
    monkeypatch.delenv(spelled(name))
    assert differing(load(home=tmp_path), before) == set()
    assert resolving.origins(load(home=tmp_path)).of_this_run == {"log_format": "json"}


def test_secrets_in_a_folder_do_not_change_a_run_that_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = resolve("embedded", tmp_path / "home")
    (tmp_path / "alpes_control_token").write_text("of-the-command")
    monkeypatch.setenv("ALPES_SECRETS_DIR", str(tmp_path))
    monkeypatch.setattr(instance, "_start_locked", lambda settings, *_: Started(settings, 0.0))
    started = instance.up("embedded", tmp_path / "home", lambda _: None, go_on=True)
    assert started.settings.control_token == before.control_token


@pytest.mark.parametrize("stack", ["embedded", "native"])
def test_a_secret_of_the_environment_is_not_kept_when_the_run_goes_on(
    stack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "control_token": "of-this-run",
        "database_url": "mysql+pymysql://alpes:of-this-run@127.0.0.1:13306/alpes",
        "debezium_password": "of-this-run",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(f"ALPES_{name.upper()}", value)
    resolve(stack, tmp_path)
    for name in secrets:
        monkeypatch.delenv(f"ALPES_{name.upper()}")
    resolve(stack, tmp_path, go_on=True)
    assert "of-this-run" not in (tmp_path / files.INSTANCE).read_text()
