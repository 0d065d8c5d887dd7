"""Every stack has facts and a behaviour, and every capture too: nothing is forgotten when one is added."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from sqlalchemy import create_engine

from connectors.source import render
from scenarios.catalogue import scenarios
from settings import Settings, Stack, load
from settings.stack_facts import DEFAULT, STACKS, BrokerKind
from stacks.captures import CAPTURES, capture_of
from stacks.compose.docker import Docker
from stacks.controls import control
from stacks.embedded_healer import BrokerHealer
from stacks.native.healer import SourceHealer
from stacks.python_parts import list_python_parts
from stacks.registry import BEHAVIOURS, stack_of
from stacks.source_control import ACTIONS, NoSource
from stacks.source_control import read_report as read_source_report
from stacks.supervised_stack import SupervisedStack
from stacks.watcher import _make_healers


@pytest.fixture(params=STACKS)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return load(stack=request.param, home=tmp_path, pulsar_admin_url="http://127.0.0.1:1", database_url="sqlite://")


def test_the_registries_have_the_same_stacks() -> None:
    assert get_args(Stack) == tuple(STACKS) == tuple(BEHAVIOURS)
    assert {name: facts.name for name, facts in STACKS.items()} == {name: name for name in STACKS}
    assert Settings.model_fields["stack"].default == DEFAULT.name


def test_every_capture_of_a_stack_has_a_behaviour() -> None:
    captures = {capture.name for facts in STACKS.values() for capture in (facts.capture, *facts.other_captures)}
    assert captures == set(CAPTURES)


def test_a_capture_inside_the_broker_is_the_component_that_nobody_kills() -> None:
    for facts in STACKS.values():
        assert facts.capture.is_process is not (facts.capture.component == "source")


def test_a_stack_is_what_its_settings_name(settings: Settings) -> None:
    assert settings.facts is STACKS[settings.stack]
    stack = stack_of(settings)
    assert type(stack) is BEHAVIOURS[settings.stack]
    assert stack.settings is settings
    assert set(stack.ports()) <= {name for name in Settings.model_fields if name.endswith("_port")}


def test_a_stack_is_started_by_what_controls_it(settings: Settings) -> None:
    assert isinstance(stack_of(settings), SupervisedStack) is not settings.facts.in_containers
    assert isinstance(control(settings), Docker) is settings.facts.in_containers


def test_servers_of_others_are_neither_started_nor_broken(settings: Settings) -> None:
    assert ("broker_port" in stack_of(settings).ports()) is settings.facts.servers_are_ours
    assert settings.demo is settings.facts.servers_are_ours
    assert any(one.runs_on(settings.stack) for one in scenarios().values()) is settings.facts.servers_are_ours


def test_a_capture_that_is_a_process_is_started_with_the_other_workers(settings: Settings) -> None:
    capture = settings.facts.capture
    names = [part.name for part in list_python_parts(settings)]
    assert (capture.component in names) is capture.is_process


def test_a_capture_offers_known_actions(settings: Settings) -> None:
    actions = capture_of(settings).actions
    assert "restart" in actions
    assert set(actions) <= set(ACTIONS)
    assert set(actions) == set(ACTIONS) or not settings.facts.capture.has_connector


def test_a_capture_without_an_administration_has_no_report(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert capture_of(settings).report() is None
    with pytest.raises(NoSource, match=r"the embedded stack has no Debezium source: its relay captures; .* kill relay"):
        read_source_report(settings)


def test_the_relay_stops_and_starts_with_the_components(tmp_path: Path) -> None:
    """It needs no administration for that: there is none here that could answer."""
    capture = capture_of(Settings(home=tmp_path))
    capture.stop()
    capture.start()


def test_what_a_supervisor_cannot_heal_has_a_healer(settings: Settings) -> None:
    engine = create_engine("sqlite://")
    healers = [type(healer) for healer in _make_healers(settings, engine)]
    is_lite = settings.facts.broker is BrokerKind.PULSAR_LITE
    assert healers == [BrokerHealer] * is_lite + [SourceHealer] * settings.facts.capture.has_connector
    without_admin = load(stack=settings.stack, home=settings.home)
    assert [type(healer) for healer in _make_healers(without_admin, engine)] == [BrokerHealer] * is_lite
    engine.dispose()


def test_a_password_is_named_only_where_the_broker_has_it(settings: Settings) -> None:
    configs = render(settings.model_copy(update={"debezium_password": settings.control_token}))["configs"]
    assert isinstance(configs, dict)
    is_named = configs["database.password"] == "${ALPES_DEBEZIUM_PASSWORD}"
    assert is_named is settings.broker_is_guarded
