"""Test that the launcher makes environments in its own folders only. Python and pip are scripts that record their calls."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from settings.model import REPOSITORY

MARKER = ".alpes-venv"
PYTHON_OF_ENVIRONMENT = """#!/bin/sh
case "$*" in
"-m pip "*) echo installed >&2 ;;
"-m cli "*) echo ran ;;
esac
"""
PYTHON = f"""#!/bin/sh
case "$*" in
"-m venv "*)
    [ "$3" = --clear ] && {{ rm -rf "$4"; shift; }}
    mkdir -p "$3/bin"
    [ -e "$INTERRUPT" ] && exit 1
    cp "$ENVIRONMENT" "$3/bin/python" && chmod +x "$3/bin/python" ;;
*) exec "{sys.executable}" "$@" ;;
esac
"""


class Launcher:
    def __init__(self, folder: Path) -> None:
        self.root, self.venv, self.interrupt = folder / "clone", folder / "environment", folder / "interrupt"
        (self.root / "requirements").mkdir(parents=True)
        for name in ("runtime", "test", "compose", "notebooks", "profile"):
            (self.root / "requirements" / f"{name}.txt").write_text("a==1\n")
        shutil.copy(REPOSITORY / "alpes", self.root / "alpes")
        (folder / "python").write_text(PYTHON)
        (folder / "python").chmod(0o755)
        (folder / "of_environment").write_text(PYTHON_OF_ENVIRONMENT)
        self._variables = {
            "ALPES_PYTHON": str(folder / "python"),
            "ALPES_VENV": str(self.venv),
            "ENVIRONMENT": str(folder / "of_environment"),
            "INTERRUPT": str(self.interrupt),
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["/bin/sh", str(self.root / "alpes"), *(words or ("status",))]
        return subprocess.run(
            command, env=os.environ | self._variables, capture_output=True, text=True, check=False, timeout=60
        )

    def fill(self, *names: str) -> None:
        for name in names:
            (self.venv / name).parent.mkdir(parents=True, exist_ok=True)
            (self.venv / name).write_text("precious")

    def files(self) -> dict[str, str]:
        paths = (path for path in self.venv.rglob("*") if path.is_file())
        return {path.relative_to(self.venv).as_posix(): path.read_text() for path in paths}


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    return Launcher(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([], id="missing"),
        pytest.param([MARKER, "bin/pip", "lib/half-made", ".hidden"], id="its own"),
        *(pytest.param([f".alpes-{name}", "lib/old"], id=f"earlier, {name}") for name in ("runtime", "test")),
    ],
)
def test_an_environment_is_made_in_a_folder_of_its_own(launcher: Launcher, names: list[str]) -> None:
    launcher.fill(*names)
    result = launcher.run()
    assert (result.returncode, result.stdout) == (0, "ran\n"), result.stderr
    assert set(launcher.files()) == {MARKER, "bin/python", ".alpes-runtime"}


def test_an_environment_is_made_in_an_empty_folder(launcher: Launcher) -> None:
    launcher.venv.mkdir()
    assert launcher.run().stdout == "ran\n"


def test_an_interrupted_making_is_repeated(launcher: Launcher) -> None:
    launcher.interrupt.touch()
    assert launcher.run().returncode != 0
    assert set(launcher.files()) == {MARKER}
    launcher.interrupt.unlink()
    assert launcher.run().stdout == "ran\n"


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["pyvenv.cfg", "bin/activate", "lib/python/site-packages/mine.py"], id="environment without pip"),
        pytest.param(["thesis/chapter1"], id="documents"),
        pytest.param([".git/HEAD"], id="hidden"),
        pytest.param([f"{MARKER}.txt", f"sub/{MARKER}"], id="other markers"),
    ],
)
def test_a_folder_of_others_is_refused_and_keeps_its_files(launcher: Launcher, names: list[str]) -> None:
    launcher.fill(*names)
    before = launcher.files()
    result = launcher.run()
    assert result.returncode == 1
    assert f"{launcher.venv} holds files of others" in result.stderr
    assert "ALPES_VENV=" in result.stderr
    assert launcher.files() == before


def test_a_file_of_others_is_refused_and_stays(launcher: Launcher) -> None:
    launcher.venv.write_text("precious")
    assert launcher.run().returncode == 1
    assert launcher.venv.read_text() == "precious"


def test_files_of_others_in_a_working_environment_stay(launcher: Launcher) -> None:
    launcher.fill("lib/mine.py", "bin/python")
    (launcher.venv / "bin" / "python").write_text(PYTHON_OF_ENVIRONMENT)
    (launcher.venv / "bin" / "python").chmod(0o755)
    assert launcher.run().stdout == "ran\n"
    assert launcher.files()["lib/mine.py"] == "precious"


@pytest.mark.parametrize(
    ("words", "group"),
    [
        (["test"], "test"),
        (["test", "--fast"], "test"),
        (["compose", "check"], "compose"),
        (["notebooks"], "notebooks"),
        (["bench", "flame", "--seconds", "5"], "profile"),
        (["bench", "latency"], None),
        (["up"], None),
    ],
)
def test_a_verb_installs_the_packages_that_only_it_needs(
    launcher: Launcher, words: list[str], group: str | None
) -> None:
    assert launcher.run(*words).stdout == "ran\n"
    stamps = {name for name in launcher.files() if name.startswith(".alpes-")} - {MARKER, ".alpes-runtime"}
    assert stamps == ({f".alpes-{group}"} if group else set())
