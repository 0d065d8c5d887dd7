"""The stand-ins and the Docker files agree: names, tags, paths, users, ports and variables."""

from __future__ import annotations

import re

import pytest

from settings.model import REPOSITORY
from stacks.compose import broker_files, description, model
from stacks.compose.checks import dockerfile
from stacks.native.artifacts import read_artifacts
from tests.compose import stand_ins
from tests.compose.stand_ins import IMAGES

NOT_NEEDED = {"MYSQL_INITDB_SKIP_TZINFO"}
"""Of the official image: the stand-in loads no time zones anyhow."""


def instructions(kind: str, word: str) -> list[str]:
    text = (IMAGES / kind / "Dockerfile").read_text(encoding="utf-8")
    return re.findall(rf"^{word} (.+)$", text, re.MULTILINE)


def test_every_image_that_is_not_built_here_has_one() -> None:
    stages = dockerfile.read()
    pulled = {stage.base for stage in stages.values() if stage.base not in stages}
    built = {values["image"] for values in model.demo()["services"].values() if "build" in values}
    pulled |= {values["image"] for values in model.demo()["services"].values()} - built
    assert pulled == set(stand_ins.names().values())
    assert {path.name for path in IMAGES.iterdir() if path.is_dir()} == set(stand_ins.names())


def test_the_brokers_paths_user_and_programs() -> None:
    service = model.demo()["services"]["pulsar"]
    assert instructions("pulsar", "USER") == [service["user"].partition(":")[0]]
    assert instructions("pulsar", "WORKDIR") == [broker_files.HOME]
    owned = re.findall(r"for name in ([\w -]+); do install", "".join((IMAGES / "pulsar" / "Dockerfile").read_text()))
    folders = {f"{broker_files.HOME}/{name}" for name in owned[0].split()}
    folders |= {f"{broker_files.HOME}/{name}" for name in ("source", "scratch")}  # of our own stage
    assert {str(entry).split(":")[1] for entry in service["volumes"]} <= folders
    typed = "\n".join(line.typed for line in description.lines())
    for program in re.findall(r"bin/(pulsar[\w-]*)", typed + broker_files.start_script()):
        assert (IMAGES / "pulsar" / "bin" / program).is_file()


def test_the_brokers_variables_are_read() -> None:
    program = (IMAGES / "pulsar" / "bin" / "pulsar").read_text(encoding="utf-8")
    given = set(re.findall(r"export (PULSAR_\w+)=", broker_files.start_script()))
    given |= {name for name in model.demo()["services"]["pulsar"]["environment"] if name.startswith("PULSAR_")}
    assert given >= {"PULSAR_STANDALONE_CONF", "PULSAR_LOG_CONF", "PULSAR_MEM", "PULSAR_EXTRA_OPTS"}
    assert {name for name in given if f"${{{name}:" not in program} == set()


@pytest.mark.parametrize("role", ["zookeeper", "initialize-cluster-metadata", "bookie", "broker", "proxy"])
def test_the_clusters_roles_are_there(role: str) -> None:
    script = broker_files.role_file("role.sh")
    program = (IMAGES / "pulsar" / "bin" / "pulsar").read_text(encoding="utf-8")
    assert f"/pulsar/bin/pulsar {role}" in script
    assert f"\n{role})" in program
    given = set(re.findall(r"(PULSAR_\w+)=", script))
    assert {name for name in given if f"${{{name}:" not in program} == set()


def test_the_proxy_is_locked_and_shares_the_brokers_libraries() -> None:
    proxy = read_artifacts(["proxy"], stand_ins.PROXY)
    assert any(row.coordinate.startswith("org.apache.pulsar:pulsar-proxy:") for row in proxy)
    assert not [row.coordinate for row in proxy if row.coordinate.startswith(stand_ins.FOR_THE_PROXY)]
    shared = [
        row.coordinate for row in read_artifacts(["pulsar"]) if row.coordinate.startswith(stand_ins.FOR_THE_PROXY)
    ]
    assert any("pulsar-opentelemetry" in row for row in shared)


def test_the_databases_user_volume_port_and_variables() -> None:
    service = model.demo()["services"]["mysql"]
    assert service["user"] == "999:999"
    assert "--uid 999 --gid 999" in (IMAGES / "mysql" / "Dockerfile").read_text(encoding="utf-8")
    (volume,) = instructions("mysql", "VOLUME")
    assert any(str(entry).endswith(f":{volume}") for entry in service["volumes"])
    assert service["ports"][0].rpartition(":")[2] in instructions("mysql", "EXPOSE")[0].split()
    entry = (IMAGES / "mysql" / "docker-entrypoint.sh").read_text(encoding="utf-8")
    given = set(service["environment"]) | set(model.production()["services"]["mysql"]["environment"])
    assert {name for name in given - NOT_NEEDED if name.removesuffix("_FILE") not in entry} == set()


def test_the_tools_are_locked_and_share_the_brokers_jackson() -> None:
    tools = read_artifacts(["tools"], stand_ins.TOOLS)
    assert any("pulsar-client-tools" in artifact.coordinate for artifact in tools)
    assert not [row.coordinate for row in tools if row.coordinate.startswith(stand_ins.FROM_THE_BROKER)]
    shared = [
        row.coordinate for row in read_artifacts(["pulsar"]) if row.coordinate.startswith(stand_ins.FROM_THE_BROKER)
    ]
    versions = {row.rpartition(":")[2] for row in shared if "jackson" in row}
    assert len(versions) == 1


def test_the_project_names_the_images_it_was_made_for() -> None:
    names = set(stand_ins.names().values())
    assert {
        name for name in names if name not in (REPOSITORY / "docs" / "compose.md").read_text(encoding="utf-8")
    } == set()
