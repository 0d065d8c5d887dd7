"""Settings of one instance: defaults < the instance's own file < `ALPES_*` environment variables < arguments.

Lowest layer beside `domain`: imports nothing of this project, connects to nothing, and is built explicitly by each
process's entry point (`load()`), never at import.
"""

from settings.model import (
    RAW_TOPIC_NAME,
    ROUTED_TOPIC_NAME,
    SOURCE_NAME,
    Settings,
    Stack,
    Topics,
    load,
)

__all__ = ["RAW_TOPIC_NAME", "ROUTED_TOPIC_NAME", "SOURCE_NAME", "Settings", "Stack", "Topics", "load"]
