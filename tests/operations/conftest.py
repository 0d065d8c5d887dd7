"""One embedded stack with everything that operators turn on: token, login, JSON logs, traces, the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from scenarios import end_to_end
from settings import Settings


@pytest.fixture(scope="package")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with end_to_end.running(
        "embedded",
        private=True,
        without=(),
        api_token=SecretStr("token-of-the-api-kept-secret"),
        oidc_metadata_url="http://127.0.0.1:9/.well-known/openid-configuration",
        oidc_client_id="alpes",
        oidc_client_secret=SecretStr("client-secret-of-the-login"),
        pulsar_token=SecretStr("token-of-the-broker-kept-secret"),
        debezium_password=SecretStr("password-of-debezium"),
        log_format="json",
        traces_file=tmp_path_factory.mktemp("traces") / "spans.jsonl",
    ) as settings:
        yield settings
