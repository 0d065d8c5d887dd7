"""Run every component as a container, through Docker Compose."""

from __future__ import annotations

import contextlib

from stacks import native
from stacks.command import Part
from stacks.compose import outside
from stacks.compose.cli import DockerUnavailable
from stacks.compose.docker import Docker
from stacks.native import provision
from stacks.native.artifacts import Progress
from stacks.stack import Say, Stack

CLUSTER_STARTS_WITHIN_S = 900.0
"""Eight JVMs start, most of them one after another, on the cores of one machine."""


class Compose(Stack):
    def urls(self) -> dict[str, object]:
        broker = f"pulsar://{self.settings.bind}:{self.settings.broker_port}"
        return {"pulsar_url": broker, **outside.urls(self.settings)}

    def ports(self) -> tuple[str, ...]:
        return ("broker_port", "admin_port", "mysql_port")

    def prepare(self, say: Say, progress: Progress) -> list[Part]:
        """Return no component: their descriptions are in `docker-compose.yml`."""
        return []

    def start(self, parts: list[Part], say: Say, deadline_s: float) -> None:
        outside.prepare(self.settings)
        say("building and starting the containers; the first start takes minutes")
        Docker(self.settings).start(max(deadline_s, CLUSTER_STARTS_WITHIN_S) if self.settings.cluster else deadline_s)

    def stop(self, is_running: bool) -> bool:
        # Without running containers, Docker itself may be missing; that is an error only when something must be stopped.
        with contextlib.nullcontext() if is_running else contextlib.suppress(DockerUnavailable):
            Docker(self.settings).shutdown()
        return is_running

    def versions(self) -> dict[str, str]:
        return outside.versions(self.settings)

    def empty_topics(self) -> None:
        provision.recreate_topics(self.settings)

    def addresses(self) -> dict[str, str]:
        return {"mysql": f"{self.settings.bind}:{self.settings.mysql_port}/{native.DATABASE}"}

    def remove_data(self) -> None:
        with contextlib.suppress(DockerUnavailable):
            Docker(self.settings).remove_data()
