"""A click that arrives while the page is drawn again is not lost: neither on another page, nor on a download."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit.runtime.media_file_manager import MediaFileManager, MediaFileMetadata
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests

from dashboard import kept_clicks
from tests.clocks import patch_time

OLD_PAGE, NEW_PAGE = "page-that-is-left", "page-that-is-wanted"


@pytest.fixture(params=["by itself", "with clicks kept"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Streamlit as it is, and as the page's server changes it."""
    monkeypatch.setattr(ScriptRequests, "_request_rerun_locked", kept_clicks._fold)
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
