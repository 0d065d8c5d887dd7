"""JSON as a hostile sender writes it: keys that come twice, numbers nobody else would write, halves of characters."""

from __future__ import annotations

import json
from typing import Any


class Written(str):
    """Text that is put into the JSON as it is: `NaN`, `1e9999`, a thousand brackets."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """An object as its members in order; a key may come twice."""

    def changed(self, name: str, value: Any) -> Members:
        """With another value for `name`; added at the end where there is none."""
        if all(key != name for key, _ in self):
            return Members([*self, (name, value)])
        return Members((key, value if key == name else old) for key, old in self)

    def without(self, name: str) -> Members:
        return Members((key, value) for key, value in self if key != name)

    def of(self, name: str) -> Any:
        """The value of the first member so called. Raises KeyError."""
        for key, value in self:
            if key == name:
                return value
        raise KeyError(name)


def encode(value: Any, escaped: bool = True) -> bytes:
    """The JSON text in UTF-8. `escaped`: other characters than ASCII as `\\uXXXX`; else half surrogates become bytes
    that are no UTF-8."""
    return _text(value, escaped).encode("utf-8", "surrogatepass")


def parse(text: bytes) -> Any:
    """As Python's parser, objects as Members. Raises ValueError or RecursionError."""
    return json.loads(text, object_pairs_hook=Members)


def _text(value: Any, escaped: bool) -> str:
    match value:
        case Written():
            return str(value)
        case Members():
            return "{" + ",".join(f"{json.dumps(key)}:{_text(each, escaped)}" for key, each in value) + "}"
        case list():
            return "[" + ",".join(_text(each, escaped) for each in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=escaped)
