"""Assemble the command line from its verbs, and print expected errors as sentences instead of tracebacks."""

from __future__ import annotations

import os
import sqlite3
import sys

import httpx
import typer
from pydantic import ValidationError

from application.permissions import Forbidden
from application.wake import SocketFolderUnsafe
from cli import (
    commissions,
    compose,
    fuzzing,
    keeping,
    lifecycle,
    measuring,
    notebooks,
    operations,
    parts,
    scenarios,
    testing,
    watching,
)
from cli.output import Failed, err, print_json
from connectors.admin import AdminRefused, AdminUnavailable, PartitionsDiffer
from connectors.broker import BrokerUnavailable
from db.errors import DatabaseUnavailable, UnstorableData
from domain.errors import Refusal
from scenarios.waiting import JudgeFailed, TookTooLong
from settings.files import SettingsDamaged
from stacks.compose.cli import DockerUnavailable
from stacks.control import NotRunning, PartUnknown
from stacks.instance import AlreadyRunning, StartFailed
from stacks.native.artifacts import FetchFailed
from stacks.operation import Busy, Lapsed
from stacks.ownership import NotMade
from stacks.privacy import UMASK
from stacks.reset import NotDrained
from stacks.staging import BackupUnfit

app = typer.Typer(
    name="alpes",
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
for module in (
    lifecycle,
    commissions,
    watching,
    operations,
    scenarios,
    fuzzing,
    measuring,
    keeping,
    parts,
    compose,
    notebooks,
    testing,
):
    module.register(app)

# Errors whose text tells the user what to do. Any other error is a defect of this program and shows its traceback.
EXPECTED_ERRORS = (
    AdminRefused,
    AdminUnavailable,
    BackupUnfit,
    BrokerUnavailable,
    Busy,
    DatabaseUnavailable,
    UnstorableData,
    DockerUnavailable,
    Failed,
    FetchFailed,
    Lapsed,
    Forbidden,
    JudgeFailed,
    NotDrained,
    NotMade,
    NotRunning,
    PartUnknown,
    PartitionsDiffer,
    Refusal,
    SettingsDamaged,
    SocketFolderUnsafe,
    StartFailed,
    TookTooLong,
)


def main() -> None:
    """Run the command line and exit with 0 on success, 1 on failure, 2 on wrong usage, 130 after Ctrl-C."""
    os.umask(UMASK)  # the files that commands write hold commissions and passwords
    try:
        # With `standalone_mode=False`, typer returns the code of a `typer.Exit` instead of raising it.
        sys.exit(app(prog_name="./alpes", standalone_mode=False))
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except AlreadyRunning as error:
        settings = error.settings
        _fail(
            f"{error}\n  page  http://{settings.bind}:{settings.dashboard_port}\n  stop  ./alpes down --stack {settings.stack}"
        )
    except EXPECTED_ERRORS as error:
        _fail(str(error))
    except ValidationError as error:
        lines = [f"  ALPES_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors() if item["loc"]]
        _fail("these settings are invalid:\n" + "\n".join(lines), code=2)
    except sqlite3.OperationalError as error:
        _fail(f"nothing has been observed yet ({error}); `./alpes up` starts the observer")
    except httpx.HTTPError as error:
        _fail(f"the API did not answer: {error}; `./alpes status` shows which components are healthy")
    except typer.TyperException as error:
        error.show()  # type: ignore[attr-defined]
        sys.exit(2)


def _fail(text: str, code: int = 1) -> None:
    if "--json" in sys.argv:
        print_json({"ok": False, "error": text})
    else:
        err.print(f"alpes: {text}", style="red", markup=False)
    sys.exit(code)
