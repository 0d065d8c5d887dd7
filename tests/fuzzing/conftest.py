"""One private stack for what is sent on purpose to break it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scenarios import end_to_end
from settings import Settings


@pytest.fixture(scope="package")
def spoilable() -> Iterator[Settings]:
    """A running embedded stack that no other test looks at."""
    with end_to_end.running("embedded", private=True) as settings:
        yield settings
