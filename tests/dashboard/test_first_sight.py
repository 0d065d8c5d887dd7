"""Test that the home page is sent with its diagram drawn, and that no other answer is changed."""

from __future__ import annotations

from collections.abc import Iterator
from types import MethodType, SimpleNamespace

import httpx
import psutil
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from bench.filling import fill
from dashboard import first_sight, resources
from dashboard.components import diagram_card
from dashboard.first_sight import FirstSight
from dashboard.view_models.refresher import Refresher
from scenarios.waiting import until
from settings import Settings, load
from tests.dashboard.raw_page import address, page_server

PAGE = '<html><body><div id="root"></div></body></html>'
SIGHT = 'id="first-sight"'
COMMISSIONS = 1234


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A server of pages; what it draws says for whom."""
    monkeypatch.setattr(first_sight, "draw", lambda query, locale: f"<b>{sorted(query)} {locale}</b>")

    async def page(_request: Request) -> Response:
        return HTMLResponse(PAGE, headers={"etag": "1"})

    async def data(_request: Request) -> Response:
        return JSONResponse(PAGE)

    async def packed(_request: Request) -> Response:
        return HTMLResponse(PAGE, headers={"content-encoding": "none"})

    async def missing(_request: Request) -> Response:
        return HTMLResponse(PAGE, status_code=404)

    root = {"data": data, "packed": packed, "missing": missing}

    async def home(request: Request) -> Response:
        return await root.get(request.query_params.get("as", ""), page)(request)

    inner = Starlette(routes=[Route("/", home, methods=["GET", "POST"]), Route("/guide", page)])
    return TestClient(FirstSight(inner))


def test_it_is_inserted_at_the_end_of_the_home_page_which_is_not_kept(client: TestClient) -> None:
    answer = client.get("/?lang=es", headers={"accept-language": "es-CO,es;q=0.9"})
    assert answer.text == PAGE.replace("</body>", "<b>['lang'] es-CO</b></body>")
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


@pytest.mark.parametrize("path", ["/guide", "/?as=data", "/?as=packed", "/?as=missing"])
def test_no_other_answer_is_changed(client: TestClient, path: str) -> None:
    assert "<b>" not in client.get(path).text
    assert "</body>" in client.get(path).text


def test_what_is_sent_to_the_page_gets_its_own_answer(client: TestClient) -> None:
    assert client.post("/").text == PAGE


def test_a_page_whose_diagram_cannot_be_drawn_is_sent_without_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_wishes: object) -> str:
        raise RuntimeError("no diagram")

    monkeypatch.setattr(first_sight, "draw", fail)
    assert client.get("/").text == PAGE


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The readers, which have read the database."""
    readers = SimpleNamespace(database=SimpleNamespace(committed=0, problem=None))
    readers.await_count = MethodType(Refresher.await_count, readers)
    monkeypatch.setattr(resources, "settings", lambda: Settings(stack="embedded"))
    monkeypatch.setattr(resources, "refresher", lambda: readers)
    monkeypatch.setattr(diagram_card, "draw", lambda: "<svg>")
    return readers


def test_nothing_is_shown_to_somebody_who_may_have_to_log_in(
    read: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "<svg>" in first_sight.draw({}, None)
    monkeypatch.setattr(resources, "settings", lambda: SimpleNamespace(oidc_metadata_url="https://login.example"))
    assert first_sight.draw({}, None) == ""


@pytest.mark.parametrize("name", first_sight.WITHOUT)
def test_another_view_is_not_anticipated(read: SimpleNamespace, name: str) -> None:
    assert first_sight.draw({name: [""]}, None) == ""


def test_a_database_that_is_not_read_in_time_or_does_not_answer_is_not_waited_for(
    read: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    read.database.committed = None
    read.database.problem = "down"
    monkeypatch.setattr(first_sight, "COUNTED_WITHIN_S", 1e9)
    assert first_sight.draw({}, None) == ""
    read.database.problem = None
    monkeypatch.setattr(first_sight, "COUNTED_WITHIN_S", 0)
    assert first_sight.draw({}, None) == ""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, psutil.Process]]:
    home = tmp_path_factory.mktemp("page")
    settings = load(home=home)
    fill(settings, COMMISSIONS)
    with page_server(home, database_url=f"sqlite:///{settings.data / 'alpes.db'}") as started:
        yield started


@pytest.mark.parametrize(
    ("query", "accepted", "count", "words"),
    [
        ("", "en-US,en;q=0.8", "1,234", "one transaction"),
        ("", "es-CO", "1.234", "una transacción"),
        ("?lang=es", "en-US", "1.234", "una transacción"),
        ("?lang=en", "es-CO", "1,234", "one transaction"),
    ],
)
def test_the_true_counts_are_shown_in_the_visitors_language(
    server: tuple[Settings, psutil.Process], query: str, accepted: str, count: str, words: str
) -> None:
    settings, _process = server

    def page() -> str:
        headers = {"accept-language": accepted}
        return httpx.get(f"{address(settings)}/{query}", headers=headers, trust_env=False, timeout=30).text

    until(lambda: SIGHT in (text := page()) and f">{count}<" in text and words in text, 30, "the counts")
