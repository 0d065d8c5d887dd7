"""What the judge rests on: nothing in the environment keeps it out, and every fault is confirmed by a look that can fail."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from settings.model import REPOSITORY
from tests.architecture.test_structure import PACKAGES

CLIENTS = {"scenarios/api_client.py", "connectors/admin.py"}
"""Who may make an HTTP client of the instance's own parts."""
ASKING = {"Client", "AsyncClient", "get", "post", "put", "patch", "delete", "head", "options", "request", "stream"}
FAULTS = {"restarted", "injected"}
"""Faults that do not confirm themselves, as `killed` and `crash` do."""


def calls(root: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(root) if isinstance(node, ast.Call))


def sources(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    for package in packages:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            yield str(path.relative_to(REPOSITORY)), ast.parse(path.read_text(encoding="utf-8"))


def http_faults(name: str, tree: ast.Module) -> list[str]:
    """Lines where an HTTP client is made that believes the environment's proxies, or is made where it should not be."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "httpx")
    wrong = [f"{name}:{node.lineno}" for node in imports]
    for call in calls(tree):
        function = call.func
        if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)):
            continue
        if function.value.id == "httpx" and function.attr in ASKING:
            deaf = any(
                word.arg == "trust_env" and isinstance(word.value, ast.Constant) and word.value.value is False
                for word in call.keywords
            )
            if not deaf or name not in CLIENTS:
                wrong.append(f"{name}:{call.lineno}")
    return wrong


def constant_confirmations(tree: ast.AST) -> list[int]:
    """Lines of confirmations that cannot fail, or hold of nothing: no name in them, or `all` of what may be empty."""
    wrong = []
    for call in calls(tree):
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "confirm" and len(call.args) > 1):
            continue
        condition = call.args[1]
        body = condition.body if isinstance(condition, ast.Lambda) else condition
        looks_at_something = any(isinstance(node, ast.Name) for node in ast.walk(body))
        takes_all = any(isinstance(each.func, ast.Name) and each.func.id == "all" for each in calls(body))
        if not looks_at_something or takes_all:
            wrong.append(call.lineno)
    return wrong


def unconfirmed_faults(tree: ast.AST) -> list[int]:
    """Lines of functions that inject a fault and do not confirm it themselves."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [
        function.lineno
        for function in functions
        if {name for call in calls(function) for name in [getattr(call.func, "attr", "")]} & FAULTS
        and not any(getattr(call.func, "attr", "") == "confirm" for call in calls(function))
    ]


def test_no_http_client_of_the_instance_believes_in_proxies() -> None:
    assert [line for name, tree in sources(*PACKAGES) for line in http_faults(name, tree)] == []


def test_no_confirmation_is_constant() -> None:
    assert [(name, line) for name, tree in sources("scenarios") for line in constant_confirmations(tree)] == []


def test_every_fault_of_chaos_and_catalogue_is_confirmed() -> None:
    found = [
        (name, line)
        for name, tree in sources("scenarios")
        if Path(name).name == "chaos.py" or "catalogue" in name
        for line in unconfirmed_faults(tree)
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "trial.confirm('x', lambda: True)",
        "trial.confirm('x', lambda: 1 > 0)",
        "trial.confirm('x', lambda: all(seen(each) for each in ids))",
    ],
)
def test_the_look_at_confirmations_can_fail(text: str) -> None:
    assert constant_confirmations(ast.parse(text)) == [1]


def test_the_look_at_faults_and_clients_can_fail() -> None:
    assert unconfirmed_faults(ast.parse("def f(t):\n    with t.restarted('relay'):\n        t.say('x')")) == [1]
    assert http_faults("bench/x.py", ast.parse("httpx.Client(trust_env=False)")) == ["bench/x.py:1"]
    assert http_faults("connectors/admin.py", ast.parse("httpx.get(url)")) == ["connectors/admin.py:1"]
    assert http_faults("connectors/admin.py", ast.parse("from httpx import Client")) == ["connectors/admin.py:1"]
