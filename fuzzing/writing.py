"""Write inputs to a file and read them, as one JSON object a line, so that failing inputs can be sent again."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from domain.errors import ExpectedError
from fuzzing.inputs import Input, Message, Request, Row, Tag, Undecodable

_KINDS: dict[str, type[Input]] = {"request": Request, "message": Message, "row": Row}


class InvalidInputFile(ExpectedError):
    """The file does not hold inputs; `str(error)` says which line is wrong."""


def write(path: Path, inputs: Iterable[Input]) -> None:
    """Write the inputs to a file. Raises OSError."""
    path.write_text("".join(f"{to_line(fuzz_input)}\n" for fuzz_input in inputs), encoding="utf-8")


def read(path: Path) -> list[Input]:
    """Raises NoInputs, also for a file that cannot be read."""
    inputs: list[Input] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputFile(f"{path} cannot be read: {error}") from error
    for number, text in enumerate(lines, 1):
        try:
            inputs.append(_parse_input(json.loads(text)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInputFile(f"line {number} of {path} is not an input: {error}") from error
    return inputs


def to_line(fuzz_input: Input) -> str:
    """Return the input as one line of JSON."""
    names = [name for name in fuzz_input.__slots__ if name != "channel" or isinstance(fuzz_input, Message)]
    fields = {name: _to_json(getattr(fuzz_input, name)) for name in names}
    (kind,) = (name for name, input_type in _KINDS.items() if isinstance(fuzz_input, input_type))
    return json.dumps({"input": kind, **fields})


def _parse_input(values: dict[str, Any]) -> Input:
    kind = _KINDS[values.pop("input")]
    fields = {name: _from_json(value) for name, value in values.items()}
    fields["tag"] = Tag(**fields["tag"])
    return kind(**fields)


def _to_json(value: Any) -> Any:
    match value:
        case bytes():
            return {"bytes": base64.b64encode(value).decode()}
        case Undecodable():
            return {"undecodable": base64.b64encode(value.value).decode()}
        case tuple():
            return [_to_json(member) for member in value]
        case Tag():
            return {"run": value.run, "number": value.number}
        case _:
            return value


def _from_json(value: Any) -> Any:
    match value:
        case {"bytes": text}:
            return base64.b64decode(text)
        case {"undecodable": text}:
            return Undecodable(base64.b64decode(text))
        case list():
            return tuple(_from_json(member) for member in value)
        case _:
            return value
