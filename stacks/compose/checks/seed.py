"""Check by the files, without Docker, that the commands of the original description work as they are written."""

from __future__ import annotations

import json

from connectors import source
from settings import Settings
from settings.model import PINNED_NAR, SEED_NAR
from stacks.compose import broker_files, model
from stacks.compose.checks.check import Check, judge
from stacks.compose.docker import ONE_SHOTS, SOURCE_LOG

NAMES = ("mysql", "pulsar", "notificaciones", "commands")
"""Names that the description passes to `docker ps -qf name=…`."""
CONNECTOR = f"/pulsar/connectors/pulsar-io-debezium-mysql-{SEED_NAR}.nar"
CONFIG = "/pulsar/connectors/debezium-mysql-outbox.json"
LOG = "logs/functions/public/default/mysql-outbox-commissions/mysql-outbox-commissions-0.log"


def check_containers_by_name() -> Check:
    """Check that each `name=` filter matches one container: it matches a part of the name, and `docker exec` takes one container."""
    tree = model.demo()
    containers = [f"{tree['name']}-{name}-1" for name in tree["services"] if name not in ONE_SHOTS]
    wrong = []
    for name in NAMES:
        matches = [container for container in containers if name in container]
        if len(matches) != 1:
            wrong.append(f"name={name} finds {', '.join(matches) or 'nothing'}")
    wrong += [f"{name} has a container_name" for name, row in tree["services"].items() if "container_name" in row]
    return judge("`docker ps -qf name=` finds one container each", wrong, ", ".join(NAMES))


def check_paths() -> Check:
    home = broker_files.HOME
    volumes = model.demo()["services"]["pulsar"]["volumes"]
    wrong = []
    if f"{home}/connectors/{broker_files.nar_name(SEED_NAR)}" != CONNECTOR:
        wrong.append(f"the connector is not at {CONNECTOR}")
    if f"{home}/connectors/{broker_files.CONFIG_NAME}" != CONFIG or "source-config:/pulsar/source:ro" not in volumes:
        wrong.append(f"the source's configuration is not at {CONFIG}")
    if SOURCE_LOG != LOG or "pulsar-logs:/pulsar/logs" not in volumes:
        wrong.append(f"the source's log is not at {LOG}")
    if _hidden(volumes):
        wrong.append("a volume hides /pulsar/connectors")
    archive = model.demo()["services"]["source"]["environment"]["ALPES_SOURCE_ARCHIVE"]
    if archive != f"file://{home}/nars/{broker_files.nar_name(PINNED_NAR)}":
        wrong.append(f"the source uses the archive {archive}")
    return judge(
        "connector, configuration and log are where the description says", wrong, f"{CONNECTOR}, {CONFIG}, {LOG}"
    )


def check_source_configuration() -> Check:
    """Check that the one-shot renders the native stack's configuration with the container's addresses and this stack's password."""
    values = model.demo()["services"]["source"]["environment"]
    fields = {name.removeprefix("ALPES_").lower(): value for name, value in values.items()}
    config = source.render(Settings(**fields))
    expected = {
        "database.hostname": "mysql",
        "database.port": "3306",
        "database.user": "debezium",
        "database.server.name": "alpes-mysql",
        "table.include.list": "alpes.outbox_event",
        "database.history": "org.apache.pulsar.io.debezium.PulsarDatabaseHistory",
        "database.history.pulsar.service.url": "pulsar://localhost:6650",
    }
    wrong = [
        f"{name} is {config['configs'].get(name)}"
        for name, value in expected.items()
        if config["configs"].get(name) != value
    ]
    if "${" in json.dumps(config):
        wrong.append("a variable has no value")
    if config["name"] != "mysql-outbox-commissions" or not config["topicName"].endswith("/outbox-events"):
        wrong.append(f"it is {config['name']} on {config['topicName']}")
    return judge(
        "the rendered configuration of the source is complete",
        wrong,
        f"{len(config['configs'])} settings, every one a string",
    )


def check_published_api() -> Check:
    ports = model.demo()["services"]["api"]["ports"]
    return judge("the API is published 5001:5000", [] if ports == ["127.0.0.1:5001:5000"] else [str(ports)], str(ports))


def _hidden(volumes: list[str]) -> bool:
    return any(str(entry).split(":")[1].rstrip("/") in ("/pulsar", "/pulsar/connectors") for entry in volumes)
