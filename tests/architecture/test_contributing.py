"""What CONTRIBUTING says of adding something is what one has to do."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po, write_po

from domain.changes import changes
from scenarios.catalogue import scenarios
from settings.model import REPOSITORY
from tests.architecture.test_structure import PACKAGES, committed

TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([^`]+)` \| [^|]+ \| (?:`([^`]+)`)? ?\|$", TEXT, re.MULTILINE)
NEW_SCENARIO_IS_NOTICED_BY = (
    "tests/scenarios/test_verdicts.py::test_every_scenario_has_been_seen_to_fail",
    "tests/architecture/test_messages.py::test_every_message_in_the_code_is_registered_with_its_places",
    "tests/dashboard/test_texts.py::test_every_marked_text_is_translated_and_none_is_left_over",
    "tests/architecture/test_contributing.py::test_the_readmes_tell_how_many_scenarios_there_are",
    "tests/architecture/test_promises.py::test_everything_that_exists_is_in_the_table",
)

WITHOUT_PLUGINS = ("-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:hypothesispytest")
"""They double the time of a short run."""


def _section(heading: str) -> str:
    return TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(("path", "place"), ROWS)
def test_each_file_of_the_lists_exists_and_has_its_place(path: str, place: str) -> None:
    file = REPOSITORY / path
    if "NAME" in path:
        assert file.parent.is_dir()
    else:
        assert file.is_file()
        assert place in file.read_text(encoding="utf-8")


def test_each_kind_of_change_has_its_list() -> None:
    for heading in ("a scenario", "a command and its event", "a component", "a stack", "a capture", "a page"):
        assert re.search(r"^\| `[^`]*NAME|^\| `settings/stack_facts", _section(f"Add {heading}"), re.MULTILINE)
    assert len(ROWS) >= TEXT.count("\n| `") > 50


def test_what_every_stack_and_capture_needs_is_listed() -> None:
    """The registries are read by the rest of the code, so a stack or capture that is in none of them does not exist."""
    for heading, registries in (
        ("a stack", {"settings/stack_facts.py", "stacks/registry.py"}),
        ("a capture", {"settings/stack_facts.py", "stacks/captures.py"}),
    ):
        assert registries <= set(re.findall(r"^\| `([^`]+)`", _section(f"Add {heading}"), re.MULTILINE))


def test_every_way_to_send_a_command_is_listed() -> None:
    listed = set(re.findall(r"^\| `([^`]+)`", _section("Add a command and its event"), re.MULTILINE))
    sending = _product_files_with(r"ApproveCommission\(")
    only_using = {name for name in sending if name.startswith("scenarios/catalogue/")}
    assert sending - only_using <= listed


def test_only_the_file_of_a_change_spells_its_event_as_text() -> None:
    """A text in other code would be a second list, which a new event is not in."""
    for change in changes().values():
        assert _product_files_with(rf"""["']{change.event.type}["']""") == {f"domain/changes/{change.name}.py"}


def _product_files_with(pattern: str) -> set[str]:
    return {
        str(path.relative_to(REPOSITORY))
        for path in committed()
        if path.suffix == ".py" and path.relative_to(REPOSITORY).parts[0] in PACKAGES
        if re.search(pattern, path.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("name", ["README.md", "README.es.md"])
def test_the_readmes_tell_how_many_scenarios_there_are(name: str) -> None:
    told = re.search(r"scenario list +# (\d+) ", (REPOSITORY / name).read_text(encoding="utf-8"))
    assert told
    assert int(told[1]) == len(scenarios())


@pytest.mark.breadth
def test_a_scenario_is_added_as_described(tmp_path: Path) -> None:
    copy = _copy_of_the_repository(tmp_path)
    example = _section("Add a scenario")
    (copy / "scenarios/catalogue/kill_observer.py").write_text(
        re.findall(r"```python\n(.*?)```", example, re.DOTALL)[0]
    )
    before = _run_tests(copy)
    assert [_outcome(before, name) for name in NEW_SCENARIO_IS_NOTICED_BY] == ["FAILED"] * 5, before

    template, mutant = re.findall(r"In `(?:CHECKS|MUTANT)`[^`]*`(.+?)`\.", example)
    _insert_after(copy / "scenarios/messages.py", "CHECKS = {", f"\n    {template}")
    _insert_after(copy / "mutants/catalogue/relay_drops_one.py", "\n    {", f"{mutant}, ")
    _insert_after(copy / "docs/promises.md", "`published_what_was_committed` | ", "`kill-observer`, ")
    for name in ("README.md", "README.es.md"):
        text = (copy / name).read_text(encoding="utf-8")
        (copy / name).write_text(text.replace(f"# {len(scenarios())} ", f"# {len(scenarios()) + 1} "), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "dashboard.catalogues"], cwd=copy, env=_environment(copy), check=True)
    _translate(copy / "dashboard/locale/es/LC_MESSAGES/dashboard.po")
    after = _run_tests(copy)
    assert [_outcome(after, name) for name in NEW_SCENARIO_IS_NOTICED_BY] == ["PASSED"] * 5, after


def _copy_of_the_repository(folder: Path) -> Path:
    for path in committed():
        if path.suffix not in (".png", ".ipynb"):
            target = folder / path.relative_to(REPOSITORY)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return folder


def _environment(copy: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(copy), "PATH": "/usr/bin:/bin", "HOME": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}


def _run_tests(copy: Path) -> str:
    command = [sys.executable, "-m", "pytest", *WITHOUT_PLUGINS, "-v", *NEW_SCENARIO_IS_NOTICED_BY]
    done = subprocess.run(command, cwd=copy, env=_environment(copy), capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _outcome(output: str, name: str) -> str:
    """FAILED where one case of the test failed; PASSED where all passed; "" where none ran."""
    outcomes = set(re.findall(rf"^{re.escape(name)}(?:\[[^]]*\])? (PASSED|FAILED)", output, re.MULTILINE))
    return "FAILED" if "FAILED" in outcomes else "".join(outcomes)


def _insert_after(path: Path, place: str, text: str) -> None:
    before, found, after = path.read_text(encoding="utf-8").partition(place)
    assert found, f"{path.name} has no {place!r}"
    path.write_text(before + found + text + after, encoding="utf-8")


def _translate(path: Path) -> None:
    """Give the entries without a translation one that is good enough for the tests: the English."""
    with path.open("rb") as file:
        catalogue = read_po(file, locale="es", domain="dashboard")
    for entry in catalogue:
        entry.string = entry.string or entry.id
    with path.open("wb") as file:
        write_po(file, catalogue, width=120, no_location=True)
