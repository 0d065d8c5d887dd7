"""Lets the pages' server send small messages at once.

Streamlit binds its socket without naming the protocol, so asyncio does not take it for TCP and leaves Nagle's algorithm on:
whatever goes out in two parts – an answer, every message of a refresh after the first – waits 40 ms for the browser's
acknowledgement. Connections inherit the option from the socket they are accepted on.
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
    """Waits until the server listens. A page that stays slow is no reason to have none: what fails is logged."""
    try:
        until(lambda: _descriptor() is not None, LISTENS_WITHIN_S, "the page's server to listen")
        descriptor = _descriptor()
        assert descriptor is not None
        with socket.socket(fileno=os.dup(descriptor)) as listening:
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, psutil.Error, TookTooLong) as error:
        log.warning("small messages are sent late: %s", error)


def _descriptor() -> int | None:
    """Of the socket on which this process listens at the page's port."""
    port = int(st.get_option("server.port"))
    for found in psutil.Process().net_connections("tcp"):
        if found.status == psutil.CONN_LISTEN and found.laddr.port == port:
            return int(found.fd)
    return None
