"""Docker for the tests that are marked `docker`, with the base images in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from stacks.native.artifacts import FetchFailed
from tests.compose import engine as engines
from tests.compose import stand_ins


@pytest.fixture(scope="session")
def engine(missing: Callable[[str, str], None]) -> Iterator[engines.Engine]:
    with ExitStack() as stack:
        try:
            running = stack.enter_context(engines.running())
            if running.private:
                stand_ins.build(running)
        except (engines.NoDocker, FetchFailed) as error:
            missing("docker", str(error))
        yield running
