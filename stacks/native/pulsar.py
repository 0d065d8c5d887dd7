"""The Pulsar standalone broker with its functions worker: configuration files and command line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from string import Template

from settings import Settings
from settings.model import PINNED_NAR, SEED_NAR
from stacks.command import Command
from stacks.native.artifacts import locked

CONFIGURATION = Path(__file__).parent / "pulsar_conf"
OPENED = ("java.io", "java.util.zip", "java.nio", "jdk.internal.misc", "sun.net", "jdk.internal.platform")
VERSION = "4.2.4"


def command(settings: Settings, java: Path) -> Command:
    """Write the configuration below the home and link the connectors; the broker's command."""
    folder = settings.data / "pulsar"
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "bind": settings.bind,
        "broker_port": settings.broker_port,
        "admin_port": settings.admin_port,
        "functions_port": settings.functions_port,
        "broker_url": settings.pulsar_url,
        "admin_url": settings.pulsar_admin_url,
        "source_log": settings.logs / "source.log",
    }
    for name in ("standalone.conf", "functions_worker.yml", "log4j2.xml"):
        text = Template((CONFIGURATION / name).read_text(encoding="utf-8")).safe_substitute(values)
        (folder / name).write_text(text, encoding="utf-8")
    _link_connectors(folder)
    (folder / "functions").mkdir(exist_ok=True)
    classpath = ":".join(str(artifact.path) for artifact in locked(["pulsar"]))
    # In the environment: the command line would be longer than some systems' limit for one argument.
    env = {"CLASSPATH": classpath}
    return Command((str(java), *_jvm(folder, classpath), *_program(folder)), folder, env)


def archive(settings: Settings) -> str:
    """The URL under which the broker finds the connector that the settings name."""
    if settings.nar == PINNED_NAR:
        return "builtin://debezium-mysql"
    return f"file://{settings.data / 'pulsar' / 'nars' / nar_file(settings.nar)}"


def nar_file(version: str) -> str:
    return f"pulsar-io-debezium-mysql-{version}.nar"


def _link_connectors(folder: Path) -> None:
    # Two connectors in one directory would share the builtin name `debezium-mysql`: the seed's stands beside it.
    for directory, version in (("connectors", PINNED_NAR), ("nars", SEED_NAR)):
        target = folder / directory
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for artifact in locked([f"nar-{version}"]):
            if artifact.path.exists():
                os.symlink(artifact.path, target / nar_file(version))


def _jvm(folder: Path, classpath: str) -> list[str]:
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
        "java.io.tmpdir": str(_temporary(folder)),
    }
    memory = ["-Xms256m", "-Xmx768m", "-XX:MaxDirectMemorySize=512m", "-XX:+ExitOnOutOfMemoryError"]
    opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    opens += ["--add-opens=java.management/sun.management=ALL-UNNAMED", "--enable-native-access=ALL-UNNAMED"]
    return memory + opens + [f"-D{name}={value}" for name, value in options.items()]


def _program(folder: Path) -> list[str]:
    return [
        "org.apache.pulsar.PulsarStandaloneStarter",
        "--config",
        str(folder / "standalone.conf"),
        "--functions-worker-conf",
        str(folder / "functions_worker.yml"),
        "--no-stream-storage",
    ]


def _temporary(folder: Path) -> Path:
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    return temporary
