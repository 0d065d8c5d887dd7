"""Test the checks of settings: each accepts what the product can use, and names what is wrong with the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from settings import Settings
from settings.topics import Topics


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("pulsar_token_file", Path("/no/such/file"), "there is no file"),
        ("allowed_hosts", ("http://a.example",), "no host name"),
        ("allowed_hosts", ("*.example",), "no host name"),
        ("trusted_proxies", ("10.0.0.999",), "10.0.0.999"),
        ("home", Path("a\nb"), "line break"),
        ("bind", "::1", "IPv6"),
        ("api_rate_limit", "100/day", "100/second"),
        ("api_rate_limit", "0/second", "100/second"),
        ("default_rate", "1.1", "from 0 to 1"),
        ("default_rate", "0.1234567", "decimals"),
        ("campaign_rates", {"cmp-9": "2"}, "campaign cmp-9"),
    ],
)
def test_a_wrong_value_is_refused_with_its_problem(tmp_path: Path, name: str, value: Any, problem: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**{"home": tmp_path, name: value})
    (error,) = refused.value.errors()
    assert error["loc"] == (name,)
    assert problem in error["msg"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("allowed_hosts", ("a.example", "[::1]", "10.0.0.5")),
        ("trusted_proxies", ("10.0.0.0/8", "::1")),
        ("api_rate_limit", "20/minute"),
        ("api_rate_limit", ""),
        ("default_rate", "0.123456"),
    ],
)
def test_a_usable_value_is_accepted(tmp_path: Path, name: str, value: Any) -> None:
    assert getattr(Settings(**{"home": tmp_path, name: value}), name) is not None


def test_the_home_is_absolute_and_has_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    assert Settings(home=Path("link/home")).home == (tmp_path / "real" / "home").resolve()


@pytest.mark.parametrize(("live", "other"), [("routed", "raw"), ("raw", "routed")])
def test_both_topics_of_events_are_read_the_live_one_first(live: str, other: str) -> None:
    topics = Topics(live, "routed", "raw", "commands", "dead", "retry", "offsets", "history", "heartbeat", "naive")
    assert topics.carrying_events() == (live, other)
    assert topics.observed() == (live, other, "dead", "retry", "commands", "naive")
