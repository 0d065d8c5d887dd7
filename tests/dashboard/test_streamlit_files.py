"""Test that Streamlit's own files are served from memory, whole, and that a page names the modules that arrive late."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard.streamlit_files import FILES, LATE_MODULES, StreamlitFiles, list_late_modules

NAMES = sorted(str(path.relative_to(FILES)) for path in FILES.glob("*/*"))


@pytest.fixture
def client() -> TestClient:
    async def page(_request: object) -> HTMLResponse:
        return HTMLResponse("<p>")

    async def other(_request: object) -> PlainTextResponse:
        return PlainTextResponse("other")

    inner = Starlette(routes=[Route("/", page), Route("/static/{name:path}", other, methods=["GET", "HEAD", "POST"])])
    return TestClient(StreamlitFiles(inner))


@pytest.mark.parametrize("prefix", ["", "/proxy/8501"])
def test_every_kind_of_file_is_served_whole_and_may_be_kept(client: TestClient, prefix: str) -> None:
    kinds = {name.rsplit(".", 1)[1]: name for name in NAMES}
    assert {"js", "css", "woff2"} <= set(kinds)
    for kind, name in kinds.items():
        answer = client.get(f"{prefix}/static/{name}")
        assert answer.content == (FILES / name).read_bytes()
        assert "immutable" in answer.headers["cache-control"]
        assert kind != "js" or "javascript" in answer.headers["content-type"]


@pytest.mark.parametrize(
    "name", ["js/none.js", "../index.html", "js/../../index.html", "js/%2e%2e/%2e%2e/index.html", ""]
)
def test_what_is_not_one_of_the_files_is_left_to_the_application(client: TestClient, name: str) -> None:
    assert "immutable" not in client.get(f"/static/{name}").headers.get("cache-control", "")


def test_a_file_is_not_served_to_who_would_send_one(client: TestClient) -> None:
    assert client.post(f"/static/{NAMES[0]}").text == "other"


def test_a_page_names_the_late_modules_and_what_they_import(client: TestClient) -> None:
    link = client.get("/").headers["link"]
    assert "link" not in client.get("/static/none").headers
    for module in LATE_MODULES:
        assert f"<./static/js/{module}." in link, f"Streamlit has no module {module} any more"
    index = (FILES.parent / "index.html").read_text(encoding="utf-8")
    assert not [name for name in list_late_modules() if name in index]
    assert len(list_late_modules()) > len(LATE_MODULES)
