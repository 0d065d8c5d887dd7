"""Test that the verbs which delete an instance or send commands to it ask whether they may."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from application import Application
from application.permissions import Forbidden
from bench.latency import measure_latency, measure_paths
from bench.throughput import measure_throughput
from cli import lifecycle
from settings import Settings, load
from stacks import audit_link, instance, ownership, removal


@pytest.mark.parametrize("stack", ["embedded", "native", "compose", "external"])
@pytest.mark.parametrize(
    ("variables", "is_allowed"),
    [({}, True), ({"ALPES_READ_ONLY": "true"}, False), ({"ALPES_DEMO_CONTROLS": "false"}, False)],
    ids=["demo", "read-only", "no demo"],
)
def test_clean_needs_the_permission_to_reset_where_data_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: str, variables: dict[str, str], is_allowed: bool
) -> None:
    home = tmp_path / "home"
    ownership.claim(ownership.INSTANCE, home)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    load(home=home, stack=stack).save(name.removeprefix("ALPES_").lower() for name in variables)
    for name in variables:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ALPES_HOME", str(home))
    monkeypatch.setattr(audit_link, "remove_link", lambda: None)
    monkeypatch.setattr(removal, "_remove_volumes", lambda _: None)
    stopped: list[str] = []
    monkeypatch.setattr(instance, "down", lambda settings, _say: stopped.append(settings.stack))
    if is_allowed or stack == "external":
        lifecycle.clean(stack=None, downloads=False, yes=True)
        assert not home.exists()
        assert stopped == [stack]
    else:
        with pytest.raises(Forbidden):
            lifecycle.clean(stack=None, downloads=False, yes=True)
        assert (home / "run.json").exists()
        assert stopped == []


@pytest.mark.parametrize(
    "measure",
    [
        lambda settings: measure_latency(settings, 10, {}),
        lambda settings: measure_paths(settings, 10),
        lambda settings: measure_throughput(settings, 10, 1),
    ],
    ids=["latency", "paths", "throughput"],
)
def test_a_measurement_sends_no_commands_to_a_read_only_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measure: Callable[[Settings], object]
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a command was sent")

    monkeypatch.setattr(Application, "send", fail)
    with pytest.raises(Forbidden, match="takes no commands"):
        measure(Settings(home=tmp_path, read_only=True, database_url=f"sqlite:///{tmp_path / 'a.db'}"))
