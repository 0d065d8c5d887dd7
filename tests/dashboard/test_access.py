"""The page's login and its read-only mode, drawn without a browser."""

from __future__ import annotations

import ast
import stat
import threading
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from dashboard import access, guard, pulse, resources, sharing
from db.engine import connect
from db.migrate import upgrade
from scenarios.waiting import until
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
    sharing.close()
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
    assert {"Calculate", "Approve", "Send again (duplicate)"}.isdisjoint(button.label for button in page.button)
    assert any("read-only" in row.value for row in page.info)


PROVIDER = "https://login.example/.well-known/openid-configuration"


def claims(**changes: object) -> dict[str, object]:
    given = {"is_logged_in": True, "email": "ana@example.org", "email_verified": True, "iat": time.time()}
    return {name: value for name, value in (given | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("verified", "lets"), [(True, True), ("true", True), (False, False), ("false", False), (1, False), (None, False)]
)
def test_an_address_that_the_provider_does_not_vouch_for_opens_nothing(verified: object, lets: bool) -> None:
    settings = load(oidc_metadata_url=PROVIDER, oidc_emails=("Ana@example.org",))
    refusal = access.not_admitted(settings, claims(email_verified=verified))
    assert (refusal is None) is lets
    assert lets or "email_verified" in (refusal or "")


def test_a_provider_may_be_trusted_to_verify_without_saying_so_but_not_against_its_word() -> None:
    settings = load(oidc_metadata_url=PROVIDER, oidc_trust_unverified=True)
    assert access.not_admitted(settings, claims(email_verified=None)) is None
    assert access.not_admitted(settings, claims(email_verified=False))


@pytest.mark.parametrize(
    ("changes", "lets"),
    [
        ({}, True),
        ({"is_logged_in": False}, False),
        ({"email": "eve@example.org"}, False),
        ({"iat": 0}, False),
        ({"iat": None}, False),
        ({"email_verified": None}, False),
    ],
)
def test_an_open_page_is_drawn_on_only_while_its_visitor_may_see_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], lets: bool
) -> None:
    monkeypatch.setenv("ALPES_OIDC_METADATA_URL", PROVIDER)
    monkeypatch.setenv("ALPES_OIDC_EMAILS", '["ana@example.org"]')
    sharing.close()
    user = claims(**changes)
    monkeypatch.setattr(st, "user", SimpleNamespace(to_dict=lambda: user))
    drawn_parts: list[str] = []
    reruns: list[None] = []
    monkeypatch.setattr(st, "rerun", lambda: reruns.append(None))
    guard.guarded(lambda: drawn_parts.append("drawn"))()
    assert reruns == [None] * (not lets)
    assert drawn_parts == ["drawn"] * lets


def test_every_fragment_asks_whether_its_visitor_may_see_it() -> None:
    """By its decorators: what runs by itself is guarded."""
    fragments, unguarded = 0, []
    for path in (REPOSITORY / "dashboard").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                names = [ast.unparse(decorator) for decorator in node.decorator_list]
                fragments += "st.fragment" in names
                if any(name.startswith("st.fragment") for name in names) and names != ["st.fragment", "guarded"]:
                    unguarded.append(f"{path.name}: {node.name}")
    assert fragments
    assert unguarded == []


def test_what_is_shared_is_made_once_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    everyone = threading.Barrier(16)

    def thing() -> object:
        made.append(1)
        return object()

    get = sharing.shared(thing)

    def ask(_number: int) -> object:
        everyone.wait(10)
        return get()

    with ThreadPoolExecutor(16) as asking:
        found = set(asking.map(ask, range(16)))
    assert (len(found), made) == (1, [1])


def test_clearing_streamlits_caches_makes_nothing_anew(home: Path) -> None:
    """What the WebSocket message `clear_cache` does, which needs no login."""
    drawn()
    marks = [resources.refresher(), resources.application(), resources.actions(), resources.load_runner()]
    until(lambda: resources.refresher().health.version > 0, 30, "every reader has run")
    before = threading.active_count()
    for _number in range(100):
        st.cache_data.clear()
        st.cache_resource.clear()
        pulse.marks(["live", "scenarios", "operations"])
    assert [resources.refresher(), resources.application(), resources.actions(), resources.load_runner()] == marks
    assert threading.active_count() <= before + 4  # the readers of the operations page begin with their first look
    sharing.close()


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
