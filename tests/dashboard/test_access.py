"""The page's login and its read-only mode, drawn without a browser."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from db.engine import connect
from db.migrate import upgrade
from settings import load
from settings.model import REPOSITORY
from stacks import oidc

PAGE = str(REPOSITORY / "dashboard" / "page.py")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALPES_HOME", str(tmp_path))
    settings = load(home=tmp_path, database_url=f"sqlite:///{tmp_path / 'a.db'}", pulsar_url="pulsar://127.0.0.1:1")
    settings.save()
    engine = connect(settings.database_url)
    upgrade(engine)
    engine.dispose()
    return tmp_path


def drawn() -> AppTest:
    import streamlit as st

    st.cache_resource.clear()
    st.cache_data.clear()
    return AppTest.from_file(PAGE, default_timeout=30).run()


def test_without_a_provider_the_page_is_drawn(home: Path) -> None:
    page = drawn()
    assert not page.exception
    assert "Calculate" in [button.label for button in page.button]


def test_with_a_provider_a_stranger_sees_a_login_and_nothing_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPES_OIDC_METADATA_URL", "https://login.example/.well-known/openid-configuration")
    page = drawn()
    assert not page.exception
    assert [button.label for button in page.button] == ["Log in"]
    assert len(page.text_input) == len(page.dataframe) == 0


def test_a_read_only_page_has_no_forms(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPES_READ_ONLY", "true")
    page = drawn()
    assert not page.exception
    assert {"Calculate", "Approve", "Same again"}.isdisjoint(button.label for button in page.button)
    assert any("read-only" in row.value for row in page.info)


def test_the_login_is_written_for_its_owner_alone_as_streamlit_reads_it(tmp_path: Path) -> None:
    settings = load(
        home=tmp_path,
        oidc_metadata_url="https://login.example/.well-known/openid-configuration",
        oidc_client_id="alpes",
        oidc_client_secret=SecretStr('with "quotes" and \\'),
        oidc_cookie_secret=SecretStr("signs"),
        dashboard_port=8510,
    )
    path = oidc.write(settings)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tomllib.loads(path.read_text())["auth"] == {
        "redirect_uri": "http://localhost:8510/oauth2callback",
        "cookie_secret": "signs",
        "client_id": "alpes",
        "client_secret": 'with "quotes" and \\',
        "server_metadata_url": "https://login.example/.well-known/openid-configuration",
    }
