"""test: the product's tests, all of them or the quick ones."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Annotated

import typer

from cli.download_bar import DownloadBar
from cli.output import say
from settings import Settings
from settings.model import REPOSITORY
from stacks import native
from stacks.native import libraries, mysql
from stacks.native.artifacts import FetchFailed

FAST = ("unit", "architecture", "api", "contract", "notebooks", "compose")
"""Folders of tests that start no stack, or none that takes more than a few seconds."""
PROCESSES = 2
"""More would not be quicker: the tests' stacks take the cores."""


def register(app: typer.Typer) -> None:
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(test)


def test(
    context: typer.Context,
    fast: Annotated[
        bool, typer.Option("--fast", help="Unit and contract tests on SQLite, without native parts and browser: 3 min.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="The long sweeps and the long fuzzing too: well over an hour.")
    ] = False,
    require: Annotated[
        list[str] | None, typer.Option(help="native or browser: fail instead of skipping what needs it.")
    ] = None,
) -> None:
    """Run every kind of test on every stack; further arguments go to pytest.

    What needs a missing system part is skipped, and the fix is named. Examples: `./alpes test tests/unit`,
    `./alpes test --fast -x`, `./alpes test -k restore`.
    """
    arguments = [word for name in require or [] for word in ("--require", name)]
    if everything:
        arguments.append("--all")
    if fast:
        arguments += ["-m", "not native and not browser", *(f"tests/{name}" for name in FAST)]
    elif "native" in (require or []) or not context.args:
        _have_the_real_parts()
    if not context.args:
        arguments += ["-n", str(PROCESSES), "--dist", "loadgroup", "--no-loadscope-reorder"]
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "pytest", *arguments, *context.args]
    raise typer.Exit(subprocess.run(command, cwd=REPOSITORY, env=env, umask=0o022, check=False).returncode)


def _have_the_real_parts() -> None:
    """Download them where progress is seen, not inside the first test that wants them, whose time is limited."""
    libraries.install(say)
    if not mysql.on_path() and not all(row.found for row in libraries.check()):
        return  # the tests say what is missing and how to get it
    try:
        with DownloadBar() as bar:
            native.download(Settings(stack="native"), bar)
    except FetchFailed as error:
        say(f"the native stack's tests will say so too: {error}")
