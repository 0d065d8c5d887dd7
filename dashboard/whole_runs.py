"""Keep the unsent messages of a run when a rerun of a fragment begins, so that the page cannot turn white.

When a fragment's rerun begins, Streamlit drops the fragment's unsent messages from the previous run, because the
fragment sends them again. The messages of its neighbours stay, and until then they refer to positions behind one that
does not exist yet: the browser's application stops with "Bad delta path index", and the page is white until it is
reloaded. A fragment that is due while the whole page is being drawn on a busy machine is enough to cause it.

So nothing is dropped when a fragment's rerun begins. Streamlit drops messages in order not to merge those of one run
into those of the previous one (https://github.com/streamlit/streamlit/pull/9381); here they are appended and not
merged, and a fragment that is drawn twice is sent twice, in order.
"""

from __future__ import annotations

from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

_clear = ForwardMsgQueue.clear


def _clear_only_for_whole_runs(
    queue: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None
) -> None:
    if fragment_ids_this_run:
        queue._delta_index_map = {}  # further messages are appended, and replace none in place
    else:
        _clear(queue, retain_lifecycle_msgs, fragment_ids_this_run)


def keep_whole_runs() -> None:
    """Keep unsent messages in every session of this server from now on."""
    ForwardMsgQueue.clear = _clear_only_for_whole_runs  # type: ignore[method-assign,assignment]
