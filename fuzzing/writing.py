"""Inputs as JSON, one a line, so that a failing one can be kept and sent again."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fuzzing.inputs import Input, Message, Request, Row, Tag, Undecodable

_KINDS: dict[str, type[Input]] = {"request": Request, "message": Message, "row": Row}


class NoInputs(Exception):
    """The file does not hold inputs; `str(error)` says where it stops making sense."""


def write(path: Path, inputs: Iterable[Input]) -> None:
    """Raises OSError."""
    path.write_text("".join(f"{line(each)}\n" for each in inputs), encoding="utf-8")


def read(path: Path) -> list[Input]:
    """Raises NoInputs, also for a file that cannot be read."""
    found: list[Input] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NoInputs(f"{path} cannot be read: {error}") from error
    for number, text in enumerate(lines, 1):
        try:
            found.append(_input(json.loads(text)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NoInputs(f"line {number} of {path} is no input: {error}") from error
    return found


def line(given: Input) -> str:
    """The input as one line of JSON."""
    names = [name for name in given.__slots__ if name != "channel" or isinstance(given, Message)]
    written = {name: _written(getattr(given, name)) for name in names}
    (kind,) = (name for name, each in _KINDS.items() if isinstance(given, each))
    return json.dumps({"input": kind, **written})


def _input(values: dict[str, Any]) -> Input:
    kind = _KINDS[values.pop("input")]
    read = {name: _read(value) for name, value in values.items()}
    read["tag"] = Tag(**read["tag"])
    return kind(**read)


def _written(value: Any) -> Any:
    match value:
        case bytes():
            return {"bytes": base64.b64encode(value).decode()}
        case Undecodable():
            return {"undecodable": base64.b64encode(value.value).decode()}
        case tuple():
            return [_written(each) for each in value]
        case Tag():
            return {"run": value.run, "number": value.number}
        case _:
            return value


def _read(value: Any) -> Any:
    match value:
        case {"bytes": text}:
            return base64.b64decode(text)
        case {"undecodable": text}:
            return Undecodable(base64.b64decode(text))
        case list():
            return tuple(_read(each) for each in value)
        case _:
            return value
