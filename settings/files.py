"""Read and write the two files of an instance: the kept settings, and the settings of the present run.

A setting from the environment is valid for one run, so it is only in the run's file. Every process and command of the run reads
that file; the next `up` does not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from domain.errors import ExpectedError
from settings.shared_files import hand_over

INSTANCE = "instance.json"
RUN = "run.json"
ENVIRONMENT = "from_environment"

GENERATED = (
    "control_token",
    "oidc_cookie_secret",
    "database_url",
    "database_worker_url",
    "database_admin_url",
    "debezium_password",
    "debezium_tls_truststore_password",
)
"""Settings that `up` generates at the first start and keeps: secrets, and URLs that contain one."""
OPTIONS = ("nar", "workers", "secure", "partitions", "cluster", "capture", "mysql_version")
"""Options of `up` that are kept until another value is given."""


class SettingsDamaged(ExpectedError):
    """A file of settings cannot be read; `str(error)` names it."""


_read_run: ContextVar[bool] = ContextVar("read_run", default=True)


@contextmanager
def for_new_run() -> Iterator[None]:
    """Enter a context in which settings are loaded for a new run, without the file of an earlier run."""
    token = _read_run.set(False)
    try:
        yield
    finally:
        _read_run.reset(token)


def read(home: Path) -> dict[str, Any]:
    """Return the values of both files; those of the run have priority. Raise SettingsDamaged."""
    return read_kept(home) | (_read_values(home / RUN) if _read_run.get() else {})


def read_kept(home: Path) -> dict[str, Any]:
    """Return the values that are kept for later runs. Raise SettingsDamaged."""
    values = _read_values(home / INSTANCE)
    if "home" in values:  # written by an older version, which kept all settings, even those of the environment
        return {name: values[name] for name in ("stack", *GENERATED, *OPTIONS) if name in values}
    return values


def names_from_environment(home: Path) -> list[str]:
    """Return the names of the settings that came from the environment of the present or last run."""
    return list(_read_values(home / RUN).get(ENVIRONMENT, ()))


def keep(home: Path, changes: Mapping[str, Any]) -> None:
    """Change kept values; None removes one. Raise OSError."""
    values = {name: value for name, value in (read_kept(home) | dict(changes)).items() if value is not None}
    write(home / INSTANCE, values)


def is_given(name: str) -> bool:
    """Return whether the environment or a file in `ALPES_SECRETS_DIR` has this setting."""
    folder = os.environ.get("ALPES_SECRETS_DIR")
    return f"ALPES_{name.upper()}" in os.environ or bool(folder and (Path(folder) / f"alpes_{name}").exists())


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON file atomically, readable by the owner of its folder only. Raise OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.unlink(
        missing_ok=True
    )  # otherwise a symbolic link would be followed, and an existing file would keep its mode
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(values, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    hand_over(temporary)
    temporary.replace(path)


def _read_values(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise SettingsDamaged(f"{path} is damaged: it is no JSON object. Repair or remove it")
    return values
