"""Check compose.cluster.yml merged over the demo: who is in the cluster, and that it differs from the demo in nothing else."""

from __future__ import annotations

import re
from typing import Any

from stacks.compose import broker_files, model
from stacks.compose.checks.check import Check, judge
from stacks.compose.cluster import BOOKIES, BROKERS
from stacks.compose.docker import SERVICES
from stacks.native import pulsar

SERVERS = {"zookeeper", "initialize", *BOOKIES, *BROKERS}
SAME_IN_EVERY_PART = ("ALPES_CLUSTER", "ALPES_PARTITIONS", "ALPES_WORKERS")
WORKER = SERVICES["notifications"]
OF_ONE_PROCESS = {
    "bindAddress",
    "clusterName",
    "loadBalancerEnabled",
    "managedLedgerDefaultEnsembleSize",
    "managedLedgerDefaultWriteQuorum",
    "managedLedgerDefaultAckQuorum",
    "enableLocalTransport",
    "disableServerSocketBind",
    "allowLoopback",
    "bookkeeperUseV2WireProtocol",
    "diskUsageThreshold",
    "advertisedListeners",
    "internalListenerName",
    "bindAddresses",
    "bookieId",
}
"""Keys of standalone.conf in which a broker of the cluster differs on purpose."""


def check_members() -> Check:
    services = model.cluster()["services"]
    workers = _workers(services)
    wanted = (model.demo()["services"].keys() - {WORKER}) | SERVERS | set(workers)
    wrong = [f"{name} is missing" for name in sorted(wanted - services.keys())]
    wrong += [f"{name} is not known" for name in sorted(services.keys() - wanted)]
    wrong += [
        f"{name} has the host name {services[name].get('hostname')}"
        for name in sorted((SERVERS - {"initialize"}) & services.keys())
        if services[name].get("hostname") != name
    ]
    return judge("the cluster has its servers and workers", wrong, ", ".join(sorted(SERVERS)))


def check_parts_agree() -> Check:
    """Check that every component written in Python knows the cluster, its workers and its partitions."""
    services = model.cluster()["services"]
    ours = {name: values["environment"] for name, values in services.items() if "ALPES_STACK" in _environment(values)}
    wrong = []
    for variable in SAME_IN_EVERY_PART:
        values = {environment.get(variable) for environment in ours.values()}
        if len(values) != 1 or None in values:
            wrong.append(f"{variable} differs between services: {sorted(map(str, values))}")
    count = len(_workers(services))
    wrong += [
        f"{name} knows {environment.get('ALPES_WORKERS')} workers of {count}"
        for name, environment in ours.items()
        if environment.get("ALPES_WORKERS") != str(count)
    ]
    return judge("every component knows the cluster", wrong, f"{count} workers, and the same number of partitions")


def check_workers() -> Check:
    """Check that each worker is the demo's in everything but its name."""
    services = model.cluster()["services"]
    single = model.demo()["services"][WORKER]
    wrong = []
    for name in _workers(services):
        part = f"notifications{name.removeprefix(WORKER)}"
        environment = {**single["environment"], **_only(services[name]["environment"], SAME_IN_EVERY_PART)}
        health = {**single["healthcheck"], "test": [*single["healthcheck"]["test"][:-1], part]}
        expected = {**single, "command": ["part", part], "environment": environment, "healthcheck": health}
        actual = services[name]
        wrong += [f"{name}: {key}" for key in sorted(expected.keys() | actual) if expected.get(key) != actual.get(key)]
    return judge("each worker of the cluster is the demo's, with a number", wrong, ", ".join(_workers(services)))


def check_broker_configuration() -> Check:
    single, ours = (_keys(text) for text in (_standalone(), broker_files.role_file("broker.conf")))
    wrong = [
        f"{key} is {ours.get(key)}, not {value}"
        for key, value in single.items()
        if key not in OF_ONE_PROCESS and ours.get(key) != value and not key.endswith("Port")
    ]
    quorum = int(ours["managedLedgerDefaultAckQuorum"])
    if not 2 <= quorum <= int(ours["managedLedgerDefaultWriteQuorum"]):
        wrong.append(f"an entry is acknowledged by {quorum} bookie")
    if int(ours["managedLedgerDefaultEnsembleSize"]) >= len(BOOKIES):
        wrong.append("no bookie may be down, or no ensemble can be formed")
    frame = _keys(broker_files.role_file("bookkeeper.conf"))["nettyMaxFrameSizeBytes"]
    if frame != ours["nettyMaxFrameSizeBytes"]:
        wrong.append(f"bookies take {frame} bytes, brokers send {ours['nettyMaxFrameSizeBytes']}")
    return judge("a broker of the cluster is configured as the single one", wrong, "except for ledgers and addresses")


def _workers(services: dict[str, Any]) -> list[str]:
    return sorted(name for name in services if name.startswith(f"{WORKER}-"))


def _environment(values: dict[str, Any]) -> dict[str, str]:
    return values.get("environment") or {}


def _only(values: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: values[name] for name in names if name in values}


def _standalone() -> str:
    return pulsar.configuration("standalone.conf", broker_files.VALUES)


def _keys(text: str) -> dict[str, str]:
    pairs = (re.match(r"(\w+)=(.*)", line) for line in text.splitlines())
    return {pair[1]: pair[2] for pair in pairs if pair}
