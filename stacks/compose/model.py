"""Read the compose files as Compose does: resolve anchors and variables, and merge one file over another.

It knows only what these files use. The running stack relies on Docker's own reading, `docker compose config`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from settings.model import REPOSITORY

DEMO = REPOSITORY / "docker-compose.yml"
PRODUCTION = REPOSITORY / "compose.prod.yml"
CLUSTER = REPOSITORY / "compose.cluster.yml"
SAMPLE = {"ALPES_SECRETS": "/secrets"}
"""Values of the variables that have no default."""

VARIABLES = re.compile(r"\$\$|\$\{(?P<name>\w+)(?:(?P<kind>:-|:\?)(?P<rest>[^}]*))?\}")


@dataclass(frozen=True)
class _Reset:
    """A value tagged `!reset`, which removes the value below it."""


@dataclass(frozen=True)
class _Override:
    """A value tagged `!override`, which replaces the value below it instead of being merged with it."""

    value: Any


class _Loader(yaml.SafeLoader):
    pass


def _override(loader: _Loader, node: yaml.Node) -> _Override:
    if isinstance(node, yaml.SequenceNode):
        return _Override(loader.construct_sequence(node, deep=True))
    if isinstance(node, yaml.MappingNode):
        return _Override(loader.construct_mapping(node, deep=True))
    return _Override(loader.construct_object(node, deep=True))


_Loader.add_constructor("!reset", lambda loader, node: _Reset())
_Loader.add_constructor("!override", _override)


def demo(variables: Mapping[str, str] | None = None, path: Path = DEMO) -> dict[str, Any]:
    """Return `docker-compose.yml` with its variables filled in; those that are not given have their defaults.

    Raises yaml.YAMLError, or KeyError for a variable that must be given.
    """
    tree: dict[str, Any] = interpolate(read(path), variables or {})
    return tree


def production(
    variables: Mapping[str, str] | None = None, base: Path = DEMO, over: Path = PRODUCTION
) -> dict[str, Any]:
    """Return `compose.prod.yml` merged over the demo. Raises what `demo` raises."""
    values = {**SAMPLE, **(variables or {})}
    tree: dict[str, Any] = merge(interpolate(read(base), values), interpolate(read(over), values))
    return tree


def cluster(variables: Mapping[str, str] | None = None, base: Path = DEMO, over: Path = CLUSTER) -> dict[str, Any]:
    """Return `compose.cluster.yml` merged over the demo. Raises what `demo` raises."""
    values = variables or {}
    tree: dict[str, Any] = merge(interpolate(read(base), values), interpolate(read(over), values))
    return tree


def read(path: Path) -> Any:
    """Return the file's tree, with `!reset` and `!override` kept for `merge`. Raises yaml.YAMLError."""
    return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader with two further tags


def interpolate(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return VARIABLES.sub(lambda match: _value(match, variables), value)
    if isinstance(value, dict):
        return {key: interpolate(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item, variables) for item in value]
    if isinstance(value, _Override):
        return _Override(interpolate(value.value, variables))
    return value


def merge(base: Any, over: Any) -> Any:
    """Merge one tree over another as Compose does: maps by key, lists appended, other values replaced."""
    if isinstance(over, _Override):
        return over.value
    if isinstance(base, dict) and isinstance(over, dict):
        merged = {key: item for key, item in base.items() if not isinstance(over.get(key), _Reset)}
        for key, item in over.items():
            if not isinstance(item, _Reset):
                merged[key] = merge(merged.get(key), item)
        return merged
    if isinstance(base, list) and isinstance(over, list):
        return base + over
    return over


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name = match["name"]
    if name is None:
        return "$"
    if variables.get(name):
        return variables[name]
    if match["kind"] == ":?":
        raise KeyError(f"{name} must be given: {match['rest']}")
    return match["rest"] or ""
