"""Find the instance that a command means, and resolve the settings to start it with."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import make_url

from domain.errors import ExpectedError
from settings import Settings, files, load, load_for_new_run
from settings.model import REPOSITORY
from settings.stack_facts import DEFAULT, STACKS, BrokerKind
from stacks.choices import ChoiceRefused, require_possible
from stacks.controls import control
from stacks.registry import stack_of


class StartFailed(ExpectedError):
    """The instance could not be started; `str(error)` says what to do."""


HIDDEN = "(secret)"


@dataclass(frozen=True, slots=True)
class Origins:
    kept: dict[str, Any]
    """Setting → value that is kept for later runs until it is changed; secrets are hidden."""
    of_this_run: dict[str, Any]
    """Setting → value that the environment gave the present or last run, for that run only."""


def default_home(stack: str) -> Path:
    return Path(os.environ.get("ALPES_HOME") or REPOSITORY / ".alpes" / stack)


def find(stack: str | None = None, home: Path | None = None) -> Settings:
    """Return the settings of the named instance, else of the running one, else of the embedded one."""
    if home is not None or os.environ.get("ALPES_HOME"):
        stack_setting = {} if stack is None else {"stack": stack}
        return load(home=home or Path(os.environ["ALPES_HOME"]), **stack_setting)
    if stack is not None:
        return load(home=default_home(stack), stack=stack)
    existing = (settings for settings in map(_load_default, STACKS) if settings.instance_file.exists())
    return next((settings for settings in existing if control(settings).running()), None) or _load_default(DEFAULT.name)


def _load_default(stack: str) -> Settings:
    return load(home=default_home(stack), stack=stack)


@contextmanager
def hidden_environment(names: Iterable[str] | None = None) -> Iterator[None]:
    """Remove the settings of these names, or all settings, from the environment of this process within the `with` block.

    A run that goes on has all its values in its own file, and a private instance has ports of its own; those of the present
    command's environment must not change them, neither here nor in the processes that are started within the block.
    """
    if names is None:
        variables = {"ALPES_SECRETS_DIR", *map(_name_variable, Settings.model_fields)} - {"ALPES_HOME"}
    else:
        variables = set(map(_name_variable, names))
    # The settings are read from variables in any case.
    hidden = {name: value for name, value in os.environ.items() if name.upper() in variables}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _name_variable(setting: str) -> str:
    return f"ALPES_{setting.upper()}"


def resolve(stack: str, home: Path, go_on: bool = False, **changes: Any) -> Settings:
    """Return the settings for a start, with URLs, passwords and token generated if they are missing.

    `changes` and generated values are kept in the home; values of the environment hold for this run only. With `go_on`, the
    values of the environment of the last run still hold. Raises StartFailed.
    """
    read = load if go_on else load_for_new_run
    settings = read(home=home, stack=stack, **changes)
    if settings.facts.broker is BrokerKind.PULSAR_LITE and settings.partitions:
        raise StartFailed("pulsar-lite has no partitioned topics; --partitions is for the native and external stacks")
    try:
        require_possible(settings)
    except ChoiceRefused as error:
        raise StartFailed(str(error)) from error
    try:
        values = _generate_secrets(settings)
        values |= stack_of(read(home=home, stack=stack, **{**changes, **values})).urls()
        settings = read(home=home, stack=stack, **{**changes, **values})
        from_environment = _settings_from_environment()
        if go_on:
            from_environment |= set(files.names_from_environment(settings.home))
        kept_secrets = _secrets_to_keep(values, from_environment)
        files.keep(settings.home, {"stack": stack, **_options_to_keep(settings, changes), **kept_secrets})
        settings.save(from_environment)
    except OSError as error:
        raise StartFailed(
            f"{home} cannot be written: {error}. Name another folder: ALPES_HOME=/path ./alpes …"
        ) from error
    return settings


def origins(settings: Settings) -> Origins:
    """Return the settings that differ from the defaults, by their origin."""
    values = settings.to_json_values()
    defaults = Settings.model_construct().to_json_values()
    kept_values = files.read_kept(settings.home)
    kept_values = {
        name: value for name, value in kept_values.items() if name != "stack" and value != defaults.get(name)
    }
    from_environment = {name: values[name] for name in files.names_from_environment(settings.home) if name in values}
    return Origins(_without_secrets(kept_values), _without_secrets(from_environment))


def _without_secrets(values: dict[str, Any]) -> dict[str, Any]:
    secret = {name for name in values if name in files.GENERATED or Settings.model_fields[name].annotation is SecretStr}
    return {name: HIDDEN if name in secret else value for name, value in sorted(values.items())}


def _settings_from_environment() -> set[str]:
    return {name for name in Settings.model_fields if name not in ("home", "stack") and files.is_given(name)}


def _generate_secrets(settings: Settings) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if not settings.control_token.get_secret_value():
        values["control_token"] = secrets.token_urlsafe(24)
    if settings.oidc_metadata_url and not settings.oidc_cookie_secret.get_secret_value():
        values["oidc_cookie_secret"] = secrets.token_urlsafe(32)
    return values


def _options_to_keep(settings: Settings, changes: dict[str, Any]) -> dict[str, Any]:
    """Return the changed options to keep; None for one that is the default again, which removes it."""
    plain = settings.to_json_values()
    defaults = Settings.model_construct().to_json_values()
    return {name: None if plain[name] == defaults[name] else plain[name] for name in changes}


def _secrets_to_keep(values: dict[str, Any], from_environment: set[str]) -> dict[str, Any]:
    """Return the generated values that the environment does not set for this run."""
    kept_values = {name: values[name] for name in files.GENERATED if name in values and name not in from_environment}
    for name, value in kept_values.items():
        if str(value).startswith("mysql"):  # kept for its password; host and port are settings of the run
            kept_values[name] = make_url(value).set(host="127.0.0.1", port=None).render_as_string(hide_password=False)
        elif str(value).startswith("sqlite"):
            kept_values[name] = None
    return kept_values
