"""Settings of one instance: defaults < what it keeps < what its run was given < files in `ALPES_SECRETS_DIR` < `ALPES_*`
variables < arguments.

Lowest layer beside `domain`: imports nothing of this project, connects to nothing, and is built explicitly by each
process's entry point (`load()`), never at import.
"""

from settings.model import (
    RAW_TOPIC_NAME,
    ROUTED_TOPIC_NAME,
    SOURCE_NAME,
    Settings,
    Stack,
    load,
    load_for_a_new_run,
)
from settings.topics import Topics

__all__ = [
    "RAW_TOPIC_NAME",
    "ROUTED_TOPIC_NAME",
    "SOURCE_NAME",
    "Settings",
    "Stack",
    "Topics",
    "load",
    "load_for_a_new_run",
]
