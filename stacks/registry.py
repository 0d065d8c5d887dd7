"""Choose the stack of an instance."""

from __future__ import annotations

from settings import Settings
from stacks.compose.stack import Compose
from stacks.embedded import Embedded
from stacks.external import External
from stacks.native.stack import Native
from stacks.stack import Stack

BEHAVIOURS: dict[str, type[Stack]] = {
    "embedded": Embedded,
    "native": Native,
    "compose": Compose,
    "external": External,
}


def stack_of(settings: Settings) -> Stack:
    """Return the stack of an instance. It does not connect yet."""
    return BEHAVIOURS[settings.stack](settings)
