"""What a run of the page says reaches the browser whole, in an order that it can draw."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from dashboard import whole_runs

Clear = Callable[..., None]


def _block(path: list[int], fragment: str) -> ForwardMsg:
    made = ForwardMsg()
    made.metadata.delta_path[:] = path
    made.delta.add_block.allow_empty = True
    made.delta.fragment_id = fragment
    return made


def _element(path: list[int], text: str, fragment: str = "") -> ForwardMsg:
    made = ForwardMsg()
    made.metadata.delta_path[:] = path
    made.delta.new_element.text.body = text
    if fragment:
        made.delta.fragment_id = fragment
    return made


def _drawn(messages: list[ForwardMsg]) -> list[str]:
    """As the browser's application does: a place may be filled again, or be the next one. Raises IndexError."""
    shown: list[str] = []
    for message in messages:
        if not message.HasField("delta"):
            continue
        place = message.metadata.delta_path[0]
        if place > len(shown):
            raise IndexError(f"bad delta path index {place} (should be between [0, {len(shown)}])")
        shown[place : place + 1] = [message.delta.new_element.text.body or message.delta.fragment_id]
    return shown


def _page_then_fragment() -> list[ForwardMsg]:
    """The whole page is drawn, and before anything of it was sent the fragment in its middle is due again."""
    queue = ForwardMsgQueue()
    queue.enqueue(_element([0], "title"))
    queue.enqueue(_block([1], "F"))
    queue.enqueue(_element([2], "footer"))
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["F"])
    queue.enqueue(_block([1], "F"))
    return queue.flush()


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ForwardMsgQueue, "clear", whole_runs._clear)  # whatever comes is undone after the test
    whole_runs.keep_whole_runs()


def test_a_fragment_that_is_due_before_the_page_was_sent_leaves_no_gap(patched: None) -> None:
    assert _drawn(_page_then_fragment()) == ["title", "F", "footer"]


def test_streamlit_by_itself_still_leaves_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """When this fails, `dashboard.whole_runs` has had its day."""
    monkeypatch.setattr(ForwardMsgQueue, "clear", whole_runs._clear)
    with pytest.raises(IndexError):
        _drawn(_page_then_fragment())


def test_what_a_fragment_says_is_not_put_into_the_run_before(patched: None) -> None:
    queue = ForwardMsgQueue()
    queue.enqueue(_element([0], "before", "F"))
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["F"])
    began = ForwardMsg()
    began.new_session.name = "the fragment's run"
    queue.enqueue(began)
    queue.enqueue(_element([0], "after", "F"))
    kinds = [one.WhichOneof("type") for one in queue.flush()]
    assert kinds == ["delta", "new_session", "delta"]


def test_a_run_of_the_whole_page_drops_what_it_says_anew(patched: None) -> None:
    queue = ForwardMsgQueue()
    queue.enqueue(_element([0], "before"))
    queue.clear(retain_lifecycle_msgs=True)
    assert queue.is_empty()
