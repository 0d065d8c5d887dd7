"""Test the sentences about a broker that refuses: each says what to set."""

from __future__ import annotations

from pathlib import Path

import pulsar
import pytest

from connectors.refusals import explain_refusal, is_answered
from settings import Settings
from stacks.processes import free_port


def settings(folder: Path, **changes: object) -> Settings:
    return Settings(home=folder, pulsar_url=f"pulsar://127.0.0.1:{free_port()}", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("token", "error", "sentence"),
    [
        ("", pulsar.AuthenticationError(), "requires a token; set ALPES_PULSAR_TOKEN_FILE"),
        ("t", pulsar.AuthenticationError(), "does not accept this token"),
        ("t", pulsar.AuthorizationError(), "role is not allowed to publish on x"),
        ("t", pulsar.TopicNotFound(), "Pulsar refused to publish on x"),
    ],
)
def test_a_refusal_is_explained_by_its_cure(tmp_path: Path, token: str, error: Exception, sentence: str) -> None:
    assert sentence in explain_refusal(settings(tmp_path, pulsar_token=token), error, "to publish on x")


def test_a_timeout_at_a_port_that_is_no_broker_says_so(tmp_path: Path) -> None:
    assert "does not answer as Pulsar does" in explain_refusal(settings(tmp_path), pulsar.Timeout(), "to read")


def test_nothing_answers_where_nothing_listens(tmp_path: Path) -> None:
    assert is_answered(settings(tmp_path), 0.5) is False
