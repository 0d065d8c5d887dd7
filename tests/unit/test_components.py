"""Test the registry of components: a new one is seen by everything that depends on the set of them, and no code compares names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from application.components import (
    COMPONENTS,
    Component,
    find_component,
    get_base_name,
    is_process_name,
    select_names,
    worker_names,
)
from application.permissions import Action
from settings import Settings
from settings.model import REPOSITORY
from settings.stack_facts import STACKS
from stacks.python_parts import list_python_parts
from stacks.restarting import get_permission
from tests.architecture.test_structure import PACKAGES, committed

COUNTER = Component("counter", "workers.counter", has_heartbeat=True, is_watched=True, is_killed_by_chaos=True)
ALLOWED = {
    # The page's own health, which a page that is drawn need not ask for.
    ("dashboard/view_models/refresher.py", "dashboard"),
    ("dashboard/components/break_it.py", "database"),
    ("dashboard/view_models/diagram.py", "observer"),
    ("dashboard/view_models/tour.py", "broker"),
    ("scenarios/catalogue/atomicity.py", "api"),
    ("stacks/status.py", "database"),
    ("stacks/health.py", "api"),
    # Cells of the matrix that not every component has.
    ("scenarios/matrix/model.py", "api"),
    ("scenarios/matrix/model.py", "database"),
    # The comparison with a writer that has no outbox is about the broker's outage.
    ("dashboard/view_models/outbox_comparison.py", "broker"),
    # A member of the envelope, and no component.
    ("lab/contracts.py", "source"),
}
"""Comparisons that mean exactly this component: no property would say more."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_a_new_component_is_started_and_selected_by_its_properties(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(COMPONENTS, "counter", COUNTER)
    command = next(part.command for part in list_python_parts(settings) if part.name == "counter")
    assert command.argv[-2:] == ("-m", "workers.counter")
    assert is_process_name("counter")
    assert "counter" in select_names(settings, lambda component: component.is_watched)
    assert "counter" not in select_names(settings, lambda component: component.carries_events)


def test_a_name_that_is_not_registered_has_no_property(settings: Settings) -> None:
    assert find_component("folders") == Component("folders")
    assert not is_process_name("folders")
    assert "folders" not in [part.name for part in list_python_parts(settings)]


@pytest.mark.parametrize("stack", STACKS)
def test_an_instance_has_the_capture_of_its_stack_only(tmp_path: Path, stack: str) -> None:
    settings = Settings(home=tmp_path, stack=stack)
    captures = select_names(settings, lambda component: component.is_capture)
    assert captures == [settings.facts.capture.component]
    assert find_component(captures[0]).is_connector is not settings.facts.capture.is_process


def test_several_workers_are_numbered_and_have_the_properties_of_one(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, workers=3)
    assert worker_names(settings) == ["notifications-1", "notifications-2", "notifications-3"]
    assert select_names(settings, lambda component: component.is_numbered) == worker_names(settings)
    assert {find_component(name).name for name in worker_names(settings)} == {"notifications"}
    assert get_base_name("notifications-12") == "notifications"


def test_a_component_that_is_left_out_is_not_selected(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, without=("dashboard",))
    assert "dashboard" not in select_names(settings, lambda _: True)
    assert "dashboard" not in [part.name for part in list_python_parts(settings)]


def test_only_the_connector_needs_the_permission_of_the_source() -> None:
    permissions = {name: get_permission(name) for name in COMPONENTS}
    assert {name for name, needed in permissions.items() if needed is Action.CONTROL_SOURCE} == {"source"}


def test_no_code_compares_the_name_of_a_component() -> None:
    found = {
        (str(path.relative_to(REPOSITORY)), name)
        for path in committed()
        if path.suffix == ".py" and path.relative_to(REPOSITORY).parts[0] in PACKAGES
        for name in compared_names(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found <= ALLOWED, found - ALLOWED


@pytest.mark.parametrize(
    "text", ['part == "source"', 'row.part != "source"', 'incident.part in ("source", "relay")', '"source" == name']
)
def test_the_look_at_comparisons_sees_this_one(text: str) -> None:
    assert list(compared_names(ast.parse(text))) == re.findall(r'"(\w+)"', text)


def compared_names(tree: ast.AST) -> Iterator[str]:
    """Yield the names of components with which a variable `part` or `name` is compared."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(getattr(side, "attr", getattr(side, "id", "")) in ("part", "name") for side in sides):
                for constant in (inner for side in sides for inner in ast.walk(side)):
                    if isinstance(constant, ast.Constant) and constant.value in COMPONENTS:
                        yield str(constant.value)
