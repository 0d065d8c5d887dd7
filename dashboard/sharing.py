"""Share objects between all sessions: a function makes its object at the first call and keeps it until `close`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.RLock()
"""One lock for all functions, and reentrant: shared objects are made from other shared objects."""
_objects: dict[str, Any] = {}


def shared(make: Callable[[], T]) -> Callable[[], T]:
    """Wrap `make`: the first call makes the object, and every later call, from any thread, returns the same object."""
    name = f"{make.__module__}.{make.__qualname__}"

    @wraps(make)
    def get() -> T:
        if name not in _objects:
            with _lock:
                if name not in _objects:
                    _objects[name] = make()
        shared_object: T = _objects[name]
        return shared_object

    return get


def close() -> None:
    """Close all shared objects that have a `close`, newest first, and forget all: the next call makes a new one."""
    with _lock:
        while _objects:
            _name, shared_object = _objects.popitem()
            if callable(end := getattr(shared_object, "close", None)):
                end()
