"""Give one module other functions of `time`, and no other thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest


def patch_time(monkeypatch: pytest.MonkeyPatch, module: str, **functions: Callable[..., Any]) -> None:
    """Replace functions of `time` for a module that imports `time`, given by its name.

    To replace them in `time` itself would change them for every thread, also for one that another test left behind.
    """
    monkeypatch.setattr(f"{module}.time", SimpleNamespace(**{**vars(time), **functions}))
