"""Keep a click on another page, and on a download, that Streamlit loses when the page is drawn again at that moment.

A script that calls `st.rerun` asks for its own page. Streamlit merges this request with those that wait, and the page of the
newest counts: a visitor's change of page that has just arrived is forgotten, and the click on the link is lost.

Every run of a page gives its download buttons new addresses, and the end of the run removes those of the run before. A
click on the button as the browser still shows it is then answered with 404. So addresses and files are removed only some
time after nothing refers to them any more.
"""

from __future__ import annotations

import time

from streamlit.runtime.media_file_manager import MediaFileManager, MediaFileMetadata
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType

KEPT_S = 60.0

_fold = ScriptRequests._request_rerun_locked


def keep_clicks() -> None:
    """Keep these clicks in every session of this server from now on."""
    ScriptRequests._request_rerun_locked = _fold_unless_page_changes  # type: ignore[method-assign,assignment]
    MediaFileMetadata.mark_for_delete = _mark  # type: ignore[method-assign,assignment]
    MediaFileMetadata.is_marked_for_delete = property(_was_marked_long_ago)  # type: ignore[method-assign,assignment]
    MediaFileManager._remove_orphaned_deferred_callables = _remove_old_addresses  # type: ignore[method-assign,assignment]


def _fold_unless_page_changes(requests: ScriptRequests, new: RerunData) -> bool:
    """Add a request to the one that waits; a script that asks for its own page again does not end a change of page."""
    context = get_script_run_ctx(suppress_warning=True)  # only a script's thread has one
    waiting = requests._rerun_data
    is_from_script = context is not None and new.page_script_hash == context.page_script_hash
    if (
        is_from_script
        and requests._state == ScriptRequestType.RERUN
        and waiting.page_script_hash != new.page_script_hash
    ):
        return True
    return _fold(requests, new)


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
