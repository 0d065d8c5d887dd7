"""Test what each stack does differently in the life of an instance, without starting one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine

from settings import Settings
from stacks import native
from stacks.capture import Capture
from stacks.command import Command, Part
from stacks.compose import outside
from stacks.compose import stack as compose
from stacks.compose.cli import DockerUnavailable
from stacks.compose.stack import Compose
from stacks.external import External
from stacks.native import class_archive
from stacks.native import stack as native_stack
from stacks.native.stack import Native
from stacks.registry import BEHAVIOURS
from stacks.stack import Stack

MYSQL = "mysql+pymysql://alpes:hidden@db.example:3307/alpes"


def settings_of(home: Path, stack: str, **changes: Any) -> Settings:
    return Settings(home=home, stack=stack, **changes)


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_the_ports_that_must_be_free_are_settings_and_never_twice_the_same(tmp_path: Path, name: str) -> None:
    settings = settings_of(tmp_path, name, secure=name == "native")
    ports = BEHAVIOURS[name](settings).ports()
    numbers = [getattr(settings, port) for port in (*ports, "api_port", "dashboard_port")]
    assert len(set(numbers)) == len(numbers)


def test_only_a_secure_broker_needs_a_port_without_tls(tmp_path: Path) -> None:
    plain = Native(settings_of(tmp_path, "native")).ports()
    secure = Native(settings_of(tmp_path, "native", secure=True)).ports()
    assert set(secure) - set(plain) == {"plain_admin_port"}


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_addresses_for_people_hold_no_password(tmp_path: Path, name: str) -> None:
    settings = settings_of(tmp_path, name, database_url=MYSQL, pulsar_url="pulsar://broker:6650")
    addresses = BEHAVIOURS[name](settings).addresses()
    assert "hidden" not in str(addresses)
    assert bool(addresses) is (name != "embedded")


def test_the_external_databases_address_is_that_of_its_url(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "external", database_url=MYSQL)
    assert External(settings).addresses() == {"mysql": "db.example:3307/alpes"}
    without_port = settings_of(tmp_path, "external", database_url="mysql+pymysql://u:p@db.example/x")
    assert External(without_port).addresses() == {"mysql": "db.example:3306/x"}


def test_an_incomplete_stack_or_capture_cannot_be_made(tmp_path: Path) -> None:
    """Whoever adds one is told which question it leaves open."""

    class Half(Stack):
        def urls(self) -> dict[str, object]:
            return {}

    class HalfCapture(Capture):
        def stop(self) -> None: ...

    with pytest.raises(TypeError, match="empty_topics"):
        Half(Settings(home=tmp_path))  # type: ignore[abstract]
    with pytest.raises(TypeError, match="lose_offsets"):
        HalfCapture(Settings(home=tmp_path))  # type: ignore[abstract]


@pytest.mark.parametrize("name", ["native", "external", "compose"])
def test_a_stack_without_a_weakness_of_its_broker_has_no_healer_for_it(tmp_path: Path, name: str) -> None:
    assert BEHAVIOURS[name](settings_of(tmp_path, name)).healer(create_engine("sqlite://")) is None


# Native.


def test_the_native_stack_checks_its_name_before_it_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "a$b"
    monkeypatch.setattr(native, "download", lambda *_: pytest.fail("it was downloaded first"))
    with pytest.raises(native.NameUnfit, match=r"\$ has a special meaning"):
        Native(settings_of(home, "native")).prepare(lambda _: None, lambda *_: None)


def test_the_native_stack_runs_its_servers_and_our_components(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    broker = Part("broker", Command(("java",), tmp_path))

    def prepare(*_: object) -> list[Part]:
        steps.append("prepared")
        return [broker]

    monkeypatch.setattr(native, "download", lambda *_: steps.append("downloaded"))
    monkeypatch.setattr(native, "prepare", prepare)
    monkeypatch.setattr(class_archive, "ensure_archive", lambda _: steps.append("archived"))
    monkeypatch.setattr(native_stack, "list_python_parts", lambda _: [Part("api", Command(("python",), tmp_path))])
    parts = Native(settings_of(tmp_path, "native")).prepare(lambda _: None, lambda *_: None)
    assert [part.name for part in parts] == ["broker", "api"]
    assert steps == ["downloaded", "archived", "prepared"]


def test_native_passwords_are_generated_once_and_kept(tmp_path: Path) -> None:
    first = Native(settings_of(tmp_path, "native")).urls()
    kept = {name: str(value) for name, value in first.items() if str(value).startswith("mysql")}
    again = Native(settings_of(tmp_path, "native", mysql_port=4000, **kept)).urls()
    assert {name: again[name] for name in kept} == {name: url.replace("13306", "4000") for name, url in kept.items()}
    assert len({url.split(":")[2].split("@")[0] for url in kept.values()}) == 3  # one password each


# Compose.


class Docker:
    """Stands in for Docker and notes what is asked of it."""

    asked: ClassVar[list[str]] = []
    refuses = ""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __getattr__(self, name: str) -> Callable[..., None]:
        def act(*_: object) -> None:
            if self.refuses:
                raise DockerUnavailable(self.refuses)
            self.asked.append(name)

        return act


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> type[Docker]:
    monkeypatch.setattr(Docker, "asked", [])
    monkeypatch.setattr(compose, "Docker", Docker)
    monkeypatch.setattr(outside, "prepare", lambda _: Docker.asked.append("prepare folders"))
    return Docker


def test_folders_are_there_before_docker_would_make_them(tmp_path: Path, docker: type[Docker]) -> None:
    said: list[str] = []
    Compose(settings_of(tmp_path, "compose")).start([], said.append, 60)
    assert docker.asked == ["prepare folders", "start"]
    assert "the first start takes minutes" in said[0]


def test_without_docker_a_stack_that_does_not_run_is_stopped_already(
    tmp_path: Path, docker: type[Docker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker, "refuses", "docker is not installed")
    stack = Compose(settings_of(tmp_path, "compose"))
    assert stack.stop(is_running=False) is False
    with pytest.raises(DockerUnavailable):
        stack.stop(is_running=True)
    stack.remove_data()  # raises nothing


def test_a_running_compose_stack_is_shut_down_and_its_data_removed(tmp_path: Path, docker: type[Docker]) -> None:
    stack = Compose(settings_of(tmp_path, "compose"))
    assert stack.stop(is_running=True) is True
    stack.remove_data()
    assert docker.asked == ["shutdown", "remove_data"]


def test_the_compose_stack_gives_its_broker_the_published_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "urls", lambda _: {"database_url": MYSQL, "pulsar_url": "pulsar://inside:6650"})
    urls = Compose(settings_of(tmp_path, "compose", broker_port=7650)).urls()
    assert urls == {"database_url": MYSQL, "pulsar_url": "pulsar://inside:6650"}
    monkeypatch.setattr(outside, "urls", lambda _: {"database_url": MYSQL})
    assert Compose(settings_of(tmp_path, "compose", broker_port=7650)).urls()["pulsar_url"] == "pulsar://127.0.0.1:7650"


def test_the_control_token_is_in_no_address(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "compose", control_token=SecretStr("secret"))
    assert Compose(settings).addresses() == {"mysql": f"127.0.0.1:{settings.mysql_port}/alpes"}
