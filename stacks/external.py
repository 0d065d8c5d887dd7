"""Bring your own: an existing MySQL and Pulsar cluster; here only the Python parts run, and nothing is broken on purpose."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import make_url

from connectors.admin import Admin, AdminRefused, AdminUnavailable, PartitionsDiffer
from connectors.broker import Broker, BrokerUnavailable, Publisher
from db import binlog, grants
from db.binlog import BinlogUnfit
from db.engine import READ, connect
from db.errors import DatabaseUnavailable, translated
from db.migrate import upgrade
from settings import Settings
from stacks import message_sizes
from stacks.native import provision

Say = Callable[[str], None]


UNFIT = (
    AdminRefused,
    AdminUnavailable,
    BinlogUnfit,
    BrokerUnavailable,
    DatabaseUnavailable,
    PartitionsDiffer,
    provision.ProvisionFailed,
)


class ExternalUnfit(Exception):
    """The given database or broker cannot be used as it is; `str(error)` says what to set or to grant."""


def require(settings: Settings) -> None:
    """Raises ExternalUnfit where a setting is missing."""
    missing = [f"ALPES_{name.upper()}" for name in ("database_url", "pulsar_url") if not getattr(settings, name)]
    if missing:
        raise ExternalUnfit(
            f"the external stack needs {' and '.join(missing)}, for example"
            " ALPES_DATABASE_URL=mysql+pymysql://user:password@host:3306/alpes"
            " ALPES_PULSAR_URL=pulsar+ssl://host:6651 ALPES_PULSAR_ADMIN_URL=https://host:8443"
        )
    if make_url(settings.database_url).get_backend_name() != "mysql":
        raise ExternalUnfit("the external stack captures with Debezium: ALPES_DATABASE_URL must be mysql+pymysql://…")


def provisioned(settings: Settings, say: Say) -> None:
    """Migrate, create topics and source where there is an admin REST, and see that the broker lets the parts in.

    Raises ExternalUnfit. Again changes nothing.
    """
    try:
        _database(settings, say)
        if settings.pulsar_admin_url:
            _topics(settings, say)
        _lets_in(settings)
        say(f"{settings.pulsar_url} lets this token in")
        if settings.pulsar_admin_url:
            if advice := message_sizes.problem(settings):
                say(advice)
            provision.create_source(settings, say)
        else:
            say("no ALPES_PULSAR_ADMIN_URL: topics and source must be there already, and are not looked after")
    except UNFIT as error:
        raise ExternalUnfit(str(error)) from error
    provision.provisioned_marker(settings).touch()


def _database(settings: Settings, say: Say) -> None:
    engine = connect(settings.admin_url, pool_size=1)
    try:
        with translated(), engine.connect().execution_options(**READ) as connection:
            binlog.require(connection)
        upgrade(engine)
        users = {make_url(url).username for url in (settings.database_url, settings.worker_url)}
        if users == {"alpes", "alpes_worker"} and settings.database_name == "alpes":
            grants.apply_grants(engine)
        say("MySQL answers, its binlog fits, the schema is up to date")
    finally:
        engine.dispose()


def _topics(settings: Settings, say: Say) -> None:
    topics = settings.topics
    with Admin(settings) as admin:
        for what, ask in (("retention", admin.keep_messages), ("schema compatibility", admin.accept_any_schema)):
            try:
                ask()
            except AdminRefused as error:
                if error.status not in (401, 403):
                    raise
                # A tenant's user may be without policies: the cluster's operator sets them, see the documentation.
                say(f"the {what} of {settings.pulsar_namespace} is left as it is: {error}")
        for topic in (*topics.observed(), topics.offsets, topics.schema_history):
            admin.create_topic(topic, provision.topics_partitions(settings, topic))
    say("the topics are there")


def _lets_in(settings: Settings) -> None:
    """By the dead-letter topic, on which nothing is published by being asked for a producer."""
    publisher = Publisher(Broker(settings), settings.topics.dead_letter)
    try:
        if not publisher.ensure():
            raise BrokerUnavailable(publisher.refusal or f"nothing answers at {settings.pulsar_url}")
    finally:
        publisher.close()


def versions(settings: Settings) -> dict[str, str]:
    """As the parts themselves say; what does not answer is said not to."""
    found = {"database": "MySQL (not reached)", "capture": f"Debezium (NAR {settings.nar})", "broker": "Pulsar"}
    engine = connect(settings.database_url, pool_size=1) if settings.database_url else None
    try:
        if engine is not None:
            with translated(), engine.connect().execution_options(**READ):
                version = engine.dialect.server_version_info or ()
                found["database"] = f"MySQL {'.'.join(map(str, version))}"
        with Admin(settings, timeout_s=2) as admin:
            found["broker"] = f"Pulsar {admin.version()}"
    except (AdminUnavailable, AdminRefused, DatabaseUnavailable):
        pass
    finally:
        if engine is not None:
            engine.dispose()
    return found
