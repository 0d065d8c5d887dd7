"""Connections to the pages' server send what they have at once."""

from __future__ import annotations

import socket

import pytest
import streamlit as st

from dashboard import small_messages


def test_a_connection_inherits_it_from_the_socket_that_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        monkeypatch.setattr(st, "get_option", lambda name: listening.getsockname()[1])
        assert not listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        small_messages.send_at_once()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_server_that_does_not_listen_is_no_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_messages, "LISTENS_WITHIN_S", 0.1)
    monkeypatch.setattr(st, "get_option", lambda name: 1)
    small_messages.send_at_once()
