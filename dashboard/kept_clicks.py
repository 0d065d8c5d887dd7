"""Keep a click on another page, and on a download, that Streamlit loses when the page is drawn again at that moment.

A script that calls `st.rerun` asks for its own page. Streamlit merges this request with those that wait, and the page of the
newest counts: a visitor's change of page that has just arrived is forgotten, and the click on the link is lost.

The browser, too, asks for the page that it leaves until it knows the next one: a click on a link closes an open popover, which
reports it 20 ms after the change of page; a fragment asks to be drawn again. Streamlit shows the page of the newest request.
So what a page that is being left asks for is ignored.

Every run of a page gives its download buttons new addresses, and the end of the run removes those of the run before. A
click on the button as the browser still shows it is then answered with 404. So addresses and files are removed only some
time after nothing refers to them any more.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.media_file_manager import MediaFileManager, MediaFileMetadata
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType

log = logging.getLogger(__name__)

KEPT_S = 60.0

_fold = ScriptRequests._request_rerun_locked
_request = AppSession.request_rerun


@dataclass(frozen=True, slots=True)
class PageChange:
    """A change of page, until the browser asks for something on the new page."""

    left: str
    """Hash of the page's script, as Streamlit calls it."""
    wanted: str
    widgets: frozenset[str] | None
    """Ids of the widgets in the request: those outside the pages, because a link sends no others. None: a script changed it."""

    def is_late(self, request: ClientState) -> bool:
        """Return whether this request comes from the page that is being left, and not from a link back to it."""
        if request.page_script_hash != self.left:
            return False
        return bool(request.fragment_id) or (self.widgets is not None and not widgets_of(request) <= self.widgets)


def widgets_of(request: ClientState) -> frozenset[str]:
    return frozenset(widget.id for widget in request.widget_states.widgets)


def keep_clicks() -> None:
    """Keep these clicks in every session of this server from now on."""
    ScriptRequests._request_rerun_locked = _fold_unless_page_changes  # type: ignore[method-assign,assignment]
    AppSession.request_rerun = _request_unless_late  # type: ignore[method-assign,assignment]
    MediaFileMetadata.mark_for_delete = _mark  # type: ignore[method-assign,assignment]
    MediaFileMetadata.is_marked_for_delete = property(_was_marked_long_ago)  # type: ignore[method-assign,assignment]
    MediaFileManager._remove_orphaned_deferred_callables = _remove_old_addresses  # type: ignore[method-assign,assignment]


def _fold_unless_page_changes(requests: ScriptRequests, new: RerunData) -> bool:
    """Add a request to the one that waits; a script that asks for its own page again does not end a change of page."""
    context = get_script_run_ctx(suppress_warning=True)  # only a script's thread has one
    if context is not None and new.page_script_hash != context.page_script_hash:
        change = PageChange(context.page_script_hash, new.page_script_hash, None)
        requests.__dict__["_alpes_page_change"] = change
    elif (
        context is not None
        and requests._state == ScriptRequestType.RERUN
        and requests._rerun_data.page_script_hash != new.page_script_hash
    ):
        return True
    return _fold(requests, new)


def _request_unless_late(session: AppSession, request: ClientState | None) -> None:
    """Handle a browser's request, unless it comes from a page that is being left."""
    if request is not None and _is_late(session, request):
        log.debug("ignored a request of the page that is being left")
        return
    _request(session, request)


def _is_late(session: AppSession, request: ClientState) -> bool:
    """Return whether the request comes from a page that is being left. If it does not, note the change of page that it begins."""
    attributes = session.__dict__
    requests = None if session._scriptrunner is None else session._scriptrunner._requests
    if requests is not None and (by_script := requests.__dict__.pop("_alpes_page_change", None)) is not None:
        attributes["_alpes_page_change"] = by_script
        attributes["_alpes_page"] = by_script.wanted
    change: PageChange | None = attributes.get("_alpes_page_change")
    if change is not None and change.is_late(request):
        return True
    before, wanted = attributes.get("_alpes_page", ""), request.page_script_hash
    begins = "" not in (before, wanted) and before != wanted
    attributes["_alpes_page_change"] = PageChange(before, wanted, widgets_of(request)) if begins else None
    attributes["_alpes_page"] = wanted
    return False


def _mark(metadata: MediaFileMetadata) -> None:
    if not hasattr(metadata, "marked_at"):
        metadata.marked_at = time.monotonic()  # type: ignore[attr-defined]


def _was_marked_long_ago(metadata: MediaFileMetadata) -> bool:
    marked_at = getattr(metadata, "marked_at", None)
    return marked_at is not None and time.monotonic() - marked_at >= KEPT_S


def _remove_old_addresses(files: MediaFileManager) -> None:
    """Remove the addresses of downloads to which no session has referred for `KEPT_S`. The caller holds the lock."""
    referred = {address for by_place in files._files_by_session_and_coord.values() for address in by_place.values()}
    now = time.monotonic()
    for address, entry in list(files._deferred_callables.items()):
        if address in referred:
            entry.pop("unreferred_since", None)  # type: ignore[typeddict-item]
        elif now - entry.setdefault("unreferred_since", now) >= KEPT_S:  # type: ignore[typeddict-item]
            files._drop_deferred_id(address)
