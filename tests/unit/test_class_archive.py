"""The archive of the broker's classes makes a start quicker, and never impossible."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from settings import Settings
from stacks.native import class_archive, java, pulsar
from stacks.native.provision import ProvisionFailed


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the archive in an empty cache with a Java runtime that does nothing."""
    monkeypatch.setenv("ALPES_CACHE", str(tmp_path / "cache"))
    java.binary().parent.mkdir(parents=True)
    java.binary().write_text("#!/bin/sh\n")
    java.binary().chmod(0o755)
    return java.class_archive()


def test_a_broker_uses_the_archive_if_there_is_one(archive: Path, tmp_path: Path) -> None:
    settings = Settings(stack="native", home=tmp_path / "home")
    assert not any("SharedArchive" in argument for argument in pulsar.command(settings).argv)
    archive.parent.mkdir()
    archive.write_bytes(b"")
    assert f"-XX:SharedArchiveFile={archive}" in pulsar.command(settings).argv


def test_an_archive_is_made_once_and_complete(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(class_archive, "_run_broker", _writing_archive)
    for _ in range(2):
        class_archive.ensure_archive(said.append)
    assert archive.read_bytes() == b"classes"
    assert len(said) == 1
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]


@pytest.mark.parametrize(
    "error",
    [OSError("the disk is full"), subprocess.TimeoutExpired("java", 1), ProvisionFailed("Pulsar did not start")],
)
def test_a_start_goes_on_without_an_archive_that_cannot_be_made_and_does_not_try_again(
    error: Exception, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[str] = []

    def fail(settings: Settings, options: list[str]) -> None:
        Path(options[0].partition("=")[2]).write_bytes(b"half")
        raise error

    monkeypatch.setattr(class_archive, "_run_broker", fail)
    for _ in range(2):
        class_archive.ensure_archive(attempts.append)
    assert len(attempts) == 1
    assert java.class_archive_options() == []
    assert [path.suffix for path in archive.parent.iterdir()] == [".failed"]


def _writing_archive(settings: Settings, options: list[str]) -> None:
    Path(options[0].partition("=")[2]).write_bytes(b"classes")
