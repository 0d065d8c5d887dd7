"""Assemble the command line from its verbs, and print expected errors as sentences instead of tracebacks."""

from __future__ import annotations

import os
import sqlite3
import sys

import typer

from cli.output import err, print_json
from cli.verbs import VERBS, VerbGroup
from domain.errors import ExpectedError
from stacks.privacy import UMASK

app = typer.Typer(
    name="alpes",
    cls=VerbGroup,
    help=(
        "A transactional outbox you can watch: follow a command through its transaction, the captured event and Apache"
        " Pulsar to the notification. Start with `./alpes up` and open the page that it prints."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _not_loaded() -> None:
    """Stand in for a verb whose module is not imported yet."""


for verb, (_, line) in VERBS.items():
    app.command(verb, help=line)(_not_loaded)


def main() -> None:
    """Run the command line and exit with 0 on success, 1 on failure, 2 on wrong usage, 130 after Ctrl-C."""
    os.umask(UMASK)  # the files that commands write hold commissions and passwords
    try:
        # With `standalone_mode=False`, typer returns the code of a `typer.Exit` instead of raising it.
        sys.exit(app(prog_name="./alpes", standalone_mode=False))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except ExpectedError as error:
        _fail(str(error))
    except sqlite3.OperationalError as error:
        _fail(f"nothing has been observed yet ({error}); `./alpes up` starts the observer")
    except typer.TyperException as error:
        error.show()  # type: ignore[attr-defined]
        sys.exit(2)
    except Exception as error:
        _fail_for_library(error)
        raise


def _fail_for_library(error: Exception) -> None:
    """Exit with a sentence for the errors of libraries that are expected. They are imported here, where they are needed."""
    import httpx
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        lines = [f"  ALPES_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors() if item["loc"]]
        _fail("these settings are invalid:\n" + "\n".join(lines), code=2)
    if isinstance(error, httpx.HTTPError):
        _fail(f"the API did not answer: {error}; `./alpes status` shows which components are healthy")


def _fail(text: str, code: int = 1) -> None:
    if "--json" in sys.argv:
        print_json({"ok": False, "error": text})
    else:
        err.print(f"alpes: {text}", style="red", markup=False)
    sys.exit(code)
