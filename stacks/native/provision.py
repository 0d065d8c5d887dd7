"""From processes that run to a stack that works: schema, grants, topics, source."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import Engine

from connectors import source
from connectors.admin import Admin, AdminRefused, AdminUnavailable
from db import binlog, grants
from db.engine import READ, connect
from db.errors import DatabaseUnavailable, translated
from db.migrate import upgrade
from settings import Settings
from stacks.native import intent, roles

Say = Callable[[str], None]
ANSWERS_WITHIN_S = 90.0
PASSING = ("does not exist", "out of date", "leader", "Leader")
"""In a refusal of the functions worker: ask again."""


class ProvisionFailed(Exception):
    """A part did not come up, or refused what it was asked; `str(error)` names it and its log."""


def provision(settings: Settings, say: Say) -> None:
    """Raises ProvisionFailed, db.binlog.BinlogUnfit or PartitionsDiffer. Each step leaves alone what is there already."""
    with ThreadPoolExecutor(2) as pool:
        # MySQL is ready seconds before the broker: the schema is made meanwhile.
        database = pool.submit(provision_database, settings, say)
        broker = pool.submit(provision_broker, settings, say)
        database.result()
        broker.result()
    create_source(settings, say)
    provisioned_marker(settings).touch()


def provisioned_marker(settings: Settings) -> Path:
    """Until this file is there, the watcher leaves the source alone: it is just being made."""
    return settings.run / "provisioned"


def provision_database(settings: Settings, say: Say) -> None:
    engine = connect(settings.admin_url, pool_size=1)
    try:
        await_answer(engine, "MySQL", settings.logs / "database.log")
        with engine.connect().execution_options(**READ) as connection:
            binlog.require(connection)
        upgrade(engine)
        grants.apply_grants(engine)
        say("MySQL answers, its binlog fits, the schema is up to date")
    finally:
        engine.dispose()


def provision_broker(settings: Settings, say: Say) -> None:
    with Admin(settings, timeout_s=5) as admin:
        # The namespace appears some seconds after the REST answers; a source created before it is refused.
        _await(admin.namespace_exists, "Pulsar", settings.logs / "broker.log")
        admin.keep_messages()
        admin.accept_any_schema()
        topics = settings.topics
        for topic in (*topics.observed(), topics.routed, topics.offsets, topics.schema_history):
            admin.create_topic(topic, topics_partitions(settings, topic))
        if settings.stack == "native":
            _await(lambda: _closed(admin, settings), "Pulsar's admin REST", settings.logs / "broker.log")
            roles.grant(admin, settings)
        _await(admin.functions_ready, "Pulsar's functions worker", settings.logs / "broker.log")
    say("Pulsar answers")


def _closed(admin: Admin, settings: Settings) -> bool:
    """True once the admin REST has refused a request without a token. Raises ProvisionFailed when it answers one."""
    if admin.answers_strangers():
        raise ProvisionFailed(
            f"Pulsar's admin REST at {settings.pulsar_admin_url} answers without a token; the broker's log,"
            f" {settings.logs / 'broker.log'}, says which of its rules (source.btm) was not taken"
        )
    return True


def topics_partitions(settings: Settings, topic: str) -> int:
    """Events and commands are spread over partitions; the source's own topics are read whole and in order."""
    topics = settings.topics
    return settings.partitions if topic in (topics.routed, topics.raw, topics.commands) else 0


def create_source(settings: Settings, say: Say) -> None:
    """Create or update the source, unless its user stopped or deleted it."""
    if intent.read(settings) != "run":
        say(f"the source stays {intent.read(settings)}, as it was left")
        return
    config = source.render(settings)
    _keep(settings, config)
    with Admin(settings, timeout_s=30) as admin:
        # Two topics are read in no order of each other: after a change of the connector, the one left is emptied first.
        left = settings.topics.carrying_events()[1]
        _await(lambda: _drained(admin, left, settings.subscription), f"what is left on {left}", settings.logs)
        _await(lambda: _created(admin, config), "the Debezium source", settings.logs / "source.log")
    engine = connect(settings.admin_url, pool_size=1)
    try:
        # Running is not reading: first it takes a snapshot of what the outbox holds.
        _await(lambda: _captures(engine), "the Debezium source", settings.logs / "source.log")
    finally:
        engine.dispose()
    say("the Debezium source reads the binlog")


def _captures(engine: Engine) -> bool:
    with translated(), engine.connect().execution_options(**READ) as connection:
        return binlog.is_captured(connection)


def _drained(admin: Admin, topic: str, subscription: str) -> bool:
    found = admin.topic_statistics(topic)["subscriptions"].get(subscription)
    return found is None or found["msgBacklog"] == 0


def _created(admin: Admin, config: dict[str, object]) -> bool:
    try:
        source.ensure(admin, config)
    except AdminRefused as error:
        # Shortly after its start the functions worker has no leader yet, or does not know the namespace.
        if error.status in (404, 500, 503) or any(word in error.reason for word in PASSING):
            return False
        raise ProvisionFailed(str(error)) from error
    return True


def _keep(settings: Settings, config: dict[str, object]) -> None:
    """The rendered configuration beside the instance, password and all."""
    settings.run.mkdir(parents=True, exist_ok=True)
    write_secret(settings.run / "debezium-mysql-outbox.json", config)


def write_secret(path: Path, config: dict[str, object], mode: int = 0o600) -> None:
    """Write what holds a password; never readable by others, from the first byte on."""
    path.unlink(missing_ok=True)  # one that is there keeps its mode
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    os.fchmod(descriptor, mode)  # whatever this process's mask is
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
        file.write("\n")


def await_answer(engine: Engine, what: str, log: object = "the server's own log") -> None:
    """Return once the database answers. Raises ProvisionFailed after a minute and a half."""
    _await(lambda: _answers(engine), what, log)


def _answers(engine: Engine) -> bool:
    try:
        with translated(), engine.connect().execution_options(**READ):
            return True
    except DatabaseUnavailable:
        return False


def _await(condition: Callable[[], bool], what: str, log: object) -> None:
    deadline = time.monotonic() + ANSWERS_WITHIN_S
    last = ""
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (AdminUnavailable, AdminRefused, DatabaseUnavailable) as error:
            last = f" ({error})"
        time.sleep(0.1)
    raise ProvisionFailed(f"{what} is not ready after {ANSWERS_WITHIN_S:.0f} s{last}; its log: {log}")
