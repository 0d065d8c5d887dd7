"""The files for Kubernetes: valid by its schemas, hardened, with secrets as files, and values that the Pulsar chart knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from application.components import COMPONENTS
from settings import Settings
from settings.model import REPOSITORY
from stacks.compose import broker_files, model
from stacks.compose.checks.production import settings_with_secrets
from stacks.native import limits, pulsar

DEPLOY = REPOSITORY / "deploy"
CHART = Path(__file__).with_name("pulsar_chart_values.yml")
KUBERNETES = "1.37"
FREE = "configData"
"""Values below it are keys of the server's own configuration, whatever the chart sets itself."""


def documents() -> list[dict[str, Any]]:
    return [
        document
        for path in sorted((DEPLOY / "kubernetes").glob("*.yml"))
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]


def pods() -> dict[str, dict[str, Any]]:
    return {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]
        for document in documents()
        if "template" in document.get("spec", {})
    }


def containers() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The name of each container, itself and its pod."""
    for pod in pods().values():
        for container in pod["containers"]:
            yield container["name"], container, pod


@pytest.mark.parametrize("document", documents(), ids=lambda one: f"{one['kind']} {one['metadata']['name']}")
def test_each_object_is_valid(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_the_schema_finds_a_misspelt_field() -> None:
    broken = {**documents()[0], "datum": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, KUBERNETES, strict=True)


def test_no_container_is_root_or_writes_to_its_root() -> None:
    for name, container, pod in containers():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["automountServiceAccountToken"] is False, name
        own = container["securityContext"]
        assert own["readOnlyRootFilesystem"] is True, name
        assert own["allowPrivilegeEscalation"] is False, name
        assert own["capabilities"] == {"drop": ["ALL"]}, name


def test_every_container_has_limits_and_what_stays_has_probes() -> None:
    for name, container, pod in containers():
        assert container["resources"]["limits"]["memory"], name
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
        stays = pod.get("restartPolicy", "Always") == "Always"
        assert ({"readinessProbe", "livenessProbe"} <= container.keys()) is stays, name


def test_secrets_are_files_of_the_containers_that_compose_gives_them_to() -> None:
    services = model.demo()["services"]
    names = {"worker": "notificaciones"}
    for name, container, pod in containers():
        files = {
            item["path"]
            for volume in pod["volumes"]
            for mount in container["volumeMounts"]
            if "secret" in volume and mount["name"] == volume["name"]
            for item in volume["secret"]["items"]
        }
        given = settings_with_secrets(services[names.get(name, name)])
        # Without a stack of our own, `source` and `watcher` read the database as whoever the settings name first.
        assert files - {"alpes_database_url"} == given - {"alpes_database_url"}, name
        assert {f"alpes_{field}" for field in Settings.model_fields} >= files
    assert not re.search(r"//[^/@\s]+:[^/@\s]+@", "".join(path.read_text() for path in DEPLOY.rglob("*.yml")))


def test_every_component_runs_once_and_every_variable_is_a_setting() -> None:
    run = [container["args"][1] for _, container, _ in containers() if container["args"][0] == "part"]
    wanted = {one.name for one in COMPONENTS.values() if one.module and not one.is_capture}
    assert sorted(run) == sorted((wanted - {"notifications"}) | {"$(POD_NAME)"})
    (settings,) = (document["data"] for document in documents() if document["kind"] == "ConfigMap")
    known = {f"ALPES_{field.upper()}" for field in Settings.model_fields} | {"ALPES_SECRETS_DIR"}
    assert settings.keys() <= known


def test_the_workers_pods_are_named_as_the_components() -> None:
    (workers,) = (
        one for one in documents() if (one["kind"], one["metadata"]["name"]) == ("StatefulSet", "notifications")
    )
    (settings,) = (document["data"] for document in documents() if document["kind"] == "ConfigMap")
    assert workers["spec"]["ordinals"]["start"] == 1
    assert str(workers["spec"]["replicas"]) == settings["ALPES_WORKERS"]


def test_the_pulsar_chart_knows_every_value() -> None:
    assert unknown(values(), chart()) == []
    assert unknown({"broker": {"replicas": 2, FREE: {"any": 1}}}, chart()) == ["broker.replicas"]


def test_the_cluster_is_the_one_that_compose_runs() -> None:
    ours = values()
    broker = dict(re.findall(r"(\w+)=(.*)", broker_files.role_file("broker.conf")))
    wanted = {key: value for key, value in ours["broker"][FREE].items() if key != "PULSAR_MEM"}
    assert {key: broker[key] for key in wanted} == wanted
    assert int(ours["bookkeeper"][FREE]["nettyMaxFrameSizeBytes"]) == limits.BOOKIE_FRAME_BYTES
    assert ours["defaultPulsarImageTag"] == pulsar.VERSION
    assert (ours["bookkeeper"]["replicaCount"], ours["broker"]["replicaCount"]) == (3, 2)


def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "pulsar-values.yml").read_text(encoding="utf-8"))
    return found


def chart() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(CHART.read_text(encoding="utf-8"))
    return found


def unknown(given: dict[str, Any], known: dict[str, Any], place: str = "") -> list[str]:
    """The paths of values that the chart does not have."""
    found: list[str] = []
    for key, value in given.items():
        if key not in known:
            found.append(place + key)
        elif isinstance(value, dict) and key not in (FREE, "requests"):
            found += unknown(value, known[key] or {}, f"{place}{key}.")
    return found
