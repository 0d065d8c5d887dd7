"""The checks of the Docker files: all pass on the committed files, and each one finds what it is there to find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from settings.model import REPOSITORY
from stacks.compose import broker_files, model
from stacks.compose.checks import CHECKS, Check, cluster, dockerfile, parity, production, rules, run, seed, tools
from stacks.compose.checks.check import run_check
from stacks.native import pulsar

DEMO = (model.DEMO).read_text(encoding="utf-8")
OVER = (model.PRODUCTION).read_text(encoding="utf-8")
CLUSTER = (model.CLUSTER).read_text(encoding="utf-8")
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")


def test_every_check_passes_on_the_committed_files() -> None:
    rows = run()
    assert [row for row in rows if not row.ok] == []
    assert len({row.name for row in rows}) == len(CHECKS)


@pytest.mark.parametrize(
    ("check", "old", "new"),
    [
        (tools.check_demo_schema, "interval: 2s", "intervall: 2s"),
        (rules.check_services, "  observer:\n", "  watching:\n"),
        (rules.check_pinned_images, "image: mysql:8.0.44", "image: mysql:latest"),
        (rules.check_pinned_images, "image: mysql:8.0.44", "image: mysql:8.0"),
        (rules.check_health_checks, "      start_period: 90s\n", ""),
        (rules.check_health_checks, 'test: ["CMD", "mysqladmin"', 'tests: ["CMD", "mysqladmin"'),
        (rules.check_dependencies, "mysql: { condition: service_healthy }", "mysql: { condition: service_started }"),
        (rules.check_dependencies, "api: { condition: service_healthy }", "api: {}"),
        (rules.check_nothing_sleeps, "./alpes source render", "sleep 5; ./alpes source render"),
        (rules.check_privileges, 'user: "999:999"', 'user: "0:0"'),
        (rules.check_privileges, 'user: "10000:0"\n', "\n"),
        (rules.check_privileges, "cap_drop: [ALL]", "cap_drop: [CHOWN]"),
        (rules.check_privileges, "cap_add: [CHOWN, DAC_OVERRIDE, FOWNER]", "cap_add: [SYS_ADMIN]"),
        (rules.check_privileges, "    network_mode: none\n", ""),
        (rules.check_privileges, 'volumes: ["${ALPES_AUDIT_DIR:-./data}:', 'volumes: ["/:/host", "${ALPES_AUDIT_DIR:-./data}:'),
        (rules.check_roots_are_read_only, "read_only: true", "read_only: false"),
        (rules.check_limits, "  mem_limit: 1g\n", ""),
        (rules.check_limits, "  pids_limit: 512\n", ""),
        (rules.check_ports_are_local, "${ALPES_BIND:-127.0.0.1}:${ALPES_MYSQL_PORT", "${ALPES_BIND:-0.0.0.0}:${ALPES_MYSQL_PORT"),
        (rules.check_data_is_in_volumes, "      - pulsar-packages:/pulsar/packages-storage\n", ""),
        (rules.check_data_is_in_volumes, "mysql-data:/var/lib/mysql", "/srv:/var/lib/mysql"),
        (parity.check_versions, "image: mysql:8.0.44", "image: mysql:8.4.0"),
        (parity.check_versions, "alpes-pulsar:4.2.4", "alpes-pulsar:4.0.7"),
        (parity.check_versions, "${ALPES_NAR:-4.0.8}", "${ALPES_NAR:-4.2.4}"),
        (parity.check_mysql_options, "--binlog-row-image=FULL", "--binlog-row-image=MINIMAL"),
        (parity.check_mysql_options, "      - --skip-name-resolve\n", ""),
        (parity.check_mysql_users, "alpes_worker:alpes_worker@mysql", "root:debezium@mysql"),
        (parity.check_ports, "ALPES_API_PORT:-5001", "ALPES_API_PORT:-5002"),
        (parity.check_settings_are_known, "ALPES_API_HOST: api", "ALPES_API_HSOT: api"),
        (parity.check_commands, "command: [part, audit]", "command: [part, observer]"),
        (seed.check_containers_by_name, "name: alpes\n", "name: mysql-demo\n"),
        (seed.check_containers_by_name, "    hostname: pulsar\n", "    hostname: pulsar\n    container_name: pulsar\n"),
        (seed.check_paths, "pulsar-scratch:/pulsar/scratch", "pulsar-scratch:/pulsar/connectors"),
        (seed.check_paths, "pulsar-logs:/pulsar/logs", "pulsar-logs:/logs"),
        (seed.check_source_configuration, "ALPES_DEBEZIUM_HOST: mysql", "ALPES_DEBEZIUM_HOST: localhost"),
        (seed.check_published_api, "ALPES_API_PORT:-5001}:5000", "ALPES_API_PORT:-5001}:5001"),
        (dockerfile.check_stages, "target: pulsar", "target: broker"),
    ],
)  # fmt: skip
def test_a_fault_in_the_demo_is_found(
    check: Callable[[], Check], old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pretend(tmp_path, monkeypatch, demo=_changed(DEMO, old, new))
    assert not run_check(check).ok


@pytest.mark.parametrize(
    ("check", "old", "new"),
    [
        (production.check_no_password_is_written, "      MYSQL_ROOT_PASSWORD: !reset null\n", ""),
        (production.check_no_password_is_written, "      ALPES_DATABASE_ROOT_URL: !reset null\n", ""),
        (production.check_no_password_is_written, "      ALPES_CONTROL_TOKEN: !reset null\n", ""),
        (production.check_no_password_is_written, "      ALPES_CRASH_KEY: !reset null\n", ""),
        (production.check_secrets_are_files, '${ALPES_SECRETS:?name the folder of secrets}/mysql', "./secrets/mysql"),
        (production.check_secrets_are_files, ":?name the folder of secrets}", ":-./secrets}"),
        (production.check_secrets_are_files, "alpes_debezium_password", "alpes_debezium_pasword"),
        (production.check_secrets_are_needed, "      - alpes_database_root_url\n", ""),
        (production.check_secrets_are_needed, "ALPES_SECRETS_DIR: /run/secrets", "ALPES_SECRETS_DIR: /secrets"),
        (production.check_secrets_are_needed, "      - alpes_debezium_password\n      - alpes_debezium_tls", "      - alpes_debezium_tls"),
        (production.check_secrets_are_files, "/tls/broker.key", "/broker.key"),
        (production.check_nothing_is_plain, "      - --require-secure-transport=ON\n", ""),
        (production.check_nothing_is_plain, "      - --ssl-cert=/run/secrets/mysql.pem\n", ""),
        (production.check_nothing_is_plain, "      - --binlog-row-image=FULL\n", ""),
        (production.check_nothing_is_plain, 'start.sh", "secured"]', 'start.sh"]'),
        (production.check_nothing_is_plain, '      test: !override ["CMD", "/bin/sh", "/pulsar/alpes/health.sh"]\n', "      retries: 10\n"),
        (production.check_nothing_is_plain, "      ALPES_LISTENERS: !reset null\n", "      ALPES_LISTENERS: pulsar://pulsar:6650\n"),
        (production.check_nothing_is_plain, 'ALPES_SECURE: "true"', 'ALPES_SECURE: "false"'),
        (production.check_nothing_is_plain, "  ALPES_DATABASE_TLS_CA: /run/secrets/ca.pem\n", ""),
        (production.check_nothing_is_plain, "pulsar+ssl://pulsar:6651", "pulsar://pulsar:6650"),
        (production.check_nothing_is_plain, "https://pulsar:8443", "http://pulsar:8080"),
        (production.check_nothing_is_plain, "      ALPES_DEBEZIUM_BROKER_URL: !reset null\n", ""),
        (production.check_nothing_is_plain, "ALPES_DEBEZIUM_TLS_MODE: verify_ca", "ALPES_DEBEZIUM_TLS_MODE: preferred"),
        (production.check_nothing_is_plain, "    environment: *secured\n", ""),
        (production.check_nothing_is_plain, 'ALPES_SECURE: "true"', 'ALPES_SECURE: "true"\n  ALPES_PULSAR_TLS_HOSTNAME_CHECK: "false"'),
        (production.check_nothing_is_plain, "      - ca.pem\n", ""),
        (production.check_tokens, "source: notifications.jwt", "source: admin.jwt"),
        (production.check_tokens, "      - { source: audit.jwt, target: alpes_pulsar_token }\n", ""),
        (production.check_tokens, "      - { source: api.jwt, target: alpes_pulsar_token }\n", "      - { source: api.jwt, target: alpes_pulsar_token }\n      - token.key\n"),
        (production.check_tokens, "      - functions.jwt\n", "      - admin.jwt\n"),
        (production.check_published_ports, "    ports: !reset []\n", ""),
    ],
)  # fmt: skip
def test_a_fault_in_production_is_found(
    check: Callable[[], Check], old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pretend(tmp_path, monkeypatch, over=_changed(OVER, old, new))
    assert not run_check(check).ok


@pytest.mark.parametrize(
    ("check", "old", "new"),
    [
        (tools.check_cluster_schema, "stop_grace_period: 30s", "stop_grace: 30s"),
        (rules.check_dependencies, "initialize: { condition: service_completed", "initialize: { condition: service_started"),
        (rules.check_health_checks, '      test: ["CMD", "curl", "-fsS", "http://localhost:9990/commands/ruok"]\n', ""),
        (rules.check_privileges, 'user: "10000:0"\n', "\n"),
        (rules.check_roots_are_read_only, "read_only: true", "read_only: false"),
        (rules.check_limits, "  mem_limit: 768m\n", ""),
        (rules.check_ports_are_local, "${ALPES_BIND:-127.0.0.1}:${ALPES_ADMIN_PORT", "${ALPES_BIND:-0.0.0.0}:${ALPES_ADMIN_PORT"),
        (parity.check_settings_are_known, "ALPES_PARTITIONS", "ALPES_PARTS"),
        (cluster.check_members, "  bookie-3:\n", "  bookie-4:\n"),
        (cluster.check_members, "  notificaciones: !reset null\n", ""),
        (cluster.check_members, "hostname: broker-2", "hostname: broker-1"),
        (cluster.check_parts_agree, "  audit: { environment: *cluster }\n", ""),
        (cluster.check_parts_agree, 'ALPES_WORKERS: "4"', 'ALPES_WORKERS: "3"'),
        (cluster.check_workers, "command: [part, notifications-2]", "command: [part, notifications-1]"),
        (cluster.check_workers, "alpes_worker:alpes_worker@", "alpes:alpes@"),
    ],
)  # fmt: skip
def test_a_fault_in_the_cluster_is_found(
    check: Callable[[], Check], old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cluster.yml").write_text(_changed(CLUSTER, old, new))
    monkeypatch.setattr(model.cluster, "__defaults__", (None, model.DEMO, tmp_path / "cluster.yml"))
    assert not run_check(check).ok


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("managedLedgerDefaultAckQuorum=2", "managedLedgerDefaultAckQuorum=1"),
        ("managedLedgerDefaultEnsembleSize=2", "managedLedgerDefaultEnsembleSize=3"),
        ("maxMessageSize=67108864", "maxMessageSize=5242880"),
        ("nettyMaxFrameSizeBytes=67174400", "nettyMaxFrameSizeBytes=5253120"),
    ],
)
def test_the_clusters_broker_may_not_drift(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = broker_files.role_file
    changed = {"broker.conf": _changed(real("broker.conf"), old, new)}
    monkeypatch.setattr(broker_files, "role_file", lambda name: changed.get(name) or real(name))
    assert not cluster.check_broker_configuration().ok


@pytest.mark.parametrize(
    ("check", "old", "new"),
    [
        (tools.check_dockerfile_style, "python:3.12.11-slim-bookworm", "python"),
        (dockerfile.check_stages, "python:3.12.11-slim-bookworm", "python:3.12"),
        (dockerfile.check_stages, "apachepulsar/pulsar:4.2.4", "apachepulsar/pulsar:4.2.0"),
        (dockerfile.check_stages, "USER 1000:0\n", ""),
        (dockerfile.check_connectors, "nar-3.1.2 ", ""),
        (dockerfile.check_connectors, "./alpes download", "curl -O"),
        (dockerfile.check_packages, "--require-hashes", ""),
    ],
)
def test_a_fault_in_the_dockerfile_is_found(
    check: Callable[[], Check], old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Dockerfile").write_text(_changed(DOCKERFILE, old, new))
    for module in (tools, dockerfile):
        monkeypatch.setattr(module, "REPOSITORY", tmp_path)
    assert not run_check(check).ok


def test_the_brokers_configuration_may_not_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    real = pulsar.configuration

    def drifted(name: str, values: Mapping[str, object]) -> str:
        text = real(name, values)
        return text.replace("managedLedgerDefaultEnsembleSize=1", "") if values is broker_files.VALUES else text

    monkeypatch.setattr(pulsar, "configuration", drifted)
    assert "managedLedgerDefaultEnsembleSize" in parity.check_broker_configuration().detail


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("brokerServicePort=\n", "brokerServicePort=6650\n"),
        ("webServicePort=\n", "webServicePort=8080\n"),
        ("authenticationEnabled=true", "authenticationEnabled=false"),
        ("authorizationEnabled=true\n", ""),
        ("tlsEnabled=true", "anonymousUserRole=anonymous"),
        ("advertisedAddress=pulsar", "bindAddresses=external:pulsar://0.0.0.0:6651"),
    ],
)
def test_a_broker_of_production_that_listens_without_tls_or_token_is_found(
    old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = _changed(broker_files.secured_configuration(), old, new)
    monkeypatch.setattr(broker_files, "secured_configuration", lambda: changed)
    assert not production.check_nothing_is_plain().ok


def test_files_are_laid_over_each_other_as_compose_does(tmp_path: Path) -> None:
    base, over = tmp_path / "base.yml", tmp_path / "over.yml"
    base.write_text(
        'services: {a: {image: "x:${V:-1}", ports: ["1:1"], command: [a], environment: {A: "1", B: "$$2"}}}'
    )
    over.write_text(
        "services: {a: {ports: !reset [], command: !override [b], environment: {A: !reset null, C: three}}}"
    )
    found = model.production({"V": "2"}, base, over)
    assert found == {"services": {"a": {"image": "x:2", "command": ["b"], "environment": {"B": "$2", "C": "three"}}}}


def _pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demo: str = DEMO, over: str = OVER) -> None:
    (tmp_path / "demo.yml").write_text(demo)
    (tmp_path / "over.yml").write_text(over)
    paths = (tmp_path / "demo.yml", tmp_path / "over.yml")
    monkeypatch.setattr(model.demo, "__defaults__", (None, paths[0]))
    monkeypatch.setattr(model.production, "__defaults__", (None, *paths))
    monkeypatch.setattr(model, "PRODUCTION", paths[1])


def _changed(text: str, old: str, new: str) -> str:
    assert old in text, f"{old!r} is not there to be changed"
    return text.replace(old, new)
