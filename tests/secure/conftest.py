"""One secured native stack for all tests of this folder: TLS, tokens and roles, three partitions, two workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scenarios import end_to_end
from settings import Settings
from tests.conftest import require_native


@pytest.fixture(scope="package")
def secured(missing: Callable[[str, str], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    require_native(missing)
    traces = tmp_path_factory.mktemp("traces") / "spans.jsonl"
    changes: dict[str, Any] = {"secure": True, "partitions": 3, "workers": 2, "traces_file": traces}
    with end_to_end.running("native", private=True, **changes) as settings:
        yield settings


@pytest.fixture(scope="package")
def roles(secured: Settings) -> Path:
    """The folder of the roles' tokens."""
    assert secured.pulsar_tokens is not None
    return secured.pulsar_tokens
