"""Names resolve here, layers hold, and the repository speaks of itself alone."""

from __future__ import annotations

import ast
import builtins
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from settings.model import REPOSITORY

PACKAGES = [
    "api",
    "application",
    "bench",
    "cli",
    "connectors",
    "dashboard",
    "db",
    "domain",
    "fuzzing",
    "lab",
    "mutants",
    "scenarios",
    "settings",
    "stacks",
    "telemetry",
    "workers",
]


def committed() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    return [REPOSITORY / name for name in listing.stdout.decode().split("\0") if name and (REPOSITORY / name).is_file()]


@pytest.mark.parametrize("first", ["", "dashboard"])
def test_every_package_name_resolves_to_this_repository(first: str) -> None:
    """`streamlit run` puts its script's folder first; the page's entry puts the repository before it."""
    lines = [f"import sys; sys.path.insert(0, {str(REPOSITORY / first)!r})"]
    if first:
        lines.append(f"sys.path.insert(0, {str(REPOSITORY)!r})")
    lines += [f"import {name}; print({name}.__file__)" for name in PACKAGES]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], cwd="/", capture_output=True, text=True, check=True)
    assert [Path(line).parent for line in done.stdout.split()] == [REPOSITORY / name for name in PACKAGES]


def test_the_domain_imports_the_standard_library_only() -> None:
    for path in (REPOSITORY / "domain").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                top = name.partition(".")[0]
                assert top == "domain" or top in sys.stdlib_module_names, f"{path.name} imports {name}"


def test_the_layers_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_no_module_imports_itself_through_others() -> None:
    """Imports inside functions count too: they would hide a circle, and not remove it."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(imported).prepare()  # raises CycleError, which names the modules


def test_no_test_replaces_the_clock_of_every_thread() -> None:
    """A thread that another test left behind would call it too: `tests.clocks.patch_time` replaces it for one module."""
    pattern = re.compile(r"\.time\.(sleep|time|monotonic)[\"']")
    tests = [path for path in committed() if path.suffix == ".py" and path != Path(__file__)]
    assert [path.name for path in tests if pattern.search(path.read_text(encoding="utf-8"))] == []


FORBIDDEN = [
    "pypi" + ".org",
    "python" + "hosted",
    "maven" + ".org",
    "maven" + ".apache",
    "/simp" + "le/",
    "/ma" + "ven2",
    "../sha" + "red",
    "/wo" + "rk/",
    "/ro" + "ot/",
]


def test_no_registry_and_no_path_of_a_machine_is_committed() -> None:
    found = []
    for path in committed():
        if path.suffix in (".png", ".ico"):
            continue
        text = path.read_text(encoding="utf-8")
        found += [f"{path.relative_to(REPOSITORY)}: {word}" for word in FORBIDDEN if word in text]
    assert found == []


def test_no_test_sleeps_a_fixed_time() -> None:
    for path in (REPOSITORY / "tests").rglob("*.py"):
        assert not re.search(r"\btime\.sle" + r"ep\(", path.read_text()), path


def test_every_requirement_is_pinned_with_a_hash() -> None:
    for path in (REPOSITORY / "requirements").glob("*.txt"):
        entries = re.split(r"\n(?=\S)", path.read_text().strip())
        for entry in entries:
            assert re.match(r"[A-Za-z0-9_.\[\]-]+==\S+", entry), entry
            assert "--hash=sha256:" in entry, entry


SIGNALS = {
    "ContractError",
    "Unfit",
    "MessageRefused",
    "NotAscending",
    "Stopped",
    "_RolledBack",
    "Malformed",
    "InjectedFailure",
    "AlreadyRunning",
    "Unheard",
    "UndecodableText",
    "UnusualId",
}
"""Exceptions that are always caught near the place where they are raised, and never shown as they are."""


def test_every_error_that_a_person_sees_has_one_base() -> None:
    names = {name for name in dir(builtins) if name.endswith(("Error", "Exception"))}
    for package in PACKAGES:
        for path in (REPOSITORY / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and node.bases and node.name != "ExpectedError":
                    first = node.bases[0]
                    if isinstance(first, ast.Name) and first.id in names:
                        assert node.name in SIGNALS, f"{path.relative_to(REPOSITORY)}: {node.name}"
