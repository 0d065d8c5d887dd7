"""The external stack: an existing MySQL and Pulsar cluster. Only the Python components run here; faults are not allowed."""

from __future__ import annotations

from urllib.parse import urlsplit

from sqlalchemy import make_url

from connectors.admin import Admin, AdminRefused, AdminUnavailable, PartitionsDiffer
from connectors.broker import Broker, BrokerUnavailable, Publisher
from db import binlog, grants
from db.binlog import BinlogUnfit
from db.engine import READ, connect
from db.errors import DatabaseUnavailable, translated
from db.migrate import upgrade
from domain.errors import ExpectedError
from settings import Settings
from stacks import message_sizes
from stacks.command import Part
from stacks.native import debezium_server, provision
from stacks.native.artifacts import Progress
from stacks.python_parts import list_python_parts
from stacks.stack import Say
from stacks.supervised_stack import SupervisedStack

UNUSABLE_ERRORS = (
    AdminRefused,
    AdminUnavailable,
    BinlogUnfit,
    BrokerUnavailable,
    DatabaseUnavailable,
    PartitionsDiffer,
    provision.ProvisionFailed,
)


class ExternalUnfit(ExpectedError):
    """The given database or broker cannot be used; `str(error)` says what to set or to grant."""


class External(SupervisedStack):
    def urls(self) -> dict[str, object]:
        require(self.settings)
        return {}

    def ports(self) -> tuple[str, ...]:
        return ()

    def prepare(self, say: Say, progress: Progress) -> list[Part]:
        if self.settings.facts.capture.has_connector:
            return list_python_parts(self.settings)
        debezium_server.download(progress)
        return [debezium_server.part(self.settings), *list_python_parts(self.settings)]

    def provision(self, say: Say) -> None:
        provision_servers(self.settings, say)

    def versions(self) -> dict[str, str]:
        return versions(self.settings)

    def empty_topics(self) -> None:
        provision.recreate_topics(self.settings)

    def addresses(self) -> dict[str, str]:
        parts = urlsplit(self.settings.database_url)
        return {"mysql": f"{parts.hostname}:{parts.port or 3306}{parts.path}"}


def require(settings: Settings) -> None:
    """Raise ExternalUnfit if a setting is missing."""
    missing = [f"ALPES_{name.upper()}" for name in ("database_url", "pulsar_url") if not getattr(settings, name)]
    if missing:
        raise ExternalUnfit(
            f"the external stack needs {' and '.join(missing)}, for example"
            " ALPES_DATABASE_URL=mysql+pymysql://user:password@host:3306/alpes"
            " ALPES_PULSAR_URL=pulsar+ssl://host:6651 ALPES_PULSAR_ADMIN_URL=https://host:8443"
        )
    if make_url(settings.database_url).get_backend_name() != "mysql":
        raise ExternalUnfit("the external stack captures with Debezium: ALPES_DATABASE_URL must be mysql+pymysql://…")


def provision_servers(settings: Settings, say: Say) -> None:
    """Migrate the database, create topics and source if there is an admin API, and check the access to the broker.

    May be called again, which changes nothing. Raises ExternalUnfit.
    """
    try:
        _migrate_database(settings, say)
        if settings.pulsar_admin_url:
            _create_topics(settings, say)
        _require_access(settings)
        say(f"{settings.pulsar_url} accepts this token")
        if settings.pulsar_admin_url:
            if advice := message_sizes.problem(settings):
                say(advice)
            provision.start_capture(settings, say)
        elif settings.facts.capture.has_connector:
            say("ALPES_PULSAR_ADMIN_URL is not set: topics and source must exist already, and are not healed")
        else:
            say("ALPES_PULSAR_ADMIN_URL is not set: the topics must exist already")
            provision.start_server(settings, say)
    except UNUSABLE_ERRORS as error:
        raise ExternalUnfit(str(error)) from error
    provision.provisioned_marker(settings).touch()


def _migrate_database(settings: Settings, say: Say) -> None:
    engine = connect(settings.admin_url, pool_size=1)
    try:
        with translated(), engine.connect().execution_options(**READ) as connection:
            binlog.require(connection, settings.facts.capture.mysql_before)
        upgrade(engine)
        users = {make_url(url).username for url in (settings.database_url, settings.worker_url)}
        if users == {"alpes", "alpes_worker"} and settings.database_name == "alpes":
            grants.apply_grants(engine)
        say("MySQL answers, its binlog fits, the schema is up to date")
    finally:
        engine.dispose()


def _create_topics(settings: Settings, say: Say) -> None:
    topics = settings.topics
    of_source = (topics.offsets, topics.schema_history) if settings.facts.capture.has_connector else ()
    with Admin(settings) as admin:
        for policy, set_policy in (
            ("retention", admin.keep_messages),
            ("schema compatibility", admin.accept_any_schema),
        ):
            try:
                set_policy()
            except AdminRefused as error:
                if error.status not in (401, 403):
                    raise
                # A tenant's user may not change policies: the cluster's operator sets them, see the documentation.
                say(f"the {policy} of {settings.pulsar_namespace} is not changed: {error}")
        for topic in (*topics.observed(), *of_source, topics.heartbeat):
            admin.create_topic(topic, provision.topics_partitions(settings, topic))
        admin.keep_briefly(topics.heartbeat)
    say("the topics exist")


def _require_access(settings: Settings) -> None:
    """Check the access to the broker by creating a producer on the dead-letter topic, which publishes nothing."""
    publisher = Publisher(Broker(settings), settings.topics.dead_letter)
    try:
        if not publisher.ensure_connected():
            raise BrokerUnavailable(publisher.refusal or f"nothing answers at {settings.pulsar_url}")
    finally:
        publisher.close()


def versions(settings: Settings) -> dict[str, str]:
    """Return names and versions as the components report them; unreachable components are named as such."""
    names = {"database": "MySQL (not reached)", "capture": _name_capture(settings), "broker": "Pulsar"}
    engine = connect(settings.database_url, pool_size=1) if settings.database_url else None
    try:
        if engine is not None:
            with translated(), engine.connect().execution_options(**READ):
                version = engine.dialect.server_version_info or ()
                names["database"] = f"MySQL {'.'.join(map(str, version))}"
        with Admin(settings, timeout_s=2) as admin:
            names["broker"] = f"Pulsar {admin.version()}"
    except (AdminUnavailable, AdminRefused, DatabaseUnavailable):
        pass
    finally:
        if engine is not None:
            engine.dispose()
    return names


def _name_capture(settings: Settings) -> str:
    capture = settings.facts.capture
    return f"Debezium (NAR {settings.nar})" if capture.has_connector else f"{capture.product} {debezium_server.VERSION}"
