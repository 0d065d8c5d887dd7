"""Test how the client logs in and what of the settings reaches it; nothing is connected."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pulsar
import pytest
from pydantic import SecretStr

from bench.bare_path import measure_bare_path
from connectors.client import Broker, BrokerUnavailable, close_client
from db.engine import connect
from settings import Settings


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the library's client was made with."""
    given: dict[str, Any] = {}

    def make(url: str, **options: Any) -> object:
        given.update(options, url=url)
        return object()

    monkeypatch.setattr(pulsar, "Client", make)
    monkeypatch.setattr(pulsar, "AuthenticationToken", lambda token: ("token", token))
    monkeypatch.setattr(pulsar, "AuthenticationTLS", lambda cert, key: ("tls", cert, key))
    return given


def make(path: Path, *names: str) -> dict[str, Path]:
    for name in names:
        (path / name).write_text(f"{name}'s content\n")
    return {name: path / name for name in names}


def test_without_a_secret_the_client_is_plain(tmp_path: Path, given: dict[str, Any]) -> None:
    Broker(Settings(home=tmp_path, pulsar_url="pulsar://127.0.0.1:1")).client()
    assert (given["url"], given["authentication"]) == ("pulsar://127.0.0.1:1", None)
    assert (given["tls_trust_certs_file_path"], given["tls_certificate_file_path"]) == (None, None)


def test_a_token_is_read_at_each_connection_and_comes_before_a_certificate(
    tmp_path: Path, given: dict[str, Any]
) -> None:
    files = make(tmp_path, "token", "cert", "key")
    settings = Settings(
        home=tmp_path, pulsar_token_file=files["token"], pulsar_tls_cert=files["cert"], pulsar_tls_key=files["key"]
    )
    broker = Broker(settings)
    broker.client()
    assert given["authentication"] == ("token", "token's content")
    files["token"].write_text("renewed")
    broker.client()
    assert given["authentication"] == ("token", "renewed")


def test_certificates_reach_the_client(tmp_path: Path, given: dict[str, Any]) -> None:
    files = make(tmp_path, "ca", "cert", "key")
    settings = Settings(
        home=tmp_path,
        pulsar_tls_ca=files["ca"],
        pulsar_tls_cert=files["cert"],
        pulsar_tls_key=files["key"],
        pulsar_tls_hostname_check=False,
    )
    Broker(settings).client()
    assert given["authentication"] == ("tls", str(files["cert"]), str(files["key"]))
    assert given["tls_trust_certs_file_path"] == str(files["ca"])
    assert given["tls_private_key_file_path"] == str(files["key"])
    assert given["tls_validate_hostname"] is False


def test_half_a_client_certificate_is_none(tmp_path: Path, given: dict[str, Any]) -> None:
    Broker(Settings(home=tmp_path, pulsar_tls_cert=make(tmp_path, "cert")["cert"])).client()
    assert given["authentication"] is None


def test_a_token_that_is_gone_is_said(tmp_path: Path, given: dict[str, Any]) -> None:
    token = make(tmp_path, "token")["token"]
    broker = Broker(Settings(home=tmp_path, pulsar_token_file=token))
    token.unlink()
    with pytest.raises(BrokerUnavailable, match="the token of Pulsar cannot be read"):
        broker.client()
    assert given == {}


def test_a_refusal_without_a_token_says_which_setting_gives_one(tmp_path: Path) -> None:
    error = pulsar.AuthenticationError()
    without = Settings(home=tmp_path, pulsar_url="pulsar://broker:6650")
    assert "requires a token" in Broker(without).explain(error, "to read")
    with_token = Settings(home=tmp_path, pulsar_url="pulsar://broker:6650", pulsar_token=SecretStr("x"))
    assert "does not accept this token" in Broker(with_token).explain(error, "to read")


def test_a_port_that_nothing_listens_on_is_no_broker(tmp_path: Path) -> None:
    assert not Broker(Settings(home=tmp_path, pulsar_url="pulsar://127.0.0.1:1")).reachable(0.5)


class _LostClient:
    """A client whose connection the broker has ended."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True
        raise pulsar.NotConnected("Pulsar error: NotConnected")

    def subscribe(self, *_args: object, **_options: object) -> None:
        raise pulsar.ConnectError("Pulsar error: ConnectError")


def test_closing_a_client_without_connection_is_no_error() -> None:
    client = _LostClient()
    close_client(cast("pulsar.Client", client))
    assert client.closed


def test_a_measurement_says_what_the_broker_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = _LostClient()
    monkeypatch.setattr(Broker, "client", lambda _broker: client)
    engine = connect(f"sqlite:///{tmp_path / 'floor.db'}")
    with pytest.raises(BrokerUnavailable, match="to send and receive messages on floor"):
        measure_bare_path(Settings(home=tmp_path), engine, "floor", 1, 1)
    assert client.closed
