"""Provision a stack whose processes run: schema, grants, topics, capture."""

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
from domain.errors import ExpectedError
from settings import Settings
from stacks.native import healing, intent, position, roles, server_log, server_position
from stacks.native.diagnosis import Cure
from stacks.native.healing import Healing

Say = Callable[[str], None]
ANSWERS_WITHIN_S = 90.0
PASSING = ("does not exist", "out of date", "leader", "Leader")
"""Words in refusals of the functions worker that pass by themselves: ask again."""
FORBIDDEN = (401, 403)
"""Statuses of refusals that do not change when the request is repeated."""


class ProvisionFailed(ExpectedError):
    """A component did not start, or refused a request; `str(error)` names it and its log."""


def provision(settings: Settings, say: Say) -> None:
    """Provision database, broker and capture. Each step keeps what exists already.

    Raises ProvisionFailed, db.binlog.BinlogUnfit or PartitionsDiffer.
    """
    with ThreadPoolExecutor(2) as pool:
        # MySQL is ready some seconds before the broker, so the schema is created in parallel.
        database_job = pool.submit(provision_database, settings, say)
        broker_job = pool.submit(provision_broker, settings, say)
        database_job.result()
        broker_job.result()
    start_capture(settings, say)


def start_capture(settings: Settings, say: Say) -> None:
    """Create the source, or let the capture that is a process start in its place, and wait until it reads the binlog.

    Raises ProvisionFailed, AdminUnavailable or AdminRefused.
    """
    if settings.facts.capture.has_connector:
        create_source(settings, say)
        provisioned_marker(settings).touch()
    else:
        remove_source(settings)
        start_server(settings, say)


def start_server(settings: Settings, say: Say) -> None:
    """Let the capture that is a process start, and wait until it reads the binlog. Raises ProvisionFailed."""
    provisioned_marker(settings).touch()  # without it the capture does not start
    _await_capture(settings, say)


def provisioned_marker(settings: Settings) -> Path:
    """Return the marker file. Until it exists, the source is being created, and the watcher does not heal it; or the capture
    that is a process waits for schema and topics.
    """
    return settings.run / "provisioned"


def provision_database(settings: Settings, say: Say) -> None:
    engine = connect(settings.admin_url, pool_size=1)
    try:
        await_answer(engine, "MySQL", settings.logs / "database.log")
        with engine.connect().execution_options(**READ) as connection:
            binlog.require(connection, settings.facts.capture.mysql_before)
        upgrade(engine)
        grants.apply_grants(engine)
        say("MySQL answers, its binlog fits, the schema is up to date")
    finally:
        engine.dispose()


def await_broker(settings: Settings) -> None:
    """Wait until the broker has namespace and topics and accepts sources, and change nothing else. Raises ProvisionFailed."""
    with Admin(settings, timeout_s=5) as admin:
        _await(admin.namespace_exists, "Pulsar", settings.logs / "broker.log")
        _await(lambda: _make_topics(admin, settings), "Pulsar", settings.logs / "broker.log")
        _await(admin.functions_ready, "Pulsar's functions worker", settings.logs / "broker.log")


def provision_broker(settings: Settings, say: Say) -> None:
    with Admin(settings, timeout_s=5) as admin:
        # The namespace appears some seconds after the REST answers; a source created before it is refused.
        _await(admin.namespace_exists, "Pulsar", settings.logs / "broker.log")
        # A broker that has just started, or restarts meanwhile, may leave some of these requests unanswered.
        _await(lambda: _make_topics(admin, settings), "Pulsar", settings.logs / "broker.log")
        if settings.broker_is_guarded:
            _await(
                lambda: _is_closed_to_strangers(admin, settings), "Pulsar's admin REST", settings.logs / "broker.log"
            )
            roles.grant_rights(admin, settings)
        _await(admin.functions_ready, "Pulsar's functions worker", settings.logs / "broker.log")
    say("Pulsar answers")


def recreate_topics(settings: Settings) -> None:
    """Delete the topics of events and create them again, empty. Raises AdminUnavailable, AdminRefused or ProvisionFailed."""
    with Admin(settings, timeout_s=30) as admin:
        for topic in settings.topics.observed():
            admin.delete_topic(topic)
    provision_broker(settings, lambda _: None)


def _make_topics(admin: Admin, settings: Settings) -> bool:
    """Set the namespace's policies and create the topics; repeating it changes nothing. Raise ProvisionFailed if forbidden."""
    try:
        admin.keep_messages()
        admin.accept_any_schema()
        topics, capture = settings.topics, settings.facts.capture
        of_source = (topics.offsets, topics.schema_history) if capture.has_connector else ()
        of_progress = (topics.heartbeat,) if capture.reads_binlog else ()
        for topic in (*topics.observed(), topics.routed, *of_source, *of_progress):
            admin.create_topic(topic, topics_partitions(settings, topic))
        for topic in of_progress:
            admin.keep_briefly(topic)
    except AdminRefused as error:
        if error.status in FORBIDDEN:
            raise ProvisionFailed(str(error)) from error
        raise
    return True


def _is_closed_to_strangers(admin: Admin, settings: Settings) -> bool:
    """Return True when the admin API refuses a request without a token. Raises ProvisionFailed when it answers one."""
    if admin.answers_without_token():
        raise ProvisionFailed(
            f"Pulsar's admin REST at {settings.pulsar_admin_url} answers without a token; the broker's log,"
            f" {settings.logs / 'broker.log'}, says which of its rules (source.btm) was not taken"
        )
    return True


def topics_partitions(settings: Settings, topic: str) -> int:
    """Return the number of partitions of a topic: only events and commands have them, the source's topics have none."""
    topics = settings.topics
    return settings.partitions if topic in (topics.routed, topics.raw, topics.commands) else 0


def create_source(settings: Settings, say: Say) -> None:
    """Create or update the source, unless its user stopped or deleted it."""
    if intent.read(settings) != "run":
        say(f"the source stays {intent.read(settings)}, as its user asked")
        return
    config = source.render(settings)
    _write_config(settings, config)
    with Admin(settings, timeout_s=30) as admin:
        # Each connector version publishes to a topic of its own, and a worker reads two topics in no common order. So after a
        # change of the connector, the old topic is drained first.
        other_topic = settings.topics.carrying_events()[1]
        _await(
            lambda: _is_drained(admin, other_topic, settings.subscription),
            f"what is left on {other_topic}",
            settings.logs,
        )
        _await(lambda: _is_created(admin, config), "the Debezium source", settings.logs / "source.log")
    _await_capture(settings, say)


def remove_source(settings: Settings) -> None:
    """Delete the source of an earlier run with another capture. Its offsets stay: created again, it goes on where it was."""
    with Admin(settings, timeout_s=30) as admin:
        _await(lambda: _is_absent(admin, settings), "the Debezium source's end", settings.logs / "source.log")


def _is_absent(admin: Admin, settings: Settings) -> bool:
    try:
        if admin.source_exists(settings.source_name):
            admin.delete_source(settings.source_name)
    except AdminRefused:
        if settings.facts.servers_are_ours:
            raise
        # A cluster without a functions worker, or with sources that this tenant may not see, has none of this instance.
    return True


def _await_capture(settings: Settings, say: Say) -> None:
    """Wait until the capture reads the binlog. A running one first takes a snapshot of the outbox."""
    capture = settings.facts.capture
    name = f"the {capture.product} {capture.component}" if capture.has_connector else capture.product
    engine = connect(settings.admin_url, pool_size=1)
    try:
        _await(
            lambda: _is_capturing(engine) or _heal(settings, say),
            name,
            settings.logs / f"{capture.component}.log",
        )
    finally:
        engine.dispose()
    say(f"{name} reads the binlog")


def _heal(settings: Settings, say: Say) -> bool:
    """Let a capture that starts with a position or a history that is gone take a new snapshot, once; return False.

    The watcher cannot: it heals a source only after it was provisioned, and none while this operation runs.
    """
    has_connector = settings.facts.capture.has_connector
    trouble = _find_trouble(settings) if has_connector else server_log.find_trouble(settings)
    if trouble is None or trouble.cause.cure is not Cure.RESNAPSHOT or trouble.resnapshots:
        return False
    say(f"the capture takes a new snapshot: {trouble.cause.sentence}")
    healing.write(settings, trouble.after("resnapshot"))
    if has_connector:
        position.resnapshot(settings, say)
    else:
        server_position.resnapshot(settings, say)
    return False


def _find_trouble(settings: Settings) -> Healing | None:
    with Admin(settings, timeout_s=30) as admin:
        status = source.status(admin, settings.source_name)
    return None if status is None else healing.diagnose(settings, status)


def _is_capturing(engine: Engine) -> bool:
    with translated(), engine.connect().execution_options(**READ) as connection:
        return binlog.is_captured(connection)


def _is_drained(admin: Admin, topic: str, subscription: str) -> bool:
    subscription_statistics = admin.topic_statistics(topic)["subscriptions"].get(subscription)
    return subscription_statistics is None or subscription_statistics["msgBacklog"] == 0


def _is_created(admin: Admin, config: dict[str, object]) -> bool:
    try:
        if source.ensure_source(admin, config) != "created":
            position.start(admin, str(config["name"]))
    except AdminRefused as error:
        # Shortly after its start, the functions worker has no leader, or does not know the namespace.
        if error.status in (404, 500, 503) or any(word in error.reason for word in PASSING):
            return False
        raise ProvisionFailed(str(error)) from error
    return True


def _write_config(settings: Settings, config: dict[str, object]) -> None:
    """Write the source's configuration, with its password, to the instance's run folder."""
    settings.run.mkdir(parents=True, exist_ok=True)
    write_secret(settings.run / "debezium-mysql-outbox.json", config)


def write_secret(path: Path, config: dict[str, object], mode: int = 0o600) -> None:
    """Write a file that holds a password. Other users can never read it, not even while it is written."""
    path.unlink(missing_ok=True)  # an existing file would keep its mode
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    os.fchmod(descriptor, mode)  # independent of this process's umask
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
        file.write("\n")


def await_answer(engine: Engine, server: str, log: object = "the server's own log") -> None:
    """Wait until the database answers. Raises ProvisionFailed after a minute and a half."""
    _await(lambda: _database_answers(engine), server, log)


def _database_answers(engine: Engine) -> bool:
    try:
        with translated(), engine.connect().execution_options(**READ):
            return True
    except DatabaseUnavailable:
        return False


def _await(condition: Callable[[], bool], server: str, log: object) -> None:
    deadline = time.monotonic() + ANSWERS_WITHIN_S
    last = ""
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (AdminUnavailable, AdminRefused, DatabaseUnavailable) as error:
            last = f" ({error})"
        time.sleep(0.1)
    raise ProvisionFailed(f"{server} is not ready after {ANSWERS_WITHIN_S:.0f} s{last}; its log: {log}")
