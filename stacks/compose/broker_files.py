"""Write the files that the broker's image adds: `python -m stacks.compose.broker_files FOLDER`.

They are the connectors, and the native stack's configuration with the values of a container.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from string import Template

from settings.model import PINNED_NAR, SEED_NAR
from stacks.compose.docker import SOURCE_LOG
from stacks.native import java, pulsar, roles, secure
from stacks.native.artifacts import read_artifacts
from stacks.native.certificates import Pair

HOME = "/pulsar"
SCRIPTS = {name: Path(__file__).with_name(name) for name in ("start.sh", "health.sh")}
SECRETS = Path("/run/secrets")
"""Where a container has its secrets. The broker's are named in `compose.prod.yml`."""
ROLES = Path(__file__).with_name("roles")
CLUSTER_NAME = "alpes"
SOON = {"failureCheckFreqMs": 2000, "rescheduleTimeoutMs": 5000}
"""Changes of the functions worker in a cluster: the source of a broker that died starts on another one after these times."""
CONFIG_NAME = "debezium-mysql-outbox.json"
VALUES: dict[str, object] = {
    "bind": "0.0.0.0",  # noqa: S104 - inside its own container
    "advertised": "pulsar",
    "broker_port": 6650,
    "admin_port": 8080,
    "functions_port": 6750,
    "broker_url": "pulsar://localhost:6650",
    "admin_url": "http://localhost:8080",
    # Clients outside connect to 6651, and get the address that is published for it. The bookie has a name, because with its
    # container's address as its identity it would refuse its own data in a new container. The name contains a port, because
    # at a second start the bookie's port is read from the name that the first start stored in the data.
    "addresses": (
        "advertisedListeners=internal:pulsar://pulsar:6650,external:pulsar://127.0.0.1:6650\n"
        "internalListenerName=internal\n"
        "bindAddresses=external:pulsar://0.0.0.0:6651\n"
        "bookieId=pulsar:3181"
    ),
    "scratch": f"{HOME}/scratch",
    # The original description reads the log there.
    "source_log": f"{HOME}/{SOURCE_LOG}",
    # A source may name its connector by URL only in this folder, which is not the connectors directory.
    "archives": f'["file://{HOME}/nars/.*"]',
}
SECURED: dict[str, object] = {
    **VALUES,
    "broker_url": "pulsar+ssl://localhost:6651",
    "admin_url": "https://localhost:8443",
    # Nothing is published, so there is one address; the bookie keeps its name, and with it the data of the open broker.
    "addresses": "advertisedAddress=pulsar\nbookieId=pulsar:3181",
}
"""The values of the broker of `compose.prod.yml`."""


def nar_name(version: str) -> str:
    return f"pulsar-io-debezium-mysql-{version}.nar"


def start_script() -> str:
    values = {"jvm_memory": " ".join(pulsar.MEMORY), "jvm_small_machine": " ".join(java.SMALL_MACHINE)}
    return Template(SCRIPTS["start.sh"].read_text(encoding="utf-8")).safe_substitute(values)


def secured_configuration() -> str:
    """Return the `standalone.conf` of a broker that speaks TLS only and wants a token from every client."""
    conf = pulsar.configuration("standalone.conf", SECURED)
    authority, pair = SECRETS / "ca.pem", Pair(SECRETS / "broker.pem", SECRETS / "broker.key")
    ports = {
        "brokerServicePort": "",
        "brokerServicePortTls": "6651",
        "webServicePort": "",
        "webServicePortTls": "8443",
        # Deprecated, and still what the functions worker takes its port from: without it, its id would end in `null`.
        "tlsEnabled": "true",
    }
    tokens = secure.tokens_of_broker(*key_files())
    return pulsar.change_lines(conf, ports | tokens | secure.tls_of_broker(authority, pair))


def secured_functions_worker() -> str:
    tokens = secure.tokens_of_functions(*key_files())
    text = pulsar.configuration("functions_worker.yml", SECURED)
    return pulsar.add_values(text, tokens | secure.tls_of_functions(SECRETS / "ca.pem"))


def key_files() -> tuple[Path, Path]:
    """Return the key that signs every token, and the token of the broker itself."""
    return roles.locate_key_file(SECRETS), SECRETS / f"{roles.FUNCTIONS}.jwt"


def role_file(name: str) -> str:
    """Return one of the files of the cluster's roles; `${hostname}` stays, which only the container knows."""
    values = {"cluster": CLUSTER_NAME, "jvm_small_machine": " ".join(java.SMALL_MACHINE)}
    return Template(pulsar.fill_in(ROLES / name, VALUES)).safe_substitute(values)


def cluster_functions_worker() -> str:
    lines = pulsar.configuration("functions_worker.yml", VALUES).splitlines()
    other_lines = [line for line in lines if line.partition(":")[0] not in SOON]
    return "\n".join([*other_lines, *(f"{name}: {value}" for name, value in SOON.items())]) + "\n"


def write(folder: Path) -> None:
    """Write everything that the image adds below `/pulsar`. The artifacts must be in the cache."""
    for name in ("connectors", "nars", "alpes", "source", "scratch", "scratch/functions"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("source", "scratch", "scratch/functions"):
        (folder / name).chmod(0o770)  # they become volumes, to which the group writes
    for name in ("standalone.conf", "functions_worker.yml", "log4j2.xml", "source.btm"):
        (folder / "alpes" / name).write_text(pulsar.configuration(name, VALUES), encoding="utf-8")
    (folder / "alpes" / "standalone_secured.conf").write_text(secured_configuration(), encoding="utf-8")
    (folder / "alpes" / "functions_worker_secured.yml").write_text(secured_functions_worker(), encoding="utf-8")
    (folder / "alpes" / "start.sh").write_text(start_script(), encoding="utf-8")
    shutil.copyfile(SCRIPTS["health.sh"], folder / "alpes" / "health.sh")
    for path in ROLES.iterdir():
        (folder / "alpes" / path.name).write_text(role_file(path.name), encoding="utf-8")
    (folder / "alpes" / "functions_worker_of_cluster.yml").write_text(cluster_functions_worker(), encoding="utf-8")
    _copy("byteman", folder / "alpes" / "byteman.jar")
    _copy(f"nar-{SEED_NAR}", folder / "connectors" / nar_name(SEED_NAR))
    _copy(f"nar-{PINNED_NAR}", folder / "nars" / nar_name(PINNED_NAR))
    # All versions are in one folder, so that a source needs only the version to name its connector.
    _link(folder / "nars" / nar_name(SEED_NAR), f"../connectors/{nar_name(SEED_NAR)}")
    # The one-shot `source` renders it, because it contains a password.
    _link(folder / "connectors" / CONFIG_NAME, f"../source/{CONFIG_NAME}")


def _copy(group: str, target: Path) -> None:
    (artifact,) = read_artifacts([group])
    shutil.copyfile(artifact.path, target)


def _link(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
