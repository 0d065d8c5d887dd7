"""Check compose.prod.yml merged over the demo: every password comes from a file, and each file is given only to services that need it."""

from __future__ import annotations

import re

from settings import Settings
from stacks.compose import model
from stacks.compose.checks.check import Check, judge

PASSWORD = re.compile(r"(PASSWORD|TOKEN|SECRET|KEY)$")
IN_URL = re.compile(r"//[^/@\s]*:[^/@\s]+@")
OPEN = {"ALPES_SECRETS_DIR"}
DEMO_ONLY = {"ALPES_CONTROL_TOKEN", "ALPES_CRASH_KEY"}
"""Secrets that only fault injection needs; production has neither them nor files for them."""
PUBLIC = {"api", "dashboard"}


def check_secrets_are_files() -> Check:
    tree = model.production()
    folder = model.SAMPLE["ALPES_SECRETS"]
    wrong = [
        f"{name} is from {values}" for name, values in tree["secrets"].items() if values != {"file": f"{folder}/{name}"}
    ]
    used = {name for values in tree["services"].values() for name in values.get("secrets", [])}
    wrong += [f"{name} is used by no service" for name in sorted(set(tree["secrets"]) - used)]
    wrong += [f"{name} is not defined" for name in sorted(used - set(tree["secrets"]))]
    fields = {f"alpes_{name}" for name in Settings.model_fields} | {"mysql_root_password"}
    wrong += [f"{name} is no setting" for name in sorted(set(tree["secrets"]) - fields)]
    try:
        model.interpolated(model.read(model.PRODUCTION), {})
        wrong.append("the folder of secrets has a default")
    except KeyError:
        pass
    return judge("every secret is a file", wrong, ", ".join(sorted(tree["secrets"])))


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
    """Check that a service reads from files exactly the secrets that the demo gives it in its environment."""
    demo, tree = model.demo()["services"], model.production()["services"]
    wrong = []
    for name, values in demo.items():
        had = {
            variable.lower()
            for variable, value in values.get("environment", {}).items()
            if (PASSWORD.search(variable) or IN_URL.search(str(value))) and variable not in DEMO_ONLY
        }
        found = set(tree[name].get("secrets", []))
        if had != found:
            wrong.append(f"{name} needs {sorted(had)} and has {sorted(found)}")
        reads = tree[name].get("environment", {}).get("ALPES_SECRETS_DIR") == "/run/secrets"
        if name != "mysql" and found and not reads:
            wrong.append(f"{name} does not read /run/secrets")
    return judge("each service has exactly the secrets that it needs", wrong, "by the demo's environments")


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
