"""What a client may send the page's server that no browser of ours would: it leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets import Origin, Subprotocol
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from scenarios.waiting import until
from settings import Settings
from tests.dashboard.raw_page import address, elements, fragments, page_server, raw_page


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, psutil.Process]]:
    with page_server(tmp_path_factory.mktemp("page")) as made:
        yield made


@pytest.mark.parametrize("path", ["/", "/operations", "/pulse?of=live", "/_stcore/health", "/_stcore/host-config"])
def test_another_host_or_origin_is_refused_everywhere(server: tuple[Settings, psutil.Process], path: str) -> None:
    settings, _process = server
    port = settings.dashboard_port
    for headers in ({"Host": f"evil.example:{port}"}, {"Origin": f"http://evil.example:{port}"}):
        answer = httpx.get(address(settings) + path, headers=headers, trust_env=False)
        assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert httpx.get(address(settings) + path, trust_env=False).is_success


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1"])
def test_a_rebound_page_gets_no_websocket(server: tuple[Settings, psutil.Process], host: str) -> None:
    port = server[0].dashboard_port
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(
            f"ws://{host}:{port}/_stcore/stream",
            origin=Origin(f"http://evil.example:{port}"),
            subprotocols=[Subprotocol("streamlit")],
            sock=_connected(port),
        ),
    ):
        pass
    assert refused.value.response.status_code == 403


def _connected(port: int):  # type: ignore[no-untyped-def]
    import socket

    return socket.create_connection(("127.0.0.1", port))


def test_a_hundred_clearings_of_the_caches_leave_no_thread_behind(server: tuple[Settings, psutil.Process]) -> None:
    settings, process = server
    with raw_page(settings) as page:
        page.run()
        before = process.num_threads()
        clear = BackMsg()
        clear.clear_cache = True
        for _number in range(100):
            page.send(clear)
            httpx.get(f"{address(settings)}/pulse?of=live,scenarios,operations", trust_env=False)
    # Threads that Starlette and Streamlit keep for reuse come and go: far fewer than one a clearing.
    until(lambda: process.num_threads() < before + 25, 20, "no thread for each clearing")


def test_a_log_of_another_folder_is_not_read_in_a_fragment(
    server: tuple[Settings, psutil.Process], tmp_path: Path
) -> None:
    settings, _process = server
    settings.logs.mkdir(exist_ok=True)
    (settings.logs / "audit.log").write_text("OF-THIS-INSTANCE")
    (tmp_path / "other.log").write_text("OF-ANOTHER-FOLDER")
    with raw_page(settings) as page:
        drawn = page.run("operations")
        box = next(one for one in elements(drawn, "selectbox") if "audit" in one.options)
        for fragment in fragments(drawn):
            for name, wanted in ((str(tmp_path / "other"), False), ("audit", True)):
                answer = page.run("operations", fragment, {box.id: {"string_value": name}})
                text = b"".join(message.SerializeToString() for message in answer)
                assert b"OF-ANOTHER-FOLDER" not in text
                if wanted and b"OF-THIS-INSTANCE" in text:
                    break
            else:
                continue
            break
        else:
            pytest.fail("no fragment drew the log that is listed: this test would see nothing")
