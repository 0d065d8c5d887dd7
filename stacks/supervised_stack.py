"""Start and stop the components of a stack with our supervisor."""

from __future__ import annotations

import contextlib

from application.components import COMPONENTS
from stacks import processes
from stacks.command import Part
from stacks.control import NotRunning
from stacks.stack import Say, Stack
from stacks.supervisor import Supervisor

SERVERS = tuple(component.name for component in COMPONENTS.values() if component.is_server)
STOPS_WITHIN_S = 15
ENDS_WITHIN_S = 30


class SupervisedStack(Stack):
    def start(self, parts: list[Part], say: Say, deadline_s: float) -> None:
        supervisor = Supervisor(self.settings)
        supervisor.write_config(parts)
        supervisor.start()
        self.provision(say)

    def provision(self, say: Say) -> None:
        """Create what can only be created while database and broker run. Raises an ExpectedError that names what refused."""
        return

    def stop(self, is_running: bool) -> bool:
        supervisor = Supervisor(self.settings)
        pid = supervisor.pid_of_itself()
        with contextlib.suppress(NotRunning):
            supervisor.shutdown(last=SERVERS, deadline_s=STOPS_WITHIN_S)
            processes.wait_gone(pid, ENDS_WITHIN_S)
            return True
        return False
