"""A private instance has ports and settings of its own, also where the environment names others."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scenarios import end_to_end
from settings import Settings


@pytest.mark.parametrize("fails", [False, True])
def test_what_it_is_given_is_not_overridden_by_the_environment_of_its_processes(
    fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, Any]] = []

    def up(stack: Any, home: Path, _: Any, **changes: Any) -> Any:
        started.append({"port": changes["api_port"], "workers": changes["workers"], "environment": dict(os.environ)})
        return SimpleNamespace(settings=Settings(home=home, stack=stack))

    monkeypatch.setattr("stacks.instance.up", up)
    monkeypatch.setattr("stacks.instance.down", lambda *_: None)
    monkeypatch.setattr("stacks.instance.remove", lambda *_: None)
    for name, value in {"ALPES_API_PORT": "5002", "ALPES_WORKERS": "7", "ALPES_LOG_LEVEL": "debug"}.items():
        monkeypatch.setenv(name, value)
    try:
        with end_to_end.running("embedded", private=True, workers=2):
            assert "ALPES_API_PORT" not in os.environ
            if fails:
                raise InterruptedError
    except InterruptedError:
        assert fails
    assert started[0]["port"] != 5002
    assert started[0]["workers"] == 2
    assert {"ALPES_API_PORT", "ALPES_WORKERS"}.isdisjoint(started[0]["environment"])
    assert started[0]["environment"]["ALPES_LOG_LEVEL"] == "debug"
    assert (os.environ["ALPES_API_PORT"], os.environ["ALPES_WORKERS"]) == ("5002", "7")
