"""The page's real server without a stack or a browser, and a client that sends it raw WebSocket messages."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets import Origin, Subprotocol
from websockets.sync.client import ClientConnection, connect

from db.engine import connect as open_database
from db.migrate import upgrade
from scenarios.waiting import until
from settings import Settings, load
from settings.model import REPOSITORY
from stacks.processes import free_port
from stacks.python_parts import list_python_parts

ANSWERS_WITHIN_S = 30.0


@contextmanager
def page_server(home: Path, **changes: Any) -> Iterator[tuple[Settings, psutil.Process]]:
    """Serves the instance of this home: a database of its own, and nothing that runs."""
    values = {"database_url": f"sqlite:///{home / 'a.db'}", "pulsar_url": "pulsar://127.0.0.1:1"}
    settings = load(home=home, dashboard_port=free_port(), **(values | changes))
    settings.save()
    engine = open_database(values["database_url"])
    upgrade(engine)
    engine.dispose()
    command = next(part.command for part in list_python_parts(settings) if part.name == "dashboard")
    env = {**os.environ, "ALPES_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    with (home / "page.log").open("w") as log:
        process = subprocess.Popen(command.argv, cwd=command.cwd, env=env, stdout=log, stderr=log)
    try:
        until(lambda: _answers(settings), 60, "the page's server")
        yield settings, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _answers(settings: Settings) -> bool:
    try:
        return httpx.get(f"{address(settings)}/_stcore/health", trust_env=False, timeout=5).is_success
    except httpx.HTTPError:
        return False


def address(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.dashboard_port}"


class RawPage:
    """One session, opened and not drawn unless `run` asks for it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    def send(self, message: BackMsg) -> None:
        self._socket.send(message.SerializeToString())

    def run(
        self, page: str = "", fragment: str = "", widgets: Mapping[str, Mapping[str, Any]] | None = None
    ) -> list[ForwardMsg]:
        """Ask for a run with these widget states, `{id: {"trigger_value": True}}`; all that comes until its end."""
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.fragment_id = fragment
        for name, values in (widgets or {}).items():
            message.rerun_script.widget_states.widgets.add(id=name, **values)
        self.send(message)
        return self.until_finished()

    def until_finished(self) -> list[ForwardMsg]:
        found: list[ForwardMsg] = []
        while True:
            data = self._socket.recv(timeout=ANSWERS_WITHIN_S)
            found.append(ForwardMsg.FromString(data if isinstance(data, bytes) else data.encode()))
            if found[-1].WhichOneof("type") == "script_finished":
                return found


@contextmanager
def raw_page(settings: Settings) -> Iterator[RawPage]:
    with connect(
        f"ws://127.0.0.1:{settings.dashboard_port}/_stcore/stream",
        subprotocols=[Subprotocol("streamlit")],
        origin=Origin(address(settings)),
        max_size=None,
        open_timeout=20,
    ) as socket:
        yield RawPage(socket)


def elements(messages: list[ForwardMsg], kind: str) -> list[Any]:
    """Every element of a kind (`button`, `selectbox`, …) that was drawn."""
    deltas = [message.delta for message in messages if message.WhichOneof("type") == "delta"]
    found = [delta.new_element for delta in deltas if delta.WhichOneof("type") == "new_element"]
    return [getattr(element, kind) for element in found if element.WhichOneof("type") == kind]


def fragments(messages: list[ForwardMsg]) -> set[str]:
    return {message.delta.fragment_id for message in messages if message.WhichOneof("type") == "delta"} - {""}
