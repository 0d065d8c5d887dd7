"""The embedded stack: `pulsar-lite` and a SQLite file; there is nothing to install."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import shutil
import sqlite3
import stat
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

from sqlalchemy import Engine

from db.engine import connect, sqlite_url
from db.migrate import upgrade
from domain.errors import ExpectedError
from settings import Settings
from stacks.command import Command, Part
from stacks.embedded_healer import BrokerHealer
from stacks.native.artifacts import Progress
from stacks.python_parts import list_python_parts
from stacks.stack import Say
from stacks.supervised_stack import SupervisedStack

STORE = "store"
"""Prefix of the names of the broker's data folder and metadata file."""


class BrokerMissing(ExpectedError):
    """There is no `pulsar-lite` for this platform."""


class Embedded(SupervisedStack):
    held_to_empty_topics: ClassVar[tuple[str, ...]] = ("broker",)

    def urls(self) -> dict[str, object]:
        return {
            "database_url": sqlite_url(self.settings.data / "alpes.db"),
            "pulsar_url": f"pulsar://{self.settings.bind}:{self.settings.broker_port}",
        }

    def ports(self) -> tuple[str, ...]:
        return ("broker_port",)

    def prepare(self, say: Say, progress: Progress) -> list[Part]:
        own_parts = prepare(self.settings)
        engine = connect(self.settings.admin_url)
        upgrade(engine)
        engine.dispose()
        return own_parts + list_python_parts(self.settings)

    def versions(self) -> dict[str, str]:
        return versions()

    def empty_topics(self) -> None:
        remove_store(self.settings)

    def healer(self, engine: Engine) -> BrokerHealer:
        return BrokerHealer(self.settings, engine)


def prepare(settings: Settings) -> list[Part]:
    """Write the broker's configuration and return its component. Raises BrokerMissing."""
    folder = settings.data / "pulsar-lite"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "pulsar-lite.toml"
    config.write_text(
        f'addr = "{settings.bind}:{settings.broker_port}"\n'
        f"db_path = {json.dumps(str(folder / STORE), ensure_ascii=False)}\n"  # escapes as TOML's basic strings do
        'default_partitions = 0\nlog_level = "warn"\n'
        # The metrics would listen on a second port, on every address.
        "[metrics]\nenabled = false\n",
        encoding="utf-8",
    )
    return [Part("broker", Command((str(_find_binary()), "--config", str(config)), folder), priority=100)]


def remove_store(settings: Settings) -> None:
    """Delete the topics of a stopped broker."""
    folder = settings.data / "pulsar-lite"
    (folder / f"{STORE}.metadata.json").unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder / f"{STORE}.rocksdb")


def versions() -> dict[str, str]:
    return {
        "database": f"SQLite {sqlite3.sqlite_version}",
        "capture": "relay",
        "broker": f"pulsar-lite {version('pulsar-lite')}",
    }


def _find_binary() -> Path:
    package = importlib.util.find_spec("pulsar_lite")
    if package is None or package.origin is None:
        raise BrokerMissing(
            f"pulsar-lite has no build for {platform.system()} on {platform.machine()} (Linux x86-64 and macOS arm64 have one):"
            " use `./alpes up --stack compose`, `--stack external`, or `--stack native` with a mysqld 8.0 on the PATH"
        )
    binary = Path(package.origin).parent / "bin" / "pulsar-lite"
    if not os.access(binary, os.X_OK):
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)  # the wheel lacks the bit
    return binary
