"""One object a function for all sessions, made at its first call and kept until `close`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.RLock()
"""One for all: what is shared is made of other things that are shared."""
_kept: dict[str, Any] = {}


def shared(make: Callable[[], T]) -> Callable[[], T]:
    """The first call makes the object; every later one, of any thread, returns the same."""
    name = f"{make.__module__}.{make.__qualname__}"

    @wraps(make)
    def get() -> T:
        if name not in _kept:
            with _lock:
                if name not in _kept:
                    _kept[name] = make()
        kept: T = _kept[name]
        return kept

    return get


def close() -> None:
    """Close everything that can be closed, newest first, and forget all of it: the next call makes it anew."""
    with _lock:
        while _kept:
            _name, kept = _kept.popitem()
            if callable(end := getattr(kept, "close", None)):
                end()
