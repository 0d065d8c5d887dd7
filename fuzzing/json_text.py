"""Write JSON as a hostile sender does: duplicate keys, unusual numbers, half surrogate pairs."""

from __future__ import annotations

import json
from typing import Any


class RawJson(str):
    """Text that is written into the JSON unchanged: `NaN`, `1e9999`, a thousand brackets."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """A JSON object as a list of (key, value) in order; a key may occur twice."""

    def with_member(self, name: str, value: Any) -> Members:
        """Return a copy with this value for `name`, which is added at the end if it is missing."""
        if all(key != name for key, _ in self):
            return Members([*self, (name, value)])
        return Members((key, value if key == name else old_value) for key, old_value in self)

    def without(self, name: str) -> Members:
        return Members((key, value) for key, value in self if key != name)

    def first_value(self, name: str) -> Any:
        """Return the value of the first member with this name. Raises KeyError."""
        for key, value in self:
            if key == name:
                return value
        raise KeyError(name)


def encode(value: Any, escaped: bool = True) -> bytes:
    """Return the JSON text in UTF-8.

    With `escaped`, characters outside ASCII are written as `\\uXXXX`; without it, half surrogate pairs become invalid UTF-8.
    """
    return _to_text(value, escaped).encode("utf-8", "surrogatepass")


def parse(text: bytes) -> Any:
    """Parse JSON with objects as Members. Raises ValueError or RecursionError."""
    return json.loads(text, object_pairs_hook=Members)


def _to_text(value: Any, escaped: bool) -> str:
    match value:
        case RawJson():
            return str(value)
        case Members():
            return "{" + ",".join(f"{json.dumps(key)}:{_to_text(member, escaped)}" for key, member in value) + "}"
        case list():
            return "[" + ",".join(_to_text(member, escaped) for member in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=escaped)
