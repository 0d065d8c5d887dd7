"""Test where settings come from: which home's files are read, who owns what root writes, and which texts are accepted."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from db.tables import commission
from settings import Settings, checks, files, shared_files
from settings.instance_files import InstanceFiles


def read(home: Path | None) -> dict[str, object]:
    return InstanceFiles(Settings, lambda: {} if home is None else {"home": home})()  # type: ignore[arg-type]


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("first", "second"):
        files.write(tmp_path / name / files.INSTANCE, {"workers": 2, "nar": name})
    return tmp_path / "first", tmp_path / "second"


def test_an_argument_names_the_home_before_the_environment(
    homes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALPES_HOME", str(homes[1]))
    assert read(homes[0]) == {"workers": 2, "nar": "first"}
    assert read(None) == {"workers": 2, "nar": "second"}


def test_a_home_that_a_file_names_is_not_taken_from_it(homes: tuple[Path, Path]) -> None:
    """A copied instance would work in the home of the first."""
    files.write(homes[0] / files.RUN, {"home": "/elsewhere", "workers": 3})
    assert read(homes[0]) == {"workers": 3, "nar": "first"}


def test_a_home_without_files_gives_nothing(tmp_path: Path) -> None:
    assert read(tmp_path) == {}


@pytest.mark.parametrize(("user", "expected"), [(0, [(1234, 567)]), (1000, [])])
def test_only_root_hands_a_file_over_to_the_owner_of_its_folder(
    monkeypatch: pytest.MonkeyPatch, user: int, expected: list[tuple[int, int]]
) -> None:
    owners: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "getuid", lambda: user)
    monkeypatch.setattr(os, "chown", lambda _path, owner, group: owners.append((owner, group)))
    folder = SimpleNamespace(stat=lambda: SimpleNamespace(st_uid=1234, st_gid=567))
    shared_files.hand_over(SimpleNamespace(parent=folder))  # type: ignore[arg-type]
    assert owners == expected


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("a.example", True),
        ("10.0.0.5", True),
        ("[::1]", True),
        ("::1", True),
        ("fe80::1", True),
        ("a", True),
        ("a.example:80", False),
        ("http://a", False),
        ("-a", False),
        ("a-", False),
        ("", False),
        ("*.example", False),
        ("a b", False),
    ],
)
def test_what_is_a_host_name(name: str, accepted: bool) -> None:
    assert bool(re.fullmatch(checks.HOST, name)) is accepted


@pytest.mark.parametrize(
    ("rate", "accepted"),
    [
        *(("1/second", True), ("9999999/hour", True), ("20/minute", True), ("0/second", False), ("05/hour", False)),
        *(("10000000/hour", False), ("5/day", False), ("5 / hour", False), ("-1/hour", False)),
    ],
)
def test_what_is_a_rate_limit(rate: str, accepted: bool) -> None:
    assert bool(re.fullmatch(checks.RATE, rate)) is accepted


def test_a_rate_has_as_many_decimals_as_the_database_keeps() -> None:
    assert commission.c.rate.type.scale == checks.RATE_DECIMALS  # type: ignore[attr-defined]
