"""Compare the versions and options of the compose files with those that the native stack runs."""

from __future__ import annotations

import re

from sqlalchemy import make_url

from db.users import INIT_SQL
from settings import Settings
from settings.model import PINNED_NAR
from stacks.compose import broker_files, model
from stacks.compose.checks.check import Check, judge
from stacks.compose.docker import service
from stacks.native import USERS, java, mysql, pulsar
from stacks.native.artifacts import list_groups
from stacks.python_parts import list_python_parts

OWN_TO_CONTAINERS = {
    "standalone.conf": {
        "advertisedAddress",
        "advertisedListeners",
        "internalListenerName",
        "bindAddresses",
        "bindAddress",
        "bookieId",
    },
    "functions_worker.yml": {
        "workerHostname",
        "pulsarServiceUrl",
        "pulsarWebServiceUrl",
        "downloadDirectory",
        "narExtractionDirectory",
        "functionsDirectory",
        "additionalEnabledConnectorUrlPatterns",
    },
}
"""Keys of the broker's configuration in which the two stacks differ on purpose."""


def check_versions() -> Check:
    services = model.demo()["services"]
    wrong = []
    if not re.fullmatch(r"mysql:8\.0\.\d+", services["mysql"]["image"]):
        wrong.append(f"MySQL is {services['mysql']['image']}; Debezium 1.9 reads 8.0 and not 8.4")
    if services["pulsar"]["image"].rpartition(":")[2] != pulsar.VERSION:
        wrong.append(f"the broker's image is {services['pulsar']['image']}, native runs {pulsar.VERSION}")
    nar = services["api"]["environment"]["ALPES_NAR"]
    if nar != PINNED_NAR or f"nar-{nar}" not in list_groups():
        wrong.append(f"the connector is {nar}, native runs {PINNED_NAR}")
    return judge(
        "versions equal those of the native stack", wrong, f"MySQL 8.0, Pulsar {pulsar.VERSION}, connector {nar}"
    )


def check_mysql_options() -> Check:
    options = model.demo()["services"]["mysql"]["command"]
    wrong = [f"{option} is missing" for option in mysql.SERVER if option not in options]
    wrong += [f"{option} is set in compose only" for option in options if option not in mysql.SERVER]
    return judge(
        "MySQL has the options of the native stack", wrong, f"{len(options)} options, binlog ROW and FULL among them"
    )


def check_mysql_users() -> Check:
    wanted = {**USERS, "database_root_url": "root"}
    created = set(re.findall(r"CREATE USER IF NOT EXISTS '(\w+)'", INIT_SQL.read_text(encoding="utf-8")))
    wrong = []
    for name, values in model.demo()["services"].items():
        for field, user in wanted.items():
            url = values.get("environment", {}).get(f"ALPES_{field.upper()}")
            if url and (make_url(url).username, make_url(url).host, make_url(url).port) != (user, "mysql", 3306):
                wrong.append(f"{name}: {field} is of {make_url(url).username} at {make_url(url).host}")
    wrong += [f"{user} is created by no statement" for user in USERS.values() if user not in created]
    return judge("each service logs in as its own user", wrong, ", ".join(sorted(created)))


def check_ports() -> Check:
    published = {
        str(port).split(":")[1]: (name, str(port).split(":")[2])
        for name, values in model.demo()["services"].items()
        for port in values.get("ports", [])
    }
    settings = Settings.model_fields
    wanted = {
        "api_port": ("api", "5000"),
        "dashboard_port": ("dashboard", "8501"),
        "broker_port": ("pulsar", "6651"),
        "admin_port": ("pulsar", "8080"),
        "mysql_port": ("mysql", "3306"),
    }
    wrong = [
        f"{name} is published as {published.get(str(settings[name].default))}"
        for name, where in wanted.items()
        if published.get(str(settings[name].default)) != where
    ]
    return judge("ports equal the defaults of the settings", wrong, ", ".join(sorted(published)))


def check_topics() -> Check:
    """Check that every service derives the same topics from its settings."""
    names = ("ALPES_PULSAR_NAMESPACE", "ALPES_SUBSCRIPTION", "ALPES_NAR")
    environments = [values.get("environment", {}) for values in model.demo()["services"].values()]
    different = {name: {values.get(name) for values in environments if "ALPES_STACK" in values} for name in names}
    wrong = [
        f"{name} differs between services: {sorted(map(str, values))}"
        for name, values in different.items()
        if len(values) > 1
    ]
    native, compose = Settings(stack="native", nar=PINNED_NAR).topics, Settings(stack="compose", nar=PINNED_NAR).topics
    if native != compose:
        wrong.append("the two stacks name their topics differently")
    return judge("topics equal those of the native stack", wrong, ", ".join(compose.observed()))


def check_broker_configuration() -> Check:
    native = {
        **broker_files.VALUES,
        "bind": "127.0.0.1",
        "addresses": "advertisedAddress=127.0.0.1",
        "scratch": ".",
        "archives": "[]",
    }
    wrong = []
    for name, own in OWN_TO_CONTAINERS.items():
        ours, theirs = (_keys(pulsar.configuration(name, values)) for values in (broker_files.VALUES, native))
        different = {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
        wrong += [f"{name}: {key}" for key in sorted(different - own)]
        wrong += [f"{name}: a variable has no value" for key in ours if "${" in ours[key]]
        template = _keys((pulsar.CONFIGURATION / name).read_text(encoding="utf-8"))
        wrong += [f"{name}: {key} was lost" for key in sorted(template.keys() - ours.keys())]
    if "advertisedAddress" in _keys(pulsar.configuration("standalone.conf", broker_files.VALUES)):
        wrong.append("advertisedAddress and advertisedListeners exclude each other")
    return judge(
        "the broker's configuration equals that of the native stack", wrong, "except addresses and writable folders"
    )


def check_broker_memory() -> Check:
    script = broker_files.start_script()
    wrong = [f"{flag} is missing" for flag in (*pulsar.MEMORY, *java.SMALL_MACHINE) if flag not in script]
    wrong += [
        f"{word} is missing" for word in ("-javaagent:", "source.btm", "--no-stream-storage") if word not in script
    ]
    wrong += ["a variable has no value"] if "${" in script else []
    return judge(
        "the broker's JVM has the flags of the native stack",
        wrong,
        "memory, collector, the rule for a restarted source",
    )


def check_settings_are_known() -> Check:
    variables = {f"ALPES_{name.upper()}" for name in Settings.model_fields} | {"ALPES_SECRETS_DIR", "ALPES_LISTENERS"}
    wrong = sorted(
        f"{name}: {variable}"
        for tree in (model.demo(), model.production(), model.cluster())
        for name, values in tree["services"].items()
        for variable in values.get("environment", {})
        if variable.startswith("ALPES_") and variable not in variables
    )
    return judge("every ALPES_ variable is a setting", wrong, f"of {len(variables)} known ones")


def check_commands() -> Check:
    parts = {part.name for part in list_python_parts(Settings(stack="compose"))}
    wrong = [f"{part} has no service" for part in sorted(parts)]
    for name, values in model.demo()["services"].items():
        words = values.get("command", [])
        if words[:1] == ["part"]:
            checked = values["healthcheck"]["test"][-1]
            if words[1] not in parts or service(words[1]) != name or checked != words[1]:
                wrong.append(f"{name} runs {words[1]} and looks at {checked}")
            else:
                wrong.remove(f"{words[1]} has no service")
    return judge("each service runs its own component through the launcher", wrong, ", ".join(sorted(parts)))


def _keys(text: str) -> dict[str, str]:
    pairs = (re.match(r"(\w+)\s*[=:]\s*(.*)", line) for line in text.splitlines())
    return {pair[1]: pair[2] for pair in pairs if pair}
