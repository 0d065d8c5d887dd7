"""Link `data/events.jsonl` of the repository to the audit file of an instance below it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from settings import Settings
from settings.model import REPOSITORY


def create_link(settings: Settings) -> None:
    """Link `data/events.jsonl` of the repository to the audit file of an instance whose home is below the repository.

    Another file of that name, such as the audit file of `docker compose up`, stays.
    """
    link = REPOSITORY / "data" / "events.jsonl"
    if REPOSITORY not in settings.home.parents or (os.path.lexists(link) and not _is_our_link(link)):
        return
    with contextlib.suppress(OSError):
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(settings.audit_file, link.parent))


def remove_link() -> None:
    """Remove the link to the audit file of a removed instance."""
    link = REPOSITORY / "data" / "events.jsonl"
    if _is_our_link(link) and not link.exists():
        link.unlink(missing_ok=True)


def _is_our_link(link: Path) -> bool:
    """Return whether this is a link to an instance below the repository, as `create_link` creates it."""
    if not link.is_symlink():
        return False
    target = Path(os.path.normpath(link.parent / link.readlink()))
    return REPOSITORY in target.parents and target.parts[-2:] == ("data", link.name) and target != link
