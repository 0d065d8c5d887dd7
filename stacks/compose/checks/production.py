"""Check compose.prod.yml merged over the demo: every password comes from a file, each file is given only to services that
need it, and nobody speaks to database or broker without TLS and a token of its own."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from settings import Settings
from stacks.compose import broker_files, model
from stacks.compose.checks.check import Check, judge
from stacks.compose.docker import PARTS
from stacks.native import mysql, roles
from stacks.native.certificates import Pair

PASSWORD = re.compile(r"(PASSWORD|TOKEN|SECRET|KEY)$")
IN_URL = re.compile(r"//[^/@\s]*:[^/@\s]+@")
OPEN = {"ALPES_SECRETS_DIR"}
DEMO_ONLY = {"ALPES_CONTROL_TOKEN", "ALPES_CRASH_KEY"}
"""Secrets that only fault injection needs; production has neither them nor files for them."""
PUBLIC = {"api", "dashboard"}
SERVERS = {"mysql", "pulsar"}
ADMINISTRATORS = {"source", "watcher"}
"""Services that create or restart the source, with an administrator's token."""
TOKENLESS = {"mysql", "folders", "migrate"}
"""Services that never speak to the broker."""


def check_secrets_are_files() -> Check:
    tree = model.production()
    wrong = [
        f"{name} is from {values}"
        for name, values in tree["secrets"].items()
        if values != {"file": f"{model.SAMPLE['ALPES_SECRETS']}/{_place(name)}"}
    ]
    used = {name for values in tree["services"].values() for name in _secrets(values)}
    wrong += [f"{name} is used by no service" for name in sorted(set(tree["secrets"]) - used)]
    wrong += [f"{name} is not defined" for name in sorted(used - set(tree["secrets"]))]
    fields = {f"alpes_{name}" for name in Settings.model_fields} | {"mysql_root_password"}
    wrong += [
        f"{name} is no setting" for name in sorted(set(tree["secrets"]) - fields) if not PurePosixPath(name).suffix
    ]
    try:
        model.interpolate(model.read(model.PRODUCTION), {})
        wrong.append("the folder of secrets has a default")
    except KeyError:
        pass
    return judge("every secret is a file", wrong, ", ".join(sorted(tree["secrets"])))


def _place(secret: str) -> str:
    """Return where `./alpes compose secrets` writes a secret, relative to the folder."""
    return {
        ".jwt": f"broker/tokens/{secret}",
        ".key": f"broker/{secret}" if secret == roles.locate_key_file(Path()).name else f"tls/{secret}",
        ".pem": f"tls/{secret}",
        ".p12": f"tls/{secret}",
    }.get(PurePosixPath(secret).suffix, secret)


def _secrets(service: dict[str, Any]) -> dict[str, str]:
    """Return {secret: name of its file in the container} of a service."""
    entries = [entry if isinstance(entry, dict) else {"source": entry} for entry in service.get("secrets", [])]
    return {str(entry["source"]): str(entry.get("target", entry["source"])) for entry in entries}


def check_no_password_is_written() -> Check:
    wrong = []
    for name, values in model.production()["services"].items():
        for variable, value in values.get("environment", {}).items():
            if variable in OPEN or variable.endswith("_FILE"):
                continue
            if PASSWORD.search(variable) or IN_URL.search(str(value)):
                wrong.append(f"{name}: {variable}")
        words = f"{values.get('command')} {values.get('entrypoint')} {values.get('healthcheck')}"
        if re.search(r"password=|--password|'-p\w|IDENTIFIED", words, re.IGNORECASE):
            wrong.append(f"{name}: its command")
    return judge("no environment and no command contains a password", wrong, "in production")


def check_secrets_are_needed() -> Check:
    """Check that a service reads from files exactly the secrets that the demo gives it in its environment.

    The source's password is the broker's alone, and of `migrate`, which sets it: a source's configuration only names it.
    """
    demo, tree = model.demo()["services"], model.production()["services"]
    wrong = []
    for name, values in demo.items():
        had = settings_with_secrets(values)
        if name == "pulsar":
            had = {"alpes_debezium_password", "alpes_debezium_tls_truststore_password"}
        elif name != "migrate":
            had -= {"alpes_debezium_password"}
        mounted = {secret for secret in _secrets(tree[name]) if not PurePosixPath(secret).suffix}
        if had != mounted:
            wrong.append(f"{name} needs {sorted(had)} and has {sorted(mounted)}")
        reads = tree[name].get("environment", {}).get("ALPES_SECRETS_DIR") == "/run/secrets"
        if name not in SERVERS and mounted and not reads:
            wrong.append(f"{name} does not read /run/secrets")
    return judge("each service has exactly the secrets that it needs", wrong, "by the demo's environments")


def settings_with_secrets(service: dict[str, Any]) -> set[str]:
    """Return the names, as of a file, of a service's variables that hold a secret which production needs too."""
    return {
        variable.lower()
        for variable, value in service.get("environment", {}).items()
        if (PASSWORD.search(variable) or IN_URL.search(str(value))) and variable not in DEMO_ONLY
    }


def check_nothing_is_plain() -> Check:
    """Check that database and broker refuse what is not encrypted, and that every service checks whom it speaks to."""
    services = model.production()["services"]
    missing = [option for option in _mysql_options() if option not in services["mysql"]["command"]]
    wrong = [f"mysql lacks {option}" for option in missing]
    wrong += [f"the broker has {line}" for line in _plain_lines(broker_files.secured_configuration())]
    if services["pulsar"].get("command") != ["/bin/sh", f"{broker_files.HOME}/alpes/start.sh", "secured"]:
        wrong.append("the broker does not start with the secured configuration")
    if "health.sh" not in str(services["pulsar"]["healthcheck"]["test"]):
        wrong.append("the broker's health check is not the secured broker's")
    for name, values in services.items():
        environment = values.get("environment", {})
        wrong += [f"{name}: {key}={value}" for key, value in environment.items() if _is_plain(key, str(value))]
        wanted = _wanted_of(name) if "ALPES_HOME" in environment else {}
        wrong += [
            f"{name}: {key} is {environment.get(key)}" for key, value in wanted.items() if environment.get(key) != value
        ]
        if (wanted or name in SERVERS) and _secrets(values).get("ca.pem") != "ca.pem":
            wrong.append(f"{name} has no authority")
    return judge(
        "nothing speaks to database or broker without TLS", wrong, "servers refuse it, clients check certificates"
    )


def check_tokens() -> Check:
    """Check that each service has the token of its own role and no other one, and only the broker the key that signs them."""
    wrong = []
    for name, values in model.production()["services"].items():
        mounted = {
            secret: target for secret, target in _secrets(values).items() if secret.endswith((".jwt", "token.key"))
        }
        role = "admin" if name in ADMINISTRATORS else PARTS.get(name, name)
        wanted = {} if name in TOKENLESS else {f"{role}.jwt": "alpes_pulsar_token"}
        if name == "pulsar":
            wanted = {file.name: file.name for file in broker_files.key_files()}
        if mounted != wanted:
            wrong.append(f"{name} has {sorted(mounted)}, not {sorted(wanted)}")
    return judge("each service has the token of its role", wrong, "and the broker alone the key")


def _mysql_options() -> list[str]:
    secrets = broker_files.SECRETS
    pair = Pair(secrets / "mysql.pem", secrets / "mysql.key")
    return [*mysql.SERVER, *mysql.tls_options(secrets / "ca.pem", pair)]


def _plain_lines(conf: str) -> list[str]:
    """Return the lines of `standalone.conf` by which the broker would listen without TLS, or admit clients without a token."""
    lines = dict(line.split("=", 1) for line in conf.splitlines() if "=" in line and not line.startswith("#"))
    wanted = {
        "brokerServicePort": "",
        "webServicePort": "",
        "authenticationEnabled": "true",
        "authorizationEnabled": "true",
    }
    plain = [f"{name}={lines.get(name)}" for name, value in wanted.items() if lines.get(name) != value]
    open_names = ("anonymousUserRole", "bindAddresses", "advertisedListeners")
    return plain + [f"{name}={lines[name]}" for name in open_names if name in lines]


def _is_plain(variable: str, value: str) -> bool:
    return value.startswith(("pulsar://", "http://")) or (variable.endswith("HOSTNAME_CHECK") and value != "true")


def _wanted_of(service: str) -> dict[str, str]:
    authority = str(broker_files.SECRETS / "ca.pem")
    variables = {
        "ALPES_SECURE": "true",
        "ALPES_DATABASE_TLS_CA": authority,
        "ALPES_PULSAR_TLS_CA": authority,
        "ALPES_PULSAR_URL": "pulsar+ssl://pulsar:6651",
        "ALPES_PULSAR_ADMIN_URL": "https://pulsar:8443",
    }
    if service in ADMINISTRATORS:  # they configure the source
        variables |= {
            "ALPES_DEBEZIUM_TLS_MODE": "verify_ca",
            "ALPES_DEBEZIUM_TLS_TRUSTSTORE": str(broker_files.SECRETS / "mysql-truststore.p12"),
        }
    return variables


def check_published_ports() -> Check:
    wrong = [
        f"{name} publishes {values['ports']}"
        for name, values in model.production()["services"].items()
        if values.get("ports") and name not in PUBLIC
    ]
    return judge("only API and page are published", wrong, "no database, no broker")


def check_no_demo_controls() -> Check:
    """Check that every service is told that this is no demo, so that no control breaks or empties anything."""
    wrong = [
        f"{name}: {values['environment'].get('ALPES_DEMO_CONTROLS', 'not set')}"
        for name, values in model.production()["services"].items()
        if "ALPES_HOME" in values.get("environment", {}) and values["environment"].get("ALPES_DEMO_CONTROLS") != "false"
    ]
    return judge("no component has demo controls", wrong, "ALPES_DEMO_CONTROLS is false everywhere")
