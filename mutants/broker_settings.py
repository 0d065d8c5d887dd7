"""Give the running broker of a native stack other settings than ours, and put ours back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from application import Application
from scenarios.waiting import until
from settings import Settings
from stacks import faults, health
from stacks.controls import control
from stacks.native import pulsar

HEALTHY_WITHIN_S = 180.0


@contextmanager
def changed(settings: Settings, changes: Mapping[str, str]) -> Iterator[None]:
    """Let the broker run with these settings; afterwards it has ours. Raises TookTooLong, NotRunning or OSError."""
    ours = conf(settings).read_text(encoding="utf-8")
    try:
        apply(settings, changes)
        yield
    finally:
        _write(settings, ours)


def apply(settings: Settings, changes: Mapping[str, str]) -> None:
    """Change these settings of the broker, and wait until everything is healthy. Raises what `changed` raises."""
    _write(settings, pulsar.change_lines(conf(settings).read_text(encoding="utf-8"), changes))


def conf(settings: Settings) -> Path:
    return settings.data / "pulsar" / "standalone.conf"


def _write(settings: Settings, text: str) -> None:
    conf(settings).write_text(text, encoding="utf-8")
    components = control(settings)
    pid = components.pid("broker")
    faults.restart(settings, "broker")
    with Application(settings, pool_size=1) as application:
        until(
            lambda: (
                components.pid("broker") not in (0, pid)
                and all(state.works for state in health.check(settings, application.engine))
            ),
            HEALTHY_WITHIN_S,
            "every component is healthy",
            0.5,
        )
