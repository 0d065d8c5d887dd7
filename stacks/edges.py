"""List the edges: the TCP connections between two components, or a client and a component, that a proxy can break.

An instance has proxies only where `settings.edge_ports` gives their ports. Then the environment of each component leads it
to the proxies of its edges instead of the servers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from application.components import find_component
from settings import Settings
from settings.stack_facts import DatabaseKind

CLIENT = "client"
Protocol = Literal["http", "mysql", "pulsar"]


@dataclass(frozen=True, slots=True)
class Edge:
    name: str
    client: str
    """A component, or CLIENT for those who use the system from outside."""
    server: str
    protocol: Protocol

    def port_of_server(self, settings: Settings) -> int:
        if self.protocol == "http":
            return settings.api_port
        return settings.mysql_port if self.protocol == "mysql" else settings.broker_port


_ALL = (
    Edge("client-api", CLIENT, "api", "http"),
    Edge("client-broker", CLIENT, "broker", "pulsar"),
    Edge("api-database", "api", "database", "mysql"),
    Edge("capture-database", "capture", "database", "mysql"),
    Edge("capture-broker", "capture", "broker", "pulsar"),
    Edge("worker-broker", "notifications", "broker", "pulsar"),
    Edge("worker-database", "notifications", "database", "mysql"),
    Edge("observer-broker", "observer", "broker", "pulsar"),
    Edge("commands-broker", "commands", "broker", "pulsar"),
)


def edges_of(settings: Settings) -> list[Edge]:
    """Return the edges of this stack. A database that is a file in each process has none."""
    has_server = settings.facts.database is DatabaseKind.MYSQL
    capture = settings.facts.capture.component
    return [
        Edge(edge.name, capture if edge.client == "capture" else edge.client, edge.server, edge.protocol)
        for edge in _ALL
        if edge.protocol != "mysql" or has_server
    ]


def environment(settings: Settings, part: str) -> dict[str, str]:
    """Return the variables that lead a component through the proxies of its edges; none without proxies."""
    variables: dict[str, str] = {}
    for edge in edges_of(settings):
        port = settings.edge_ports.get(edge.name)
        if port is None or edge.client != find_component(part).name:
            continue
        if edge.protocol == "pulsar":
            variables["ALPES_PULSAR_URL"] = with_port(settings.pulsar_url, port)
        else:
            variables["ALPES_DATABASE_URL"] = with_port(settings.database_url, port)
            variables["ALPES_DATABASE_WORKER_URL"] = with_port(settings.worker_url, port)
    return variables


def seen_by_client(settings: Settings) -> Settings:
    """Return the settings of a client outside the instance, which reaches API and broker through the proxies."""
    ports = settings.edge_ports
    return settings.model_copy(
        update={
            "api_port": ports.get("client-api", settings.api_port),
            "pulsar_url": with_port(settings.pulsar_url, ports.get("client-broker", settings.broker_port)),
        }
    )


def port_to(settings: Settings, edge: str, otherwise: int) -> int:
    """Return the port of an edge's proxy, or `otherwise` without proxies."""
    return settings.edge_ports.get(edge, otherwise)


def with_port(url: str, port: int) -> str:
    """Return a URL with another port."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}{at}{parts.hostname}:{port}").geturl()
