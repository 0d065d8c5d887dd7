"""Speak the protocol of Streamlit's page with a server of the pages, as a browser does, and draw nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from scenarios.api_client import url_host
from settings import Settings

PATIENCE_S = 30.0


def open_stream(settings: Settings) -> ClientConnection:
    """Connect to the pages' server as a new visitor. Raises OSError or TimeoutError."""
    address = f"{url_host(settings.bind)}:{settings.dashboard_port}"
    return connect(f"ws://{address}/_stcore/stream", subprotocols=["streamlit"], max_size=None, proxy=None)  # type: ignore[list-item]


def request_drawing(
    stream: ClientConnection,
    language: str,
    page_hash: str = "",
    fragment_id: str = "",
    triggers: Mapping[str, str] | None = None,
) -> Iterator[ForwardMsg]:
    """Request the drawing of a page or of one of its fragments, and yield each message until it is drawn.

    `page_hash`: the page, by default the home page. `triggers`: id of a widget → the JSON of what happened to it.
    Raises TimeoutError when no message comes for `PATIENCE_S`, and ConnectionClosed.
    """
    request = BackMsg()
    request.rerun_script.query_string = f"lang={language}"
    request.rerun_script.page_script_hash = page_hash
    request.rerun_script.fragment_id = fragment_id
    for widget_id, happened in (triggers or {}).items():
        widget_state = request.rerun_script.widget_states.widgets.add()
        widget_state.id = widget_id
        widget_state.json_trigger_value = happened
    stream.send(request.SerializeToString())
    while True:
        message = ForwardMsg()
        message.ParseFromString(stream.recv(timeout=PATIENCE_S))
        yield message
        if message.WhichOneof("type") == "script_finished":
            return
