"""A click that arrives while the page is drawn again is not lost: neither on another page, nor on a download."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.media_file_manager import MediaFileManager, MediaFileMetadata
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests

from dashboard import kept_clicks
from tests.clocks import patch_time

OLD_PAGE, NEW_PAGE = "page-that-is-left", "page-that-is-wanted"
ON_EVERY_PAGE = "language-switch"


@pytest.fixture(params=["by itself", "with clicks kept"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Streamlit as it is, and as the page's server changes it."""
    monkeypatch.setattr(ScriptRequests, "_request_rerun_locked", kept_clicks._fold)
    monkeypatch.setattr(AppSession, "request_rerun", kept_clicks._request)
    for name in ("mark_for_delete", "is_marked_for_delete"):
        monkeypatch.setattr(MediaFileMetadata, name, getattr(MediaFileMetadata, name))
    name = "_remove_orphaned_deferred_callables"
    monkeypatch.setattr(MediaFileManager, name, getattr(MediaFileManager, name))
    if request.param == "with clicks kept":
        kept_clicks.keep_clicks()
    return bool(request.param == "with clicks kept")


def in_a_script_of(page: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    context = None if page is None else SimpleNamespace(page_script_hash=page)
    monkeypatch.setattr(kept_clicks, "get_script_run_ctx", lambda suppress_warning: context)


def waiting_page(requests: ScriptRequests) -> str:
    request = requests.on_scriptrunner_ready()
    assert request.rerun_data is not None
    return request.rerun_data.page_script_hash


def test_a_rerun_of_the_old_page_does_not_end_a_change_of_page(kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = ScriptRequests()
    in_a_script_of(None, monkeypatch)
    requests.request_rerun(RerunData(page_script_hash=NEW_PAGE))
    in_a_script_of(OLD_PAGE, monkeypatch)
    requests.request_rerun(RerunData(page_script_hash=OLD_PAGE))
    assert waiting_page(requests) == (NEW_PAGE if kept else OLD_PAGE)


def test_the_newest_click_counts_and_a_script_may_change_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScriptRequests, "_request_rerun_locked", kept_clicks._fold_unless_page_changes)
    requests = ScriptRequests()
    in_a_script_of(None, monkeypatch)
    requests.request_rerun(RerunData(page_script_hash=NEW_PAGE))
    requests.request_rerun(RerunData(page_script_hash="third page"))
    assert waiting_page(requests) == "third page"
    in_a_script_of(OLD_PAGE, monkeypatch)
    requests.request_rerun(RerunData(page_script_hash=NEW_PAGE))
    assert waiting_page(requests) == NEW_PAGE


class Session:
    """As much of Streamlit's session as a request needs; every run is only noted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._scriptrunner = SimpleNamespace(_requests=ScriptRequests())
        self.pages: list[str] = []
        monkeypatch.setattr(kept_clicks, "_request", lambda _, asked: self.pages.append(asked.page_script_hash))

    def ask(self, page: str, *widgets: str, fragment: str = "") -> None:
        asked = ClientState(page_script_hash=page, fragment_id=fragment)
        for widget in widgets:
            asked.widget_states.widgets.add(id=widget)
        kept_clicks._request_unless_late(self, asked)  # type: ignore[arg-type]

    def switch_by_script(self, left: str, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
        in_a_script_of(left, monkeypatch)
        kept_clicks._fold_unless_page_changes(self._scriptrunner._requests, RerunData(page_script_hash=wanted))
        in_a_script_of(None, monkeypatch)


LATE = {
    "a popover that the click closes": ((ON_EVERY_PAGE, "kill-broker"), ""),
    "a fragment of the page": ((ON_EVERY_PAGE, "pulse"), "fragment"),
    "a fragment that every page has": ((ON_EVERY_PAGE,), "frame"),
}


@pytest.mark.parametrize("late", LATE)
def test_what_the_page_that_is_left_still_asks_for_does_not_bring_it_back(
    late: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(monkeypatch)
    widgets, fragment = LATE[late]
    session.ask("")
    session.ask(OLD_PAGE, *widgets, fragment=fragment)
    session.ask(NEW_PAGE, ON_EVERY_PAGE)
    for _ in range(3):
        session.ask(OLD_PAGE, *widgets, fragment=fragment)
    session.ask(NEW_PAGE, ON_EVERY_PAGE, "own", fragment="own")
    assert session.pages == ["", OLD_PAGE, NEW_PAGE, NEW_PAGE]


def test_a_fragment_does_not_end_the_change_of_page_that_a_script_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(monkeypatch)
    session.ask(OLD_PAGE, ON_EVERY_PAGE, "row", fragment="feed")
    session.switch_by_script(OLD_PAGE, NEW_PAGE, monkeypatch)
    session.ask(OLD_PAGE, ON_EVERY_PAGE, "row", fragment="feed")
    assert session.pages == [OLD_PAGE]
    session.ask(OLD_PAGE, ON_EVERY_PAGE)  # a link back to it, on a page that had nothing to ask for
    assert session.pages == [OLD_PAGE, OLD_PAGE]


@pytest.mark.parametrize("asks_between", [True, False])
def test_a_link_back_leads_back(asks_between: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(monkeypatch)
    session.ask(OLD_PAGE, ON_EVERY_PAGE, "row")
    session.ask(NEW_PAGE, ON_EVERY_PAGE)
    if asks_between:
        session.ask(NEW_PAGE, ON_EVERY_PAGE, "search")
    session.ask(OLD_PAGE, ON_EVERY_PAGE)
    session.ask(OLD_PAGE, ON_EVERY_PAGE, "row", fragment="feed")
    assert session.pages[-2:] == [OLD_PAGE, OLD_PAGE]


def test_a_download_of_the_drawing_before_is_still_answered(kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    patch_time(monkeypatch, "dashboard.kept_clicks", monotonic=lambda: now)
    files = MediaFileManager(MemoryMediaFileStorage("/media"))
    address = files.add_deferred(lambda: b"evidence", "text/html", "1.2")
    url = files.add(b"evidence", "text/html", "1.3", is_for_static_download=True)
    assert url

    def draw_again() -> None:
        files.clear_session_refs()
        files.remove_orphaned_files()

    for _ in range(3):
        draw_again()
    assert (address in files._deferred_callables) == kept
    assert bool(files._file_metadata) == kept
    now += kept_clicks.KEPT_S
    for _ in range(2):
        draw_again()
    assert not files._deferred_callables
    assert not files._file_metadata
