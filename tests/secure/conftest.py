"""One secured native stack for all tests of this folder: TLS, tokens and roles, three partitions, two workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scenarios import end_to_end
from settings import Settings
from tests.conftest import require_native


@pytest.fixture(scope="package")
def secured(missing: Callable[[str, str], None]) -> Iterator[Settings]:
    require_native(missing)
    with end_to_end.running("native", private=True, secure=True, partitions=3, workers=2) as settings:
        yield settings


@pytest.fixture(scope="package")
def roles(secured: Settings) -> Path:
    """The folder of the roles' tokens."""
    assert secured.pulsar_tokens is not None
    return secured.pulsar_tokens
