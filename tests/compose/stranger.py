"""Run inside a container of production: what the broker and the database answer to clients that they must refuse.

`said` becomes {attempt: the refusal}; the refusal is empty when the attempt succeeds. The container is the notifications
worker's.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pymysql
from sqlalchemy import create_engine, make_url, text

from connectors.admin import Admin
from connectors.broker import Broker, Publisher
from settings import Settings, load


def publish(settings: Settings, topic: str) -> None:
    Publisher(Broker(settings), topic).send(b"{}")


def administer(settings: Settings) -> None:
    Admin(settings).create_topic("persistent://public/default/a-strangers")


def request_without_tls() -> None:
    httpx.get("http://pulsar:8443/admin/v2/clusters", trust_env=False).raise_for_status()


def log_in(url: str) -> None:
    """With the right password, and without TLS."""
    at = make_url(url)
    pymysql.connect(host=at.host, port=3306, user=at.username, password=str(at.password), ssl_disabled=True)


def log_in_over_tls(url: str) -> None:
    at = make_url(url).update_query_dict({"ssl_ca": str(load().database_tls_ca)})
    with create_engine(at).connect() as connection:
        assert connection.execute(text("SHOW SESSION STATUS LIKE 'Ssl_cipher'")).one()[1]


def refusal(attempt: Callable[..., Any], *arguments: Any) -> str:
    try:
        attempt(*arguments)
    except Exception as error:
        return str(error) or type(error).__name__
    return ""


own, anonymous = load(), load(pulsar_token="")
said = {
    "publish without a token": refusal(publish, anonymous, own.topics.dead_letter),
    "administer without a token": refusal(administer, anonymous),
    "publish on another role's topic": refusal(publish, own, own.topics.events),
    "administer as a worker": refusal(administer, own),
    "publish without TLS": refusal(publish, load(pulsar_url="pulsar://pulsar:6651"), own.topics.dead_letter),
    "administer without TLS": refusal(request_without_tls),
    "the open broker's port": refusal(socket.create_connection, ("pulsar", 6650), 5),
    "the open admin REST's port": refusal(socket.create_connection, ("pulsar", 8080), 5),
    "worker without TLS": refusal(log_in, own.worker_url),
    "worker over TLS": refusal(log_in_over_tls, own.worker_url),
    "root without TLS": refusal(log_in, os.environ["ROOT_URL"]),
    "root over TLS": refusal(log_in_over_tls, os.environ["ROOT_URL"]),
}
