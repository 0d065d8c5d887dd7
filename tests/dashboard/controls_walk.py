"""Serve pages on which every control is drawn, use each control, and note what would have changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from application import leases
from connectors import source
from connectors.admin import SourceStatus
from dashboard import resources, sharing
from dashboard.view_models import operations
from dashboard.view_models.refresher import Refresher
from dashboard.view_models.runs import RunsReader, RunsState
from dashboard.view_models.snapshot import HealthState
from domain.message import Message
from scenarios import journal, runner
from scenarios.waiting import TookTooLong, until
from settings import Settings, load
from settings.model import REPOSITORY
from stacks.part_health import PartHealth
from stacks.supervisor import Supervisor

PAGE = str(REPOSITORY / "dashboard" / "page.py")


FORBIDDING: dict[str, dict[str, object]] = {
    "read-only": {"read_only": True},
    "read-only native": {"read_only": True, "stack": "native"},
    "external": {"stack": "external"},
    "production": {"stack": "compose", "demo_controls": False},
}


RUN = "11111111-2222-3333-4444-555555555555"


PATIENCE_S = 5.0


PARTS = ("database", "broker", "source", "relay", "notifications", "api")


@dataclass
class World:
    """Every way out of this process by which a control could change an instance: noted, and not gone."""

    changes: list[str] = field(default_factory=list)

    def note(self, what: str) -> Callable[..., Any]:
        def refuse(*_: object, **__: object) -> Any:
            self.changes.append(what)
            raise OSError(f"the test lets nobody {what}")

        return refuse


def sample(column: Any) -> object:
    kind = column.type.python_type
    return {int: 1, dict: {}, str: "x", bytes: b"{}", datetime: datetime.now(UTC).replace(tzinfo=None)}.get(kind)


@contextmanager
def serving(home: Path, monkeypatch: pytest.MonkeyPatch, **changes: object) -> Iterator[Settings]:
    """This process as the page's server, whose readers found what every control needs to be drawn."""
    monkeypatch.setenv("ALPES_HOME", str(home))
    monkeypatch.setenv("ALPES_PULSAR_URL", "pulsar://127.0.0.1:1")
    monkeypatch.setenv("ALPES_PULSAR_ADMIN_URL", "http://127.0.0.1:1")
    for name in ("read_only", "stack", "demo_controls"):
        monkeypatch.delenv(f"ALPES_{name.upper()}", raising=False)
    for name, value in changes.items():
        monkeypatch.setenv(f"ALPES_{name.upper()}", str(value).lower())
    sharing.close()
    now = time.time()
    held = leases.Lease("broker", "kill", now, now + 600)
    parts = tuple(PartHealth(part, "down", Message("health.held_down", s=7)) for part in PARTS)
    monkeypatch.setattr(Refresher, "health", property(lambda _: HealthState(1, parts, {"broker": held})))
    monkeypatch.setattr(Refresher, "start", lambda _: None)
    monkeypatch.setattr(RunsReader, "read", lambda _: RunsState(RUN, ()))
    for name in ("status", "topics", "source"):
        monkeypatch.setattr(operations, name, _not_read)
    monkeypatch.setattr(runner, "running", lambda *_: True)
    monkeypatch.setattr(runner, "_pid", lambda *_: 1)
    monkeypatch.setattr(Supervisor, "running", lambda _: True)
    monkeypatch.setattr(Supervisor, "pid", lambda *_: 1)
    monkeypatch.setattr(journal, "is_scenario_running", lambda _: False)
    monkeypatch.setattr(source, "status", lambda *_: SourceStatus(True, "", 0, 0, 0))
    try:
        resources.refresher().reader.step(())
        yield load()
    finally:
        sharing.close()


def _not_read(_settings: Settings) -> object:
    raise RuntimeError("nothing runs here")


@dataclass
class Control:
    page: str
    name: str
    act: Callable[[], object]


def drawn(page: str) -> AppTest:
    app = AppTest.from_file(PAGE, default_timeout=60)
    app._page_hash = calc_hash(page)
    app.run()
    assert not app.exception
    return app


def controls(app: AppTest, page: str) -> list[Control]:
    """Whatever calls something back when it is used, custom components included, as Streamlit's own session knows it."""
    known = app.session_state._state._state._new_widget_state.widget_metadata
    found = []
    for name, about in known.items():
        for called in (about.callback, *(about.callbacks or {}).values()):
            if called is not None:
                args, kwargs = about.callback_args or (), about.callback_kwargs or {}
                found.append(Control(page, name, partial(called, *args, **kwargs)))
    return found


def use(control: Control) -> None:
    """As a forged widget message would: the callback is called, whatever the page shows."""
    try:
        control.act()
    except Exception:
        return


def offences(world: World, app: AppTest, page: str) -> list[str]:
    """Controls of a page, as it is drawn, that change something when they are called or pressed."""
    wrong = []
    for control in controls(app, page):
        use(control)
        if world.changes:
            wrong.append(f"{page}: {control.name}: {world.changes}")
            world.changes.clear()
    for place in range(len(app.button)):
        button = app.button[place]
        if not button.disabled:
            button.click().run()
            settle(world)
            if world.changes:
                wrong.append(f"{page}: {button.label}: {world.changes}")
                world.changes.clear()
            app = drawn(page)
    return wrong


def settle(world: World) -> None:
    """Until what the last control set going in a thread has changed something, or is over; of actions one runs at a time."""
    resources.load_runner().cancel()
    with suppress(TookTooLong):
        until(lambda: _over(world), PATIENCE_S, "the control", every_s=0.005)
    _seen.update(threading.enumerate())


def _over(world: World) -> bool:
    busy = [thread for thread in threading.enumerate() if _at_work(thread)]
    return not any(thread.name.startswith("action-") for thread in busy) and bool(world.changes or not busy)


_seen: set[threading.Thread] = set()
"""Threads that were given their time."""


def _at_work(thread: threading.Thread) -> bool:
    return thread.name.startswith(("action-", "load", "incident-")) and thread not in _seen
