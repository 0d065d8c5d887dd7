"""Test that the page's server draws its home page without a visitor, and without what the page does not need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from dashboard import i18n, warming
from dashboard.visiting import open_stream, request_drawing
from settings import Settings
from stacks.processes import free_port
from tests.dashboard.raw_page import page_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, psutil.Process]]:
    with page_server(tmp_path_factory.mktemp("page")) as started:
        yield started


def _libraries(process: psutil.Process) -> str:
    return Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_the_home_page_is_drawn_without_pandas(server: tuple[Settings, psutil.Process], language: str) -> None:
    """Pandas and pyarrow are 100 MB of memory and half a second of processor: Streamlit imports them for a list in `data`."""
    settings, process = server
    with open_stream(settings) as stream:
        kinds = [message.WhichOneof("type") for message in request_drawing(stream, language)]
    assert kinds[0] == "new_session"
    assert kinds.count("delta") > 50
    assert "numpy" in _libraries(process)
    assert "pandas" not in _libraries(process)
    assert "pyarrow" not in _libraries(process)


def test_a_server_is_visited_in_each_language(
    server: tuple[Settings, psutil.Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    languages = []

    def record(stream: object, language: str) -> Iterator[object]:
        languages.append(language)
        return request_drawing(stream, language)  # type: ignore[arg-type]

    monkeypatch.setattr(warming, "request_drawing", record)
    warming._visit(server[0])
    assert languages == list(i18n.LANGUAGES)


def test_no_server_to_visit_is_an_error_that_warming_logs(server: tuple[Settings, psutil.Process]) -> None:
    with pytest.raises(OSError):
        warming._visit(server[0].model_copy(update={"dashboard_port": free_port()}))
