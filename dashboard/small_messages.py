"""Make the pages' server send small messages without delay: set TCP_NODELAY on the socket on which it listens.

Streamlit binds its socket without naming the protocol, so asyncio does not recognise it as TCP and leaves Nagle's
algorithm on: anything sent in two pieces, such as an answer or each message of a refresh after the first, waits 40 ms
for the browser's acknowledgement. Connections inherit the option from the socket that accepts them.
"""

from __future__ import annotations

import logging
import os
import socket

import psutil
import streamlit as st

from scenarios.waiting import TookTooLong, until

log = logging.getLogger(__name__)

LISTENS_WITHIN_S = 30.0


def send_at_once() -> None:
    """Wait until the server listens, then set the option. A failure is logged: a slow page is better than none."""
    try:
        until(lambda: _descriptor() is not None, LISTENS_WITHIN_S, "the page's server to listen")
        descriptor = _descriptor()
        assert descriptor is not None
        with socket.socket(fileno=os.dup(descriptor)) as listening:
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, psutil.Error, TookTooLong) as error:
        log.warning("small messages are sent late: %s", error)


def _descriptor() -> int | None:
    """Return the descriptor of the socket on which this process listens at the page's port; None if there is none."""
    port = int(st.get_option("server.port"))
    for connection in psutil.Process().net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
            return int(connection.fd)
    return None
