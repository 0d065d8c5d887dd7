"""Define messages: what the program tells people, as a code with parameters. Each language has a template for each code.

The English templates stand in the `messages` module of the package that says them, which registers them here. Nobody reads a
sentence to find out what it means: programs compare codes, and the page takes its language's template.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

Value: TypeAlias = "str | int | float | Message | tuple[Message, ...]"
"""A parameter. A tuple is a list of messages, which is shown with semicolons between them."""

_templates: dict[str, str] = {}


def register(templates: Mapping[str, str]) -> None:
    """Add English templates by code. Raises ValueError for a code that is registered already."""
    duplicates = _templates.keys() & templates.keys()
    if duplicates:
        raise ValueError(f"registered twice: {', '.join(sorted(duplicates))}")
    _templates.update(templates)


def registered() -> dict[str, str]:
    """Return the English template of every code that is registered so far."""
    return dict(_templates)


@cache
def places(template: str) -> frozenset[str]:
    """Return the names of a template's places."""
    parsed = string.Formatter().parse(template)
    return frozenset(name for _text, name, _spec, _conversion in parsed if name is not None)


@dataclass(frozen=True, slots=True, init=False)
class Message:
    """A code with its parameters; `str(message)` is the English text."""

    code: str
    params: Mapping[str, Value] = field(hash=False)

    def __init__(self, code: str, /, **params: Value) -> None:
        """Raises ValueError for an unknown code, and unless `params` are exactly the places of its template."""
        if code not in _templates:
            raise ValueError(f"there is no message {code!r}")
        if places(_templates[code]) != params.keys():
            raise ValueError(f"{code} has the places {sorted(places(_templates[code]))}, not {sorted(params)}")
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "params", params)

    @property
    def template(self) -> str:
        """The English template, by which the catalogues of other languages find theirs."""
        return _templates[self.code]

    def __str__(self) -> str:
        return self.render(lambda template: template, lambda _name, value: value)

    def render(self, translate: Callable[[str], str], show: Callable[[str, str], str]) -> str:
        """Return the text: `translate` returns a template's translation, `show` a word (name, value) for its reader."""

        def format_value(name: str, value: Value) -> str:
            if isinstance(value, Message):
                return value.render(translate, show)
            if isinstance(value, tuple):
                return "; ".join(message.render(translate, show) for message in value)
            if isinstance(value, float):
                return f"{value:.12g}"
            return show(name, value) if isinstance(value, str) else str(value)

        return translate(self.template).format(
            **{name: format_value(name, value) for name, value in self.params.items()}
        )


register({"verbatim": "{text}"})


def verbatim(text: str) -> Message:
    """Return a text that comes from elsewhere and has no code, such as another program's error, as a message."""
    return Message("verbatim", text=text)


def extract_message(error: BaseException) -> Message:
    """Return the message that an error was raised with; for an error without one, its text as a message."""
    first = error.args[0] if error.args else None
    return first if isinstance(first, Message) else verbatim(str(error) or type(error).__name__)


def from_json(values: Any) -> Message | None:
    """Return the message that was stored as `{code, params}`.

    Return None if there is none, and if this version does not know it: then the text beside it is shown as it is.
    """
    try:
        return Message(values["code"], **{name: _value(value) for name, value in values["params"].items()})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _value(stored: Any) -> Value:
    if isinstance(stored, list | tuple):
        return tuple(_nested(item) for item in stored)
    if isinstance(stored, Mapping):
        return _nested(stored)
    if not isinstance(stored, str | int | float):
        raise TypeError(f"{stored!r} is no parameter of a message")
    return stored


def _nested(stored: Any) -> Message:
    message = from_json(stored)
    if message is None:
        raise ValueError("it holds an unknown message")
    return message
