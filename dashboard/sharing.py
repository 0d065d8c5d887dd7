"""Share objects between all sessions: a function makes its object at the first call and keeps it until `close`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.RLock()
"""One lock for all functions, and reentrant: shared objects are made from other shared objects."""
_kept: dict[str, Any] = {}


def shared(make: Callable[[], T]) -> Callable[[], T]:
    """Wrap `make`: the first call makes the object, and every later call, from any thread, returns the same object."""
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
    """Close all shared objects that have a `close`, newest first, and forget all: the next call makes a new one."""
    with _lock:
        while _kept:
            _name, kept = _kept.popitem()
            if callable(end := getattr(kept, "close", None)):
                end()
