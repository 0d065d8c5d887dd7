"""Keeps what a run of the page has to say whole, until the browser heard it.

When a fragment's run begins, Streamlit drops what the run before it left unsent of that fragment, and the fragment sends it
again. Between the two the messages of its neighbours, which stay, speak of places behind one that does not exist yet: the
browser's application breaks off with "Bad delta path index", and the page is white until it is loaded again. It takes no
more than a fragment that is due while the whole page is being drawn on a busy machine.

So nothing is dropped when a fragment's run begins. Messages of one run are not merged into those of the run before, which is
what the dropping was for (https://github.com/streamlit/streamlit/pull/9381); a fragment drawn twice is sent twice, in order.
"""

from __future__ import annotations

from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

_clear = ForwardMsgQueue.clear


def _clear_only_for_whole_runs(
    queue: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None
) -> None:
    if fragment_ids_this_run:
        queue._delta_index_map = {}  # what comes now is appended, and replaces nothing in place
    else:
        _clear(queue, retain_lifecycle_msgs, fragment_ids_this_run)


def keep_whole_runs() -> None:
    """For every session of this server from now on."""
    ForwardMsgQueue.clear = _clear_only_for_whole_runs  # type: ignore[method-assign,assignment]
