"""Every command that a document shows is one of the command line, with the options that it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.core import TyperGroup

from cli.verbs import VERBS, load
from tests.architecture.test_structure import committed

COMMAND_LINE = TyperGroup(name="alpes", commands={verb: load(verb) for verb in VERBS})
SHOWN = re.compile(r"\./alpes((?: +(?:'[^']*'|[^\s`;|&()#'\"]+))*)")


def shown_in(text: str) -> Iterator[str]:
    """What follows `./alpes` in the code spans and code blocks of a document."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    for code in blocks + spans:
        yield from (match.strip() for match in SHOWN.findall(code))


def problem(shown: str) -> str | None:
    """Why this is no command: an unknown verb or option; None where it is one."""
    command: Any = COMMAND_LINE
    known = _options(command)
    for word in shown.split():
        if word.startswith("--") or re.fullmatch(r"-[a-z]", word):
            if word.partition("=")[0] not in known and not command.context_settings.get("ignore_unknown_options"):
                return f"{command.name} has no option {word}"
        elif hasattr(command, "commands") and re.fullmatch(r"[a-z][a-z0-9-]*", word):
            if word not in command.commands:
                return f"{command.name} has no command {word}"
            command = command.commands[word]
            known = _options(command)
    return None


def _options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


ALL_SHOWN = sorted(
    {shown for path in committed() if path.suffix == ".md" for shown in shown_in(path.read_text(encoding="utf-8"))}
)


@pytest.mark.parametrize("shown", ALL_SHOWN)
def test_it_is_a_command(shown: str) -> None:
    assert problem(shown) is None


def test_the_look_at_commands_can_fail() -> None:
    assert len(ALL_SHOWN) > 50
    assert list(shown_in("see `./alpes up\n-d` and\n```sh\n./alpes kill broker --hold 20  # why\n```\n")) == [
        "kill broker --hold 20",
        "up -d",
    ]
    assert problem("up --nonsense")
    assert problem("source explode")
