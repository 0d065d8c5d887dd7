"""Test what the external stack needs and does on servers of others, with stand-ins for those servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy import Engine

from connectors.admin import AdminRefused, AdminUnavailable
from db import binlog, grants
from db.binlog import BinlogUnfit
from settings import Settings
from stacks import external, message_sizes
from stacks.external import External, ExternalUnfit
from stacks.native import debezium_server, provision

MYSQL = "mysql+pymysql://alpes:p@db.example/alpes"


def make(home: Path, **changes: Any) -> Settings:
    given = {"database_url": MYSQL, "pulsar_url": "pulsar://broker:6650", "pulsar_admin_url": "http://broker:8080"}
    return Settings(home=home, stack="external", **{**given, **changes})


class Admin:
    """Pulsar's admin REST: what is created, and which policies it refuses."""

    refused: ClassVar[dict[str, int]] = {}
    topics: ClassVar[dict[str, int | None]] = {}
    short_lived: ClassVar[set[str]] = set()

    def __init__(self, _settings: Settings, timeout_s: float = 0) -> None:
        pass

    def __enter__(self) -> Admin:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def keep_messages(self) -> None:
        self._set("retention")

    def accept_any_schema(self) -> None:
        self._set("schema")

    def create_topic(self, topic: str, partitions: int | None) -> None:
        self.topics[topic] = partitions

    def keep_briefly(self, topic: str) -> None:
        self.short_lived.add(topic)

    def version(self) -> str:
        return "4.2.4"

    def _set(self, policy: str) -> None:
        if policy in self.refused:
            raise AdminRefused(self.refused[policy], "not allowed")


class Publisher:
    answers = True
    refusal = ""

    def __init__(self, _broker: object, topic: str) -> None:
        self.topic = topic

    def ensure_connected(self) -> bool:
        return self.answers

    def close(self) -> None:
        pass


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything outside answers; return what is done."""
    done: list[str] = []
    monkeypatch.setattr(Admin, "refused", {})
    monkeypatch.setattr(Admin, "topics", {})
    monkeypatch.setattr(external, "Admin", Admin)
    monkeypatch.setattr(external, "Publisher", Publisher)
    monkeypatch.setattr(external, "_migrate_database", lambda *_: done.append("migrated"))
    monkeypatch.setattr(message_sizes, "problem", lambda _: "raise maxMessageSize")
    monkeypatch.setattr(provision, "create_source", lambda *_: done.append("source"))
    return done


def mark(settings: Settings) -> Path:
    path = provision.provisioned_marker(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"database_url": ""}, "needs ALPES_DATABASE_URL, for"),
        ({"pulsar_url": ""}, "needs ALPES_PULSAR_URL, for"),
        ({"database_url": "", "pulsar_url": ""}, "ALPES_DATABASE_URL and ALPES_PULSAR_URL"),
        ({"database_url": "sqlite:///x.db"}, "captures with Debezium"),
    ],
)
def test_a_setting_that_is_missing_is_named(tmp_path: Path, changes: dict[str, str], says: str) -> None:
    with pytest.raises(ExternalUnfit, match=says):
        External(make(tmp_path, **changes)).urls()


def test_what_is_given_is_not_replaced(tmp_path: Path) -> None:
    assert External(make(tmp_path)).urls() == {}
    assert External(make(tmp_path)).ports() == ()


def test_topics_and_source_are_created_and_the_advice_is_passed_on(tmp_path: Path, servers: list[str]) -> None:
    settings, said = make(tmp_path), list[str]()
    marker = mark(settings)
    External(settings).provision(said.append)
    assert servers == ["migrated", "source"]
    topics = settings.topics
    assert {*topics.observed(), topics.offsets, topics.schema_history, topics.heartbeat} == Admin.topics.keys()
    assert Admin.short_lived == {topics.heartbeat}
    assert "raise maxMessageSize" in said
    assert marker.exists()


def test_without_an_admin_rest_nothing_is_created_and_that_is_said(tmp_path: Path, servers: list[str]) -> None:
    settings, said = make(tmp_path, pulsar_admin_url=""), list[str]()
    mark(settings)
    External(settings).provision(said.append)
    assert servers == ["migrated"]
    assert Admin.topics == {}
    assert any("topics and source must exist already" in line for line in said)


def test_debezium_server_starts_in_the_place_of_the_source(
    tmp_path: Path, servers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make(tmp_path, capture="debezium-server")
    marker = mark(settings)
    monkeypatch.setattr(provision, "remove_source", lambda _: servers.append("no source"))
    monkeypatch.setattr(provision, "_await_capture", lambda *_: servers.append(f"started: {marker.exists()}"))
    monkeypatch.setattr(debezium_server, "download", lambda _: servers.append("downloaded"))
    parts = External(settings).prepare(print, lambda *_: None)
    assert parts[0].name == "debezium"
    External(settings).provision(print)
    assert servers == ["downloaded", "migrated", "no source", "started: True"]
    assert {*settings.topics.observed(), settings.topics.heartbeat} == Admin.topics.keys()


def test_debezium_server_needs_no_admin_rest(
    tmp_path: Path, servers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make(tmp_path, capture="debezium-server", pulsar_admin_url="")
    mark(settings)
    monkeypatch.setattr(provision, "_await_capture", lambda *_: servers.append("started"))
    External(settings).provision(print)
    assert servers == ["migrated", "started"]


def test_debezium_server_reads_newer_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    versions: list[tuple[int, int]] = []
    monkeypatch.setattr(external, "connect", lambda *_args, **_options: engine)
    monkeypatch.setattr(binlog, "require", lambda _, before: versions.append(before))
    for capture in ("debezium", "debezium-server"):
        external._migrate_database(make(tmp_path, capture=capture), lambda _: None)
    assert versions == [(8, 4), (10, 0)]


@pytest.mark.parametrize("status", [401, 403])
def test_a_tenant_that_may_not_change_policies_gets_its_topics(
    tmp_path: Path, servers: list[str], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(Admin, "refused", {"retention": status, "schema": status})
    settings, said = make(tmp_path), list[str]()
    mark(settings)
    External(settings).provision(said.append)
    assert sum("is not changed" in line for line in said) == 2
    assert Admin.topics


def test_any_other_refusal_ends_the_start_and_leaves_no_mark(
    tmp_path: Path, servers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Admin, "refused", {"retention": 500})
    settings = make(tmp_path)
    marker = mark(settings)
    with pytest.raises(ExternalUnfit, match="not allowed"):
        External(settings).provision(lambda _: None)
    assert not marker.exists()
    assert servers == ["migrated"]


@pytest.mark.parametrize(
    ("refusal", "says"), [("it requires a token", "a token"), ("", "nothing answers at pulsar://")]
)
def test_a_broker_that_does_not_let_us_publish_is_said(
    tmp_path: Path, servers: list[str], monkeypatch: pytest.MonkeyPatch, refusal: str, says: str
) -> None:
    monkeypatch.setattr(Publisher, "answers", False)
    monkeypatch.setattr(Publisher, "refusal", refusal)
    with pytest.raises(ExternalUnfit, match=says):
        External(make(tmp_path)).provision(lambda _: None)
    assert "source" not in servers


@pytest.mark.parametrize(
    ("changes", "granted"),
    [
        ({"database_worker_url": "mysql+pymysql://alpes_worker:p@db.example/alpes"}, True),
        ({}, False),
        ({"database_worker_url": "mysql+pymysql://other:p@db.example/alpes"}, False),
        (
            {
                "database_url": "mysql+pymysql://alpes:p@db.example/own",
                "database_worker_url": "mysql+pymysql://alpes_worker:p@db.example/own",
            },
            False,
        ),
    ],
)
def test_rights_are_granted_only_to_the_users_that_the_grants_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine, changes: dict[str, str], granted: bool
) -> None:
    applied: list[Engine] = []
    monkeypatch.setattr(external, "connect", lambda *_args, **_options: engine)
    monkeypatch.setattr(binlog, "require", lambda *_: None)
    monkeypatch.setattr(grants, "apply_grants", applied.append)
    external._migrate_database(make(tmp_path, **changes), lambda _: None)
    assert bool(applied) is granted


def test_a_database_that_debezium_cannot_read_is_not_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    def refuse(*_: object) -> None:
        raise BinlogUnfit("server_id is 0")

    monkeypatch.setattr(external, "connect", lambda *_args, **_options: engine)
    monkeypatch.setattr(external, "upgrade", lambda _: pytest.fail("it was migrated"))
    monkeypatch.setattr(binlog, "require", refuse)
    with pytest.raises(ExternalUnfit, match="server_id is 0"):
        External(make(tmp_path)).provision(lambda _: None)


def test_versions_name_what_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    class Silent(Admin):
        def version(self) -> str:
            raise AdminUnavailable("no answer")

    monkeypatch.setattr(external, "Admin", Silent)
    without_database = make(tmp_path, database_url="")
    assert External(without_database).versions() == {
        "database": "MySQL (not reached)",
        "capture": f"Debezium (NAR {without_database.nar})",
        "broker": "Pulsar",
    }
    monkeypatch.setattr(external, "Admin", Admin)
    assert External(without_database).versions()["broker"] == "Pulsar 4.2.4"
