"""The whole path over TLS, tokens and roles; partitions and several workers; the external stack on the same servers."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sqlalchemy import make_url, text

from application import Application
from connectors.admin import Admin, PartitionsDiffer
from connectors.broker import Broker, Publisher
from db import notification_queries, queries
from db.engine import connect
from db.errors import DatabaseUnavailable, translated
from domain.commands import ApproveCommission, CalculateCommission
from scenarios import end_to_end, runner
from scenarios.reconciliation import reconcile
from scenarios.waiting import until
from settings import Settings, load
from stacks import instance
from stacks.native import certificates, provision, secure
from stacks.processes import free_port
from stacks.status import status
from tests import traces
from tests.guests import guest

pytestmark = pytest.mark.native


def test_the_whole_path_over_tls_and_tokens(secured: Settings) -> None:
    assert (secured.pulsar_url[:12], secured.pulsar_admin_url[:8]) == ("pulsar+ssl:/", "https://")
    found = end_to_end.run(secured)
    assert (found.ok, found.events, found.notifications, found.audit_lines) == (True, 2, 2, 2)
    assert [part.name for part in status(secured).parts if part.light != "ok"] == []


def test_each_commissions_events_are_in_order_over_partitions_and_workers(secured: Settings) -> None:
    correlation = str(uuid.uuid4())
    with Application(secured, pool_size=2) as application:
        for _ in range(60):
            one = application.send(CalculateCommission(str(uuid.uuid4()), "aff-1", "cmp-1", "1.00", "USD", correlation))
            application.send(ApproveCommission(one.commission_id, correlation))
        until(lambda: reconcile(application, secured, correlation).complete, 30, "all sources agree")
        found = reconcile(application, secured, correlation)
        assert (found.committed, found.notified, found.out_of_order) == (120, 120, ())
        with application.reading() as connection:
            consumers = Counter(
                row.consumer
                for row in notification_queries.recent_notifications(connection, 1000)
                if row.correlation_id == correlation
            )
    assert set(consumers) == {"notifications-1", "notifications-2"}
    with Admin(secured) as admin:
        assert admin.partitions(secured.topics.events) == 3
        parts = [f"{secured.topics.events}-partition-{number}" for number in range(3)]
        counts = [admin.topic_statistics(part)["msgInCounter"] for part in parts]
    assert min(counts) > 0


def test_one_trace_goes_through_debezium_by_a_span_derived_from_measured_times(secured: Settings) -> None:
    assert secured.traces_file is not None
    trace_id, caller = uuid.uuid4().hex, uuid.uuid4().hex[:16]
    traces.calculate(secured, str(uuid.uuid4()), f"00-{trace_id}-{caller}-01")
    file = secured.traces_file
    until(lambda: len(traces.spans(file, trace_id)) == 5, 20, "five spans written")
    traces.assert_whole(traces.spans(file, trace_id), caller)


def test_a_command_is_published_with_the_publishers_role(secured: Settings, roles: Path) -> None:
    conversion = str(uuid.uuid4())
    body = {"command": "calculate", "conversionId": conversion, "affiliateId": "aff-1", "campaignId": "cmp-1"}
    publisher = Publisher(
        Broker(load(home=secured.home, pulsar_token_file=roles / "publisher.jwt")), secured.topics.commands
    )
    publisher.send(json.dumps({**body, "grossAmount": "1.00", "currency": "USD"}).encode())
    publisher.close()
    with Application(secured, pool_size=1) as application:

        def there() -> bool:
            with application.reading() as connection:
                return queries.commission_by_conversion(connection, conversion) is not None

        until(there, 20, "the command handled")


def test_other_partitions_are_refused_in_words(secured: Settings) -> None:
    with pytest.raises(PartitionsDiffer, match="has 3 partitions, not 5: set ALPES_PARTITIONS=3"):
        provision.provision_broker(load(home=secured.home, partitions=5), lambda _: None)


def test_mysql_knows_its_client_by_a_certificate(secured: Settings, tmp_path: Path) -> None:
    pair = client_certificate(tmp_path, secure.folder(secured))
    with guest(secured, "X509") as url:
        settings = load(
            home=secured.home,
            database_url=url,
            database_tls_ca=secured.database_tls_ca,
            database_tls_cert=pair.cert,
            database_tls_key=pair.key,
        )
        assert _encrypted_as(settings.database_url)
        with pytest.raises(DatabaseUnavailable):
            _encrypted_as(_without_certificate(settings))


def _encrypted_as(url: str) -> str:
    engine = connect(url, pool_size=1)
    try:
        with translated(), engine.connect() as connection:
            return str(connection.execute(text("SHOW SESSION STATUS LIKE 'Ssl_cipher'")).one()[1])
    finally:
        engine.dispose()


def _without_certificate(settings: Settings) -> str:
    url = make_url(settings.database_url).difference_update_query(["ssl_cert", "ssl_key"])
    return url.render_as_string(hide_password=False)


def client_certificate(folder: Path, authority: Path) -> certificates.Pair:
    """Signed by the stack's own authority, as an operator would make one."""
    pair = certificates.Pair(folder / "client.pem", folder / "client.key")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = datetime.now(UTC)
    signer = serialization.load_pem_private_key((authority / "ca.key").read_bytes(), None)
    assert isinstance(signer, rsa.RSAPrivateKey)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alpes client")]))
        .issuer_name(x509.load_pem_x509_certificate((authority / "ca.pem").read_bytes()).subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    encoding = serialization.Encoding.PEM
    pair.key.write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    pair.cert.write_bytes(certificate.public_bytes(encoding))
    return pair


def test_the_external_stack_runs_on_given_servers_under_its_own_names(secured: Settings, tmp_path: Path) -> None:
    with guest(secured, "SSL") as url:
        started = instance.up(
            "external",
            tmp_path / "external",
            print,
            database_url=url,
            database_tls_ca=secured.database_tls_ca,
            pulsar_url=secured.pulsar_url,
            pulsar_admin_url=secured.pulsar_admin_url,
            pulsar_tls_ca=secured.pulsar_tls_ca,
            pulsar_token=secured.token(),
            debezium_password=secured.debezium_password,
            debezium_port=secured.mysql_port,
            debezium_tls_mode="verify_ca",
            debezium_tls_truststore=secured.debezium_tls_truststore,
            debezium_tls_truststore_password=secured.debezium_tls_truststore_password,
            debezium_server_id=223399,
            server_name="guest-mysql",
            source_name="guest-outbox",
            events_topic="guest-events",
            commands_topic="guest-commands",
            subscription="guest-notifications",
            commands_subscription="guest-commands",
            observer_subscription="guest-observer",
            partitions=2,
            workers=2,
            api_port=free_port(),
            dashboard_port=free_port(),
            without=("dashboard",),
        )
        settings = started.settings
        try:
            found = end_to_end.run(settings)
            assert (found.ok, found.stack) == (True, "external")
            assert settings.topics.events == "persistent://public/default/guest-events"
            assert settings.demo is False
            with Admin(settings) as admin:
                assert admin.partitions(settings.topics.events) == 2
                config = admin.source_config("guest-outbox")["configs"]
                assert config["database.include.list"] == settings.database_name
            assert [part.name for part in status(settings).parts if part.light != "ok"] == []
        finally:
            instance.down(settings, print)
            with Admin(secured) as admin:
                admin.delete_source("guest-outbox")


def test_the_external_stack_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(instance.StartFailed, match="needs ALPES_DATABASE_URL and ALPES_PULSAR_URL"):
        instance.up("external", tmp_path, print)


def test_the_external_stack_tells_a_refusal_in_words(secured: Settings, tmp_path: Path) -> None:
    with guest(secured, "SSL") as url, pytest.raises(instance.StartFailed, match="requires a token"):
        instance.up(
            "external",
            tmp_path,
            print,
            database_url=url,
            database_tls_ca=secured.database_tls_ca,
            pulsar_url=secured.pulsar_url,
            pulsar_tls_ca=secured.pulsar_tls_ca,
            api_port=free_port(),
            without=("dashboard",),
        )


@pytest.mark.parametrize("name", ["kill-worker", pytest.param("kill-broker", marks=pytest.mark.breadth)])
def test_scenarios_run_through_the_secured_stack(secured: Settings, name: str) -> None:
    found = runner.run(secured, name, seed=1)
    assert (found.verdict, found.counts.lost, found.counts.duplicated_effects) == ("PASS", 0, 0), found.reason
