"""Load the settings of one instance.

From the lowest to the highest priority: defaults, what the instance keeps, what its run was started with, files in
`ALPES_SECRETS_DIR`, `ALPES_*` variables, arguments. Like `domain`, this package imports nothing else of this project and connects
to nothing. The entry point of each process calls `load()`; nothing is loaded at import.
"""

from settings.model import (
    RAW_TOPIC_NAME,
    ROUTED_TOPIC_NAME,
    SOURCE_NAME,
    Settings,
    load,
    load_for_new_run,
)
from settings.stack_facts import Stack
from settings.topics import Topics

__all__ = [
    "RAW_TOPIC_NAME",
    "ROUTED_TOPIC_NAME",
    "SOURCE_NAME",
    "Settings",
    "Stack",
    "Topics",
    "load",
    "load_for_new_run",
]
