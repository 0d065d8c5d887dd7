"""Test the verb part: it starts what `up` would start, and refuses what cannot run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from application.components import COMPONENTS
from cli.output import Failed
from cli.parts import download, part
from settings import Settings
from tests.unit.cli.conftest import Found


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr(os, "execve", lambda _path, argv, _env: commands.append(tuple(argv)))
    return commands


def test_a_component_starts_through_the_gate(settings: Settings, executed: list[tuple[str, ...]]) -> None:
    part("audit")
    ((*_, gate, specification),) = executed
    assert gate.endswith("gate.py")
    assert Path(specification).name == "audit.json"


def test_an_unknown_component_is_refused_with_the_names_of_the_others(settings: Settings) -> None:
    with pytest.raises(Failed) as refused:
        part("nothing")
    named = str(refused.value)
    assert all(name in named for name in ("notifications", "observer", "watcher"))
    assert "source" not in named.split("choose one of")[1].split(", ")


def test_only_a_component_that_needs_no_database_starts_without_one(
    tmp_path: Path, found: Found, executed: list[tuple[str, ...]]
) -> None:
    found(Settings(home=tmp_path, stack="external"))
    names = [one.name for one in COMPONENTS.values() if one.module and not one.is_capture]
    part("observer")
    for name in set(names) - {"observer"}:
        with pytest.raises(Failed, match="ALPES_DATABASE_URL"):
            part(name)
    assert len(executed) == 1


def test_an_unknown_download_is_refused_before_anything_is_fetched() -> None:
    with pytest.raises(Failed, match=r"nar-9\.9\.9"):
        download(["nar-9.9.9"])
