"""Who is not what it must be is refused, and told why in words."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pulsar
import pymysql
import pytest
from sqlalchemy import make_url

from connectors.admin import Admin, AdminRefused, AdminUnavailable
from connectors.broker import Broker, BrokerUnavailable, Publisher, Subscription
from db.engine import connect
from db.errors import DatabaseUnavailable, translated
from settings import Settings, load
from stacks.native import certificates
from stacks.native import roles as roles_of

pytestmark = pytest.mark.native

OTHER_NAME = "127.1"
"""The same address under a name that stands in no certificate."""


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate of an authority that signed nothing here."""
    authority, _ = certificates.ensure_certificates(tmp_path_factory.mktemp("stranger"), ("localhost",))
    return authority.cert


@pytest.fixture
def forged(tmp_path: Path) -> Path:
    """A token for the administrator, signed with another key."""
    path = tmp_path / "forged.jwt"
    path.write_text(roles_of.make_token(roles_of.ADMIN, b"0" * 32))
    return path


def changed(secured: Settings, **changes: Any) -> Settings:
    return load(home=secured.home, **changes)


def publish(settings: Settings, topic: str) -> str:
    publisher = Publisher(Broker(settings), topic)
    try:
        return publisher.send(b"{}")
    finally:
        publisher.close()


def let_in(settings: Settings, topic: str, subscription: str) -> str:
    """The refusal of a consumer; empty when it was let in."""
    consumer = Subscription(Broker(settings), [topic], subscription, consumer_type=pulsar.ConsumerType.Shared)
    try:
        consumer.ensure_connected()
        return consumer.refusal
    finally:
        consumer.close()


def test_a_wrong_token_is_refused(secured: Settings, forged: Path) -> None:
    settings = changed(secured, pulsar_token_file=forged, pulsar_admin_token_file=forged)
    with pytest.raises(BrokerUnavailable, match="does not accept this token; set ALPES_PULSAR_TOKEN_FILE"):
        publish(settings, secured.topics.commands)
    with Admin(settings) as admin, pytest.raises(AdminRefused, match=r"401.*set ALPES_PULSAR_TOKEN_FILE"):
        admin.topics()


def test_nobody_is_let_in_without_a_token(secured: Settings) -> None:
    settings = changed(secured, pulsar_token_file=None, pulsar_admin_token_file=None)
    with pytest.raises(BrokerUnavailable, match="requires a token"):
        publish(settings, secured.topics.commands)
    with Admin(settings) as admin, pytest.raises(AdminRefused, match="401"):
        admin.topics()


def test_a_wrong_authority_is_refused(secured: Settings, stranger: Path) -> None:
    settings = changed(secured, pulsar_tls_ca=stranger, database_tls_ca=stranger)
    with pytest.raises(BrokerUnavailable, match=r"not signed by an authority trusted here.*ALPES_PULSAR_TLS_CA"):
        publish(settings, secured.topics.commands)
    with Admin(settings) as admin, pytest.raises(AdminUnavailable, match="not signed by an authority trusted here"):
        admin.topics()
    with pytest.raises(DatabaseUnavailable, match=r"not signed by an authority.*ALPES_DATABASE_TLS_CA"):
        answers(settings.worker_url)


def test_a_wrong_host_name_is_refused(secured: Settings) -> None:
    def elsewhere(url: str) -> str:
        return url.replace("127.0.0.1", OTHER_NAME)

    settings = changed(
        secured,
        pulsar_url=elsewhere(secured.pulsar_url),
        pulsar_admin_url=elsewhere(secured.pulsar_admin_url),
        database_worker_url=elsewhere(secured.database_worker_url),
    )
    with pytest.raises(BrokerUnavailable, match=f"is not made out to {OTHER_NAME}"):
        publish(settings, secured.topics.commands)
    with Admin(settings) as admin, pytest.raises(AdminUnavailable, match=f"is not made out to {OTHER_NAME}"):
        admin.topics()
    with pytest.raises(DatabaseUnavailable, match="is made out to another host"):
        answers(settings.worker_url)


def test_the_host_name_is_not_looked_at_when_it_is_told_not_to(secured: Settings) -> None:
    url = secured.database_worker_url.replace("127.0.0.1", OTHER_NAME)
    answers(changed(secured, database_worker_url=url, database_tls_hostname_check=False).worker_url)


def test_a_plain_client_is_told_to_use_tls(secured: Settings) -> None:
    settings = changed(secured, pulsar_url=secured.pulsar_url.replace("+ssl", ""))
    with pytest.raises(BrokerUnavailable, match=r"addressed as pulsar\+ssl://"):
        publish(settings, secured.topics.commands)


def test_each_topic_is_granted_to_whom_it_concerns_and_to_nobody_else(secured: Settings) -> None:
    rights = roles_of.list_rights(secured)
    with Admin(secured) as admin:
        for topic in (*secured.topics.observed(), secured.topics.offsets, secured.topics.schema_history):
            granted = {role: set(actions) for role, actions in admin.permissions(topic).items()}
            on_topic = {
                role: {what for what in ("produce", "consume") if topic in getattr(its, what)} | set(its.namespace)
                for role, its in rights.items()
            }
            wanted = {role: actions for role, actions in on_topic.items() if actions}
            assert granted == wanted, topic


ROLES = ["notifications", "observer", "commands", "publisher"]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_refused_another_ones_topic(secured: Settings, roles: Path, role: str) -> None:
    settings = changed(secured, pulsar_token_file=roles / f"{role}.jwt")
    with pytest.raises(BrokerUnavailable, match="this token's role is not allowed to publish"):
        publish(settings, secured.topics.retry)
    foreign = secured.topics.offsets if role == "observer" else secured.topics.dead_letter
    assert "is not allowed to read" in let_in(settings, foreign, "anything")


def test_a_role_is_refused_another_ones_subscription(secured: Settings, roles: Path) -> None:
    # Both may read the topic; the observer must not take what the worker's subscription waits for.
    settings = changed(secured, pulsar_token_file=roles / "observer.jwt")
    assert "is not allowed to read" in let_in(settings, secured.topics.retry, secured.subscription)


def test_a_component_may_not_administer(secured: Settings, roles: Path) -> None:
    with Admin(changed(secured, pulsar_admin_token_file=roles / "notifications.jwt")) as admin:
        with pytest.raises(AdminRefused, match=r"403.*an administrator's"):
            admin.create_topic("persistent://public/default/mine")
        with pytest.raises(AdminRefused):
            admin.source(secured.source_name, "restart")


def test_mysql_takes_nobody_without_tls(secured: Settings) -> None:
    for url in (secured.database_url, secured.worker_url, secured.admin_url):
        at = make_url(url)
        with pytest.raises(pymysql.err.OperationalError, match=r"Access denied|insecure transport"):
            pymysql.connect(
                host=at.host, port=at.port or 0, user=at.username, password=str(at.password), ssl_disabled=True
            )
        plain = at.set(query={"ssl_disabled": "true"}).render_as_string(hide_password=False)
        with pytest.raises(DatabaseUnavailable, match="ALPES_DATABASE_TLS_CA"):
            answers(plain)


def test_keys_and_tokens_are_their_owners_alone_and_stand_nowhere_else(secured: Settings, roles: Path) -> None:
    files = [path for path in (secured.home / "secrets").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (*files, secured.instance_file)} == {0o600}
    tokens = [path.read_text() for path in roles.iterdir()]
    values = json.loads(secured.instance_file.read_text())
    passwords = [make_url(values[f"database_{kind}url"]).password for kind in ("", "worker_", "admin_")]
    hidden = [*tokens, *map(str, passwords), values["debezium_password"], values["debezium_tls_truststore_password"]]
    shown = [
        *secured.logs.iterdir(),
        *(path for path in secured.data.glob("pulsar/*") if path.is_file()),
        *(path for path in secured.run.iterdir() if path.is_file() and stat.S_IMODE(path.stat().st_mode) != 0o600),
    ]
    for path in shown:
        text = path.read_text(encoding="utf-8", errors="replace")
        assert [value for value in hidden if value in text] == [], path


def answers(url: str) -> None:
    engine = connect(url, pool_size=1)
    try:
        with translated(), engine.connect():
            pass
    finally:
        engine.dispose()
