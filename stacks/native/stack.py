"""Run MySQL, Pulsar and Debezium as processes of this machine."""

from __future__ import annotations

from stacks import native
from stacks.command import Part
from stacks.native import class_archive, provision
from stacks.native.artifacts import Progress
from stacks.python_parts import list_python_parts
from stacks.stack import Say
from stacks.supervised_stack import SupervisedStack


class Native(SupervisedStack):
    def urls(self) -> dict[str, object]:
        return native.urls(self.settings)

    def ports(self) -> tuple[str, ...]:
        plain = ("plain_admin_port",) if self.settings.secure else ()
        return ("broker_port", "admin_port", "functions_port", "mysql_port", *plain)

    def prepare(self, say: Say, progress: Progress) -> list[Part]:
        native.require_name(self.settings.home)
        native.download(self.settings, progress)
        class_archive.ensure_archive(say)
        return native.prepare(self.settings, say) + list_python_parts(self.settings)

    def provision(self, say: Say) -> None:
        provision.provision(self.settings, say)

    def versions(self) -> dict[str, str]:
        return native.versions(self.settings)

    def empty_topics(self) -> None:
        provision.recreate_topics(self.settings)

    def addresses(self) -> dict[str, str]:
        return {"mysql": f"{self.settings.bind}:{self.settings.mysql_port}/{native.DATABASE}"}
