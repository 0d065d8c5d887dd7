"""Test what is checked before an instance starts: an error then says what is in the way, and what to do."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from settings import Settings
from stacks import preconditions
from stacks.processes import free_port
from stacks.resolving import StartFailed


@pytest.fixture
def startable(tmp_path: Path) -> Settings:
    """Settings of an instance that nothing keeps from starting."""
    return Settings(
        home=tmp_path,
        stack="embedded",
        audit_dir=tmp_path / "audit",
        api_port=free_port(),
        dashboard_port=free_port(),
        broker_port=free_port(),
    )


def test_nothing_is_in_the_way_of_a_new_instance(startable: Settings) -> None:
    preconditions.check(startable)
    startable.audit_file.touch()
    preconditions.check(startable)


def test_a_taken_port_is_named_with_the_setting_that_changes_it(startable: Settings) -> None:
    held = rf"port {startable.api_port} .* ALPES_API_PORT="
    with (
        socket.create_server((startable.bind, startable.api_port)),
        pytest.raises(StartFailed, match=held) as raised,
    ):
        preconditions.check(startable)
    assert "dashboard_port" not in str(raised.value)


def test_a_folder_in_the_place_of_the_audit_file_stays_and_is_named(startable: Settings) -> None:
    startable.audit_file.mkdir(parents=True)
    with pytest.raises(StartFailed, match=r"events.jsonl is not a file.*Move it away.*ALPES_AUDIT_DIR"):
        preconditions.check(startable)
    assert startable.audit_file.is_dir()


def test_a_file_in_the_place_of_the_audit_folder_is_named(startable: Settings) -> None:
    assert startable.audit_dir is not None
    startable.audit_dir.write_text("somebody's")
    with pytest.raises(StartFailed, match=r"folder of the audit file cannot be made.*ALPES_AUDIT_DIR"):
        preconditions.check(startable)
    assert startable.audit_dir.read_text() == "somebody's"


@pytest.mark.parametrize("is_there", [True, False])
def test_an_audit_file_that_cannot_be_written_is_named(
    startable: Settings, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    """But not on compose, where another user writes it. Root may write everything, so the refusal is pretended."""
    if is_there:
        startable.audit_file.parent.mkdir()
        startable.audit_file.touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(StartFailed, match=r"cannot be written.*ALPES_AUDIT_DIR"):
        preconditions.check(startable)
    compose = startable.model_copy(update={"stack": "compose"})
    monkeypatch.setattr(preconditions, "_require_free_ports", lambda settings: None)
    preconditions.check(compose)
