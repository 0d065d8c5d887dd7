"""Write the properties of Debezium Server, and build its command line."""

from __future__ import annotations

from pathlib import Path

from connectors import server_properties
from settings import Settings
from settings.stack_facts import DEBEZIUM_SERVER
from stacks.command import Command, Part
from stacks.native import java, server_position
from stacks.native.artifacts import Progress, download_missing, read_artifacts
from stacks.native.provision import provisioned_marker

GROUP = "debezium-server"
"""Of its files in the lock."""
VERSION = "3.6.3"
MAIN = "io.debezium.server.Main"
MEMORY = ("-Xms64m", "-Xmx300m", "-XX:MaxDirectMemorySize=128m", "-XX:+ExitOnOutOfMemoryError")
STOP_WAIT_S = 15


def part(settings: Settings) -> Part:
    """Write the properties, and return the component. It starts when schema and topics exist: it would create the topic itself,
    without partitions.
    """
    folder = server_properties.folder(settings)
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    options = {
        "quarkus.config.locations": str(write_properties(settings)),
        "java.io.tmpdir": str(folder / "tmp"),
        "java.net.preferIPv4Stack": "true",
    }
    argv = (
        str(java.binary()),
        *MEMORY,
        *java.SMALL_MACHINE,
        "--add-opens=java.base/java.lang=ALL-UNNAMED",
        "--enable-native-access=ALL-UNNAMED",
        *(f"-D{name}={value}" for name, value in options.items()),
        MAIN,
    )
    # The class path is in the environment, because it is longer than some systems' limit for one argument.
    classpath = ":".join(str(artifact.path) for artifact in read_artifacts([GROUP]))
    env = {"CLASSPATH": classpath, **server_properties.secrets(settings)}
    command = Command(argv, folder, env)
    server_position.release(settings)
    return Part(
        DEBEZIUM_SERVER.component,
        command,
        110,
        STOP_WAIT_S,
        waits_for=provisioned_marker(settings),
        waits_while=server_position.left_file(settings),
    )


def download(progress: Progress) -> None:
    """Download Java and its files, unless the cache has them. Raises FetchFailed."""
    java.ensure_installed()
    download_missing(read_artifacts([GROUP]), progress)


def write_properties(settings: Settings, statement: str = "") -> Path:
    """Write its properties, which it reads when it starts, and return their file; `statement` selects rows of its snapshot."""
    path = settings.run / "debezium-server.properties"
    path.write_text(server_properties.render(settings, statement), encoding="utf-8")
    return path
