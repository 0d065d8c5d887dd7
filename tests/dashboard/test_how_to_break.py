"""Test the other ways to do what the scenarios and operations pages do: texts that can be copied into a terminal."""

from __future__ import annotations

import shlex
from pathlib import Path

from dashboard.view_models import how_to_break as how
from settings import Settings


def test_values_in_commands_are_quoted_and_the_token_is_not_shown(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert shlex.split(how.logs("a b; rm -rf /")["./alpes"])[2] == "a b; rm -rf /"
    ways = how.scenario(settings, "kill-broker", 7, None)
    assert ways["./alpes"] == "./alpes scenario run kill-broker --seed 7"
    assert "control_token" in ways["HTTP"]
    assert '"seed": 7' in ways["HTTP"]


def test_chaos_has_its_minutes_and_a_kill_its_time(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert how.scenario(settings, "chaos", None, 2.5)["./alpes"] == "./alpes scenario chaos --minutes 2.5"
    assert how.kill(settings, "broker", 15.0)["./alpes"] == "./alpes kill broker --hold 15"
    assert '{"holdSeconds": 15}' in how.kill(settings, "broker", 15.0)["HTTP"]


def test_a_capture_inside_the_broker_is_controlled_through_pulsar(tmp_path: Path) -> None:
    native = Settings(home=tmp_path, stack="native", pulsar_admin_url="http://127.0.0.1:8080")
    assert "pulsar-admin sources stop" in how.source(native, "stop")["pulsar-admin"]
    assert how.restart(native, "source") == how.source(native, "restart")
    embedded = Settings(home=tmp_path)
    assert "pulsar-admin" not in how.source(embedded, "restart")


def test_without_an_admin_rest_it_is_said_where_there_is_one(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert how.NO_ADMIN in how.topics(settings)["pulsar-admin"]
    assert "SQL" in how.topics(settings)
    native = Settings(home=tmp_path, stack="native", pulsar_admin_url="http://127.0.0.1:8080")
    assert how.NO_ADMIN not in how.dead_letters(native)["pulsar-admin"]
    assert "HTTP" in how.topics(native)


def test_emptying_everything_is_another_command_than_emptying_the_tables() -> None:
    assert how.reset(True) != how.reset(False)
    assert "--all" in how.reset(True)["./alpes"]
