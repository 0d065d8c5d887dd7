"""Ask the servers of a cluster, each from inside another one's container, which of them are at work."""

from __future__ import annotations

import json
import re

from settings import SOURCE_NAME, Settings
from stacks.compose.broker_files import CLUSTER_NAME
from stacks.compose.docker import Docker

BOOKIES = ("bookie-1", "bookie-2", "bookie-3")
BROKERS = ("broker-1", "broker-2")


def writable_bookies(settings: Settings, except_for: str) -> set[str]:
    """Return the bookies that ZooKeeper lists as writable, asked of another one than `except_for`.

    Raises NotRunning, PartUnknown or DockerUnavailable.
    """
    bookie = next(name for name in BOOKIES if name != except_for)
    url = "http://localhost:8000/api/v1/bookie/list_bookies?type=rw&print_hostnames=true"
    return set(_hosts(Docker(settings).fetch_inside(bookie, url)))


def active_brokers(settings: Settings, except_for: str) -> set[str]:
    """Return the brokers that ZooKeeper lists, asked of another one than `except_for`. Raises what `writable_bookies` raises."""
    url = f"http://localhost:8080/admin/v2/brokers/{CLUSTER_NAME}"
    return set(_hosts(Docker(settings).fetch_inside(_other_broker(except_for), url)))


def find_broker_of_source(settings: Settings) -> str:
    """Return the broker whose functions worker runs the source. Raises LookupError, or what `writable_bookies` raises."""
    url = f"http://localhost:8080/admin/v3/sources/{settings.pulsar_namespace}/{SOURCE_NAME}/status"
    status = json.loads(Docker(settings).fetch_inside("broker", url))
    for instance in status["instances"]:
        if match := re.search(r"broker-\d+", instance["status"]["workerId"]):
            return match[0]
    raise LookupError("no broker runs the source")


def _other_broker(name: str) -> str:
    return next(other for other in BROKERS if other != name)


def _hosts(answer: str) -> list[str]:
    """Return the host names of a list of addresses, or of the keys of an object."""
    return [str(address).partition(":")[0] for address in json.loads(answer)]
