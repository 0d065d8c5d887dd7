"""Delete the files of a stopped instance, and finish a deletion that was interrupted.

Before the first file is deleted, a note in the home says what will be. It is deleted after the rest, so that the next start
finds either all files, or the note.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from domain.errors import ExpectedError
from settings import Settings, files, load
from stacks import audit_link, ownership
from stacks.registry import stack_of

Say = Callable[[str], None]

EVERYTHING = ("",)
DATA = ("data", "run")


def require(settings: Settings) -> None:
    """Raise NotOurs if the home holds no instance of this program."""
    ownership.require(ownership.INSTANCE, settings.home)


def remove(settings: Settings) -> list[Path]:
    """Delete the files of a stopped instance, and return the foreign files in its home, which stay. Raises NotOurs."""
    require(settings)
    _write_note(settings, EVERYTHING)
    _remove_volumes(settings)
    foreign_files = ownership.remove(ownership.INSTANCE, settings.home)
    audit_link.remove_link()
    return foreign_files


def remove_data(settings: Settings) -> list[Path]:
    """Delete the data of a stopped instance, except its ports and passwords. Foreign files stay, and are returned.

    The caller holds the instance's lock. Raises NotOurs.
    """
    require(settings)
    finish(settings.home, lambda _: None)
    _write_note(settings, DATA)
    _remove_volumes(settings)
    return _remove_data_files(settings.home)


def finish(home: Path, say: Say) -> bool:
    """Finish an interrupted removal in the home of a stopped instance, and return whether there was one.

    The home stays, with its marker and its locks, one of which the caller holds. Raises NotOurs.
    """
    try:
        note = json.loads(_note(home).read_text(encoding="utf-8"))
        below, stack = tuple(note["below"]), note["stack"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if below not in (EVERYTHING, DATA):
        return False
    say("finishing a removal that was interrupted" + (" (of the data only)" if below == DATA else ""))
    with contextlib.suppress(ExpectedError):  # half of the settings may be gone; the volumes were removed before them
        _remove_volumes(load(home=home, stack=stack))
    if below == DATA:
        _remove_data_files(home)
    else:
        spared = ownership.LOCKS | {ownership.INSTANCE.marker}
        ownership.remove(ownership.INSTANCE, home, spared=spared)
        audit_link.remove_link()
    if _note(home).exists():  # the next start would delete what this one writes
        raise ownership.NotOurs(f"{_note(home)} cannot be deleted: delete it, and start again")
    return True


def _remove_data_files(home: Path) -> list[Path]:
    foreign_files = ownership.remove(ownership.INSTANCE, home, DATA, spared=ownership.LOCKS)
    with contextlib.suppress(PermissionError):
        _note(home).unlink(missing_ok=True)
    return foreign_files


def _remove_volumes(settings: Settings) -> None:
    stack_of(settings).remove_data()


def _note(home: Path) -> Path:
    return home / ownership.REMOVING


def _write_note(settings: Settings, below: tuple[str, ...]) -> None:
    with contextlib.suppress(OSError):  # on a full disk the removal is what helps
        # Without the marker, an instance of an earlier version could not be recognised by the files that are left.
        ownership.claim(ownership.INSTANCE, settings.home)
        files.write(_note(settings.home), {"below": below, "stack": settings.stack})
