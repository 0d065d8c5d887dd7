"""A capture that is a component is restarted as such, and has nothing to stop beside the component that is held."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from settings import Settings
from stacks import debezium_server, faults
from stacks.captures import capture_of
from stacks.process_capture import ProcessCapture


@pytest.mark.parametrize(
    ("stack", "capture", "component"), [("embedded", "", "relay"), ("native", "debezium-server", "debezium")]
)
def test_it_is_restarted_as_a_component(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: str, capture: str, component: str
) -> None:
    restarted: list[str] = []
    monkeypatch.setattr(faults, "restart", lambda _, part: restarted.append(part))
    monkeypatch.setattr(debezium_server, "control", lambda _: SimpleNamespace(restart_part=restarted.append))
    controlled = capture_of(Settings(home=tmp_path, stack=stack, capture=capture))
    assert isinstance(controlled, ProcessCapture)
    assert controlled.actions == ("restart",)
    controlled.act("restart")
    controlled.stop()
    controlled.start()
    assert restarted == [component]
