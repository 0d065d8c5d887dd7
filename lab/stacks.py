"""The one line a notebook begins with: `with stacks.running("embedded") as lab:`, or `lab = stacks.running("embedded")`."""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lab import figures
from lab.laboratory import Lab
from scenarios import end_to_end
from settings import Settings, load
from stacks import instance
from stacks.supervisor import Supervisor

_open: list[Lab] = []


def running(stack: str = "embedded", *, workers: int | None = None) -> Lab:
    """The instance of this kind that runs, else a private one on free ports, removed when it is closed.

    With `workers` it is always a private one, with so many notifications workers. Like a file, what comes back is used
    in a `with` or closed by `close()`; a cell that is run again gets what it opened before. Raises StartFailed.
    """
    for lab in [each for each in _open if not each.open]:
        _open.remove(lab)
    for lab in _open:
        if (lab.stack, lab.asked_workers) == (stack, workers) and Supervisor(lab.settings).running():
            return lab
    figures.use_in_notebooks()
    undo = ExitStack()
    settings = None if workers else joined(stack)
    if settings is None:
        changes: dict[str, Any] = {"workers": workers} if workers else {}
        settings = undo.enter_context(end_to_end.running(stack, private=True, **changes))
    lab = Lab(settings, undo, workers)
    _open.append(lab)
    return lab


def joined(stack: str) -> Settings | None:
    """The instance of this kind that runs: the one ALPES_HOME names, else the one `./alpes up` started."""
    named = os.environ.get("ALPES_HOME")
    for home in [Path(named)] if named else [instance.default_home(stack)]:
        found = load(home=home)
        if found.stack == stack and Supervisor(found).running():
            return found
    return None


@atexit.register
def _close_all() -> None:
    """A kernel that is shut down in the middle of a notebook leaves nothing running."""
    for lab in _open:
        lab.close()
