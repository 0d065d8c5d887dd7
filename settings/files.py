"""The two files of an instance: what is kept until it is changed, and what the present run was started with.

A setting that came from the environment holds for one run, so it stands in the run's file only: the next `up` does not
read that file, and every process and command of the run does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

KEPT = "instance.json"
RUN = "run.json"
ENVIRONMENT = "from_environment"

MADE_UP = (
    "control_token",
    "oidc_cookie_secret",
    "database_url",
    "database_worker_url",
    "database_admin_url",
    "debezium_password",
    "debezium_tls_truststore_password",
)
"""What `up` makes up at the first start and keeps: secrets, and the URLs that hold one."""
OPTIONS = ("nar", "workers", "secure", "partitions")
"""Options of `up` that are kept until they are given another value."""


class SettingsDamaged(Exception):
    """A file of settings cannot be read; `str(error)` names it."""


_read_run: ContextVar[bool] = ContextVar("read_run", default=True)


@contextmanager
def kept_only() -> Iterator[None]:
    """Settings that are loaded within begin a new run: what an earlier run alone was given is not read."""
    token = _read_run.set(False)
    try:
        yield
    finally:
        _read_run.reset(token)


def read(home: Path) -> dict[str, Any]:
    """The values of both files, the run's first. Raises SettingsDamaged."""
    return kept(home) | (_values(home / RUN) if _read_run.get() else {})


def kept(home: Path) -> dict[str, Any]:
    """The values that a later run has, too."""
    values = _values(home / KEPT)
    if "home" in values:  # by a version that kept every setting, those of the environment too
        return {name: values[name] for name in ("stack", *MADE_UP, *OPTIONS) if name in values}
    return values


def of_environment(home: Path) -> list[str]:
    """The settings that the environment gave the present or last run."""
    return list(_values(home / RUN).get(ENVIRONMENT, ()))


def keep(home: Path, changes: Mapping[str, Any]) -> None:
    """Add to what is kept; None takes a value out. Raises OSError."""
    values = {name: value for name, value in (kept(home) | dict(changes)).items() if value is not None}
    write(home / KEPT, values)


def given(name: str) -> bool:
    """Whether the environment, or a file of `ALPES_SECRETS_DIR`, says this setting."""
    folder = os.environ.get("ALPES_SECRETS_DIR")
    return f"ALPES_{name.upper()}" in os.environ or bool(folder and (Path(folder) / f"alpes_{name}").exists())


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Whole or not at all, for the owner alone. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)  # a link there is not followed, and a file there keeps its mode
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(values, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _values(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise SettingsDamaged(f"{path} is damaged: it is no JSON object. Put it right, or remove it")
    return values
