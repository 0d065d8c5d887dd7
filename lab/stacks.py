"""Open a stack for a notebook: `with stacks.running("embedded") as lab:`, or `lab = stacks.running("embedded")`."""

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
    """Return the running instance of this stack, or a private one on free ports that is removed when it is closed.

    With `workers` it is always a private one, with this many notifications workers. Like a file, it is used in a `with`
    statement or closed by `close()`. A cell that runs again gets the same object. Raises StartFailed.
    """
    for lab in [closed_lab for closed_lab in _open if not closed_lab.open]:
        _open.remove(lab)
    for lab in _open:
        if (lab.stack, lab.asked_workers) == (stack, workers) and Supervisor(lab.settings).running():
            return lab
    figures.use_in_notebooks()
    undo = ExitStack()
    settings = None if workers else find_running(stack)
    if settings is None:
        changes: dict[str, Any] = {"workers": workers} if workers else {}
        settings = undo.enter_context(end_to_end.running(stack, private=True, **changes))
    lab = Lab(settings, undo, workers)
    _open.append(lab)
    return lab


def find_running(stack: str) -> Settings | None:
    """Return the running instance of this stack: that of ALPES_HOME, else the one that `./alpes up` started; or None."""
    home_from_environment = os.environ.get("ALPES_HOME")
    for home in [Path(home_from_environment)] if home_from_environment else [instance.default_home(stack)]:
        settings = load(home=home)
        if settings.stack == stack and Supervisor(settings).running():
            return settings
    return None


@atexit.register
def _close_all() -> None:
    """Close everything when the kernel ends, also in the middle of a notebook."""
    for lab in _open:
        lab.close()
