"""List the components, and say what is true of each. Code asks for a property, not for a component's name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from settings import Settings


@dataclass(frozen=True, slots=True)
class Component:
    name: str
    module: str = ""
    """The Python module that it runs; empty for what is not written in Python."""
    is_server: bool = False
    """Database or broker: the other components need it, so it is stopped last."""
    is_capture: bool = False
    is_connector: bool = False
    """It runs inside the broker and is no process: it has no log file, and its restart is a request to the broker."""
    is_on_path: bool = False
    """Each event passes it on the way from commit to notification."""
    is_numbered: bool = False
    """Several of it may run, named `NAME-1`, `NAME-2`, …"""
    has_heartbeat: bool = False
    is_watched: bool = False
    """The watcher restarts it when it hangs."""
    is_broker_client: bool = False
    """It keeps a connection to the broker, and reports in its heartbeat when it has none."""
    needs_database: bool = True
    sends_commands: bool = False
    """It can change tables on behalf of others, so an operation of the whole instance stops it first."""
    carries_events: bool = False
    """It moves or records events, so an operation stops it once all events have arrived."""
    is_killed_by_chaos: bool = False
    runs_connectors: bool = False
    """A connector runs inside its process."""


_ALL = (
    Component("database", is_server=True, is_on_path=True, is_killed_by_chaos=True),
    Component(
        "relay",
        "workers.relay",
        is_capture=True,
        is_on_path=True,
        has_heartbeat=True,
        is_watched=True,
        is_broker_client=True,
        carries_events=True,
        is_killed_by_chaos=True,
    ),
    Component("source", is_capture=True, is_connector=True, is_on_path=True, carries_events=True),
    Component("debezium", is_capture=True, is_on_path=True, carries_events=True, is_killed_by_chaos=True),
    Component("broker", is_server=True, is_on_path=True, is_killed_by_chaos=True, runs_connectors=True),
    Component(
        "notifications",
        "workers.notifications",
        is_on_path=True,
        is_numbered=True,
        has_heartbeat=True,
        is_watched=True,
        is_broker_client=True,
        carries_events=True,
        is_killed_by_chaos=True,
    ),
    Component(
        "observer",
        "workers.observer",
        has_heartbeat=True,
        is_watched=True,
        is_broker_client=True,
        needs_database=False,
        carries_events=True,
        is_killed_by_chaos=True,
    ),
    Component(
        "audit",
        "workers.audit",
        has_heartbeat=True,
        is_watched=True,
        carries_events=True,
        is_killed_by_chaos=True,
    ),
    Component(
        "commands",
        "workers.commands",
        has_heartbeat=True,
        is_watched=True,
        is_broker_client=True,
        sends_commands=True,
        is_killed_by_chaos=True,
    ),
    Component("watcher", "stacks.watcher", has_heartbeat=True),
    Component("api", "api", sends_commands=True, is_killed_by_chaos=True),
    Component("dashboard", "streamlit", sends_commands=True),
)
OF_A_CLUSTER = ("zookeeper", "bookie")
"""Servers that only a cluster's broker has, beside brokers with a number. They have names, and none of the properties above."""
REPLAY = "replay"
"""The base name of a process that a replay starts beside the notifications workers. It is no component."""
COMPONENTS: dict[str, Component] = {component.name: component for component in _ALL}
"""Name → component, in the order of an event's path."""


def name_pattern() -> str:
    """Return a regular expression for the names of processes; files of an instance are named after them."""
    names = [component.name for component in COMPONENTS.values() if not component.is_connector]
    names += [*OF_A_CLUSTER, REPLAY]
    return rf"({'|'.join(names)})(-[0-9]+)?"


def is_process_name(name: str) -> bool:
    """Return whether a component that is a process can have this name."""
    return re.fullmatch(name_pattern(), name) is not None


def get_base_name(name: str) -> str:
    """Return the name without its number: `notifications` for `notifications-2`."""
    return re.sub(r"-[0-9]+$", "", name)


def find_component(name: str) -> Component:
    """Return the component of a name, also of a numbered one. A name that is not in the list has no property."""
    return COMPONENTS.get(get_base_name(name)) or Component(name)


def worker_names(settings: Settings) -> list[str]:
    """Return `notifications`, or `notifications-1`, … when several workers share the subscription."""
    return _number("notifications", settings.workers)


def select_names(settings: Settings, selects: Callable[[Component], bool]) -> list[str]:
    """Return the names of this instance's components that `selects` accepts, in the order of an event's path."""
    names: list[str] = []
    for component in COMPONENTS.values():
        is_other_capture = component.is_capture and component.name != settings.facts.capture.component
        if not is_other_capture and selects(component):
            names += _number(component.name, settings.workers) if component.is_numbered else [component.name]
    return [name for name in names if name not in settings.without]


def _number(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}-{number}" for number in range(1, count + 1)]
