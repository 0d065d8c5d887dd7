"""Write the configuration of the Pulsar standalone broker with its functions worker, and build its command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from string import Template

from connectors import source
from settings import Settings
from stacks.command import Command
from stacks.native import java, limits, secure
from stacks.native.artifacts import read_artifacts

CONFIGURATION = Path(__file__).parent / "pulsar_conf"
OPENED_PACKAGES = ("java.io", "java.util.zip", "java.nio", "jdk.internal.misc", "sun.net", "jdk.internal.platform")
VERSION = "4.2.4"
MEMORY = ("-Xms256m", "-Xmx768m", "-XX:MaxDirectMemorySize=512m")


def command(settings: Settings) -> Command:
    """Write the configuration below the home, link the connector, and return the broker's command."""
    folder = settings.data / "pulsar"
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "bind": settings.bind,
        "advertised": settings.bind,
        "addresses": f"advertisedAddress={settings.bind}",
        "scratch": ".",
        "archives": "[]",
        "broker_port": settings.broker_port,
        "admin_port": settings.admin_port,
        "functions_port": settings.functions_port,
        "broker_url": settings.debezium_broker_url or settings.pulsar_url,
        "admin_url": settings.pulsar_admin_url,
        "source_log": settings.logs / "source.log",
    }
    for name in ("standalone.conf", "functions_worker.yml", "log4j2.xml", "source.btm"):
        (folder / name).write_text(configuration(name, values), encoding="utf-8")
    if settings.edge_ports:
        with (folder / "source.btm").open("a", encoding="utf-8") as rules:
            rules.write(configuration("source_edge.btm", values))
    _add_guards(settings, folder)
    if settings.facts.capture.has_connector:
        _link_connector(folder, settings.nar)
    (folder / "functions").mkdir(exist_ok=True)
    classpath = ":".join(str(artifact.path) for artifact in read_artifacts(["pulsar"]))
    # The class path is in the environment, because it is longer than some systems' limit for one argument.
    env = {"CLASSPATH": classpath, **source.secrets(settings)}
    return Command((str(java.binary()), *_jvm_options(folder, classpath), *_program_arguments(folder)), folder, env)


def configuration(name: str, values: Mapping[str, object]) -> str:
    """Return one of the broker's files with the values filled in. The compose stack's broker uses the same files."""
    return fill_in(CONFIGURATION / name, values)


def fill_in(path: Path, values: Mapping[str, object]) -> str:
    """Return a configuration file with the values filled in, and the sizes that all servers share."""
    sizes = {"message_bytes": limits.BROKER_MESSAGE_BYTES, "frame_bytes": limits.BOOKIE_FRAME_BYTES}
    return Template(path.read_text(encoding="utf-8")).safe_substitute({**sizes, **values})


def _add_guards(settings: Settings, folder: Path) -> None:
    conf, functions = folder / "standalone.conf", folder / "functions_worker.yml"
    conf.write_text(change_lines(conf.read_text(encoding="utf-8"), secure.broker_conf(settings)), encoding="utf-8")
    text = add_values(functions.read_text(encoding="utf-8"), secure.functions_conf(settings))
    functions.write_text(text, encoding="utf-8")


def change_lines(conf: str, changes: Mapping[str, str]) -> str:
    """Return a `standalone.conf` with these lines in the place of existing ones of the same name."""
    lines = [line for line in conf.splitlines() if line.partition("=")[0] not in changes]
    return "\n".join([*lines, *(f"{name}={value}" for name, value in changes.items())]) + "\n"


def add_values(functions_worker: str, values: Mapping[str, object]) -> str:
    """Return a `functions_worker.yml` with these values added."""
    return functions_worker + "".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items())


def _link_connector(folder: Path, version: str) -> None:
    # Only one version is linked, because both call themselves `debezium-mysql`. The registry's jar is the NAR.
    target = folder / "connectors"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    (artifact,) = read_artifacts([f"nar-{version}"])
    (target / f"pulsar-io-debezium-mysql-{version}.nar").symlink_to(artifact.path)


def _jvm_options(folder: Path, classpath: str) -> list[str]:
    drivers = "org.apache.pulsar.metadata.bookkeeper.PulsarMetadata"
    options = {
        "java.net.preferIPv4Stack": "true",
        "jute.maxbuffer": "10485760",
        "io.netty.tryReflectionSetAccessible": "true",
        "io.netty.leakDetectionLevel": "disabled",
        "bookkeeper.metadata.bookie.drivers": f"{drivers}BookieDriver",
        "bookkeeper.metadata.client.drivers": f"{drivers}ClientDriver",
        "pulsar.functions.instance.classpath": classpath,
        "log4j2.configurationFile": str(folder / "log4j2.xml"),
        "log4j2.isThreadContextMapInheritable": "true",
        "java.io.tmpdir": str(_make_temporary_folder(folder)),
    }
    memory = [*MEMORY, *java.SMALL_MACHINE, "-XX:+ExitOnOutOfMemoryError"]
    opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED_PACKAGES]
    opens += ["--add-opens=java.management/sun.management=ALL-UNNAMED", "--enable-native-access=ALL-UNNAMED"]
    (byteman,) = read_artifacts(["byteman"])
    agent = f"-javaagent:{byteman.path}=script:{folder / 'source.btm'}"
    return [
        *memory,
        *java.class_archive_options(),
        *opens,
        agent,
        *(f"-D{name}={value}" for name, value in options.items()),
    ]


def _program_arguments(folder: Path) -> list[str]:
    return [
        "org.apache.pulsar.PulsarStandaloneStarter",
        "--config",
        str(folder / "standalone.conf"),
        "--functions-worker-conf",
        str(folder / "functions_worker.yml"),
        "--no-stream-storage",
    ]


def _make_temporary_folder(folder: Path) -> Path:
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    return temporary
