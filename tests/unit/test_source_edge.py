"""The source reaches the broker through the proxy of its edge, where there is one."""

from __future__ import annotations

from pathlib import Path

from settings import Settings
from stacks.native import pulsar


def _rules(home: Path, **changes: object) -> str:
    settings = Settings.model_validate({"stack": "native", "home": home, **changes})
    pulsar.command(settings)
    return (home / "data" / "pulsar" / "source.btm").read_text(encoding="utf-8")


def test_only_an_instance_with_proxies_changes_the_sources_address(tmp_path: Path) -> None:
    url = "pulsar://127.0.0.1:4321"
    with_proxies = _rules(tmp_path / "a", edge_ports={"capture-broker": 4321}, debezium_broker_url=url)
    without = _rules(tmp_path / "b", debezium_broker_url=url)
    assert with_proxies.startswith(without)
    assert url in with_proxies
    assert "createPulsarClientBuilder" not in without
