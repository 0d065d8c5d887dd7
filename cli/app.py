"""The command line's entry: its verbs, and the failures it tells in words."""

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
        "A transactional outbox you can watch: a command, its transaction, the captured event, Apache Pulsar, the"
        " notification. Start with `./alpes up` and open the page it names."
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

KNOWN = (
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
    """Exit code 0 on success only, 1 when it failed, 2 when it was called wrongly, 130 after Ctrl-C."""
    os.umask(UMASK)  # what it writes holds commissions and passwords
    try:
        # Called so, it returns the code of a `typer.Exit` instead of raising it.
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
    except KNOWN as error:
        _fail(str(error))
    except ValidationError as error:
        lines = [f"  ALPES_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors() if item["loc"]]
        _fail("a setting does not fit:\n" + "\n".join(lines), code=2)
    except sqlite3.OperationalError as error:
        _fail(f"nothing has been observed yet ({error}); `./alpes up` starts the observer")
    except httpx.HTTPError as error:
        _fail(f"the API did not answer: {error}; `./alpes status` tells how the parts are")
    except typer.TyperException as error:
        error.show()  # type: ignore[attr-defined]
        sys.exit(2)


def _fail(text: str, code: int = 1) -> None:
    if "--json" in sys.argv:
        print_json({"ok": False, "error": text})
    else:
        err.print(f"alpes: {text}", style="red", markup=False)
    sys.exit(code)
