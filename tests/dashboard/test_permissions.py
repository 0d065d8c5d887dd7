"""No page has, or heeds, a control that its instance's settings forbid: every page is walked, and finds its controls itself."""

from __future__ import annotations

import ast
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event, insert
from sqlalchemy.engine import Engine
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from application import Application, leases
from application.permissions import Action, Caller, Forbidden, refusal, require
from connectors import source
from connectors.admin import SourceStatus
from connectors.broker import Publisher
from dashboard import resources, sharing
from dashboard.screens import all_pages
from dashboard.view_models import commands, operations
from dashboard.view_models.refresher import Refresher
from dashboard.view_models.runs import RunsReader, RunsState
from dashboard.view_models.snapshot import HealthState
from db.engine import connect
from db.errors import DatabaseUnavailable
from db.migrate import upgrade
from db.tables import dead_letter
from domain.commands import CalculateCommission
from domain.message import Message, verbatim
from scenarios import journal, runner
from scenarios.waiting import TookTooLong, until
from settings import Settings, load
from settings.model import REPOSITORY
from stacks import dead_letters, faults, source_control
from stacks.native import intent
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


# --- what changes something ------------------------------------------------------------------------------------------


@dataclass
class World:
    """Every way out of this process by which a control could change an instance: noted, and not gone."""

    changes: list[str] = field(default_factory=list)

    def note(self, what: str) -> Callable[..., Any]:
        def refuse(*_: object, **__: object) -> Any:
            self.changes.append(what)
            raise OSError(f"the test lets nobody {what}")

        return refuse


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    seen = World()
    monkeypatch.setattr(subprocess, "Popen", seen.note("start a process"))
    monkeypatch.setattr(os, "kill", seen.note("send a signal"))
    for name in ("stop_part", "start_part", "kill", "shutdown"):
        monkeypatch.setattr(Supervisor, name, seen.note(f"{name} of the supervisor"))
    for name in ("grant", "release"):
        monkeypatch.setattr(leases, name, seen.note(f"{name} a lease"))
    monkeypatch.setattr(Publisher, "send", seen.note("publish"))
    monkeypatch.setattr(RunsReader, "keep_evidence", seen.note("keep a file"))
    monkeypatch.setattr(intent, "write", seen.note("say what the source shall do"))
    real = httpx.Client.request

    def request(client: httpx.Client, method: str, url: str, **options: Any) -> httpx.Response:
        if method != "GET":
            seen.note(f"{method} {url}")()
        return real(client, method, url, **options)

    monkeypatch.setattr(httpx.Client, "request", request)

    def statement(_connection: object, _cursor: object, text: str, *_: object) -> None:
        if text.lstrip().split(None, 1)[0].upper() in ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "DROP"):
            seen.changes.append("write to the database")
            raise DatabaseUnavailable("the test lets nobody write to the database")

    event.listen(Engine, "before_cursor_execute", statement)
    yield seen
    event.remove(Engine, "before_cursor_execute", statement)


# --- an instance on whose pages every control is drawn ---------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a commission, a dead letter, a run under way and a part that is held down; nothing runs."""
    made = tmp_path_factory.mktemp("walked")
    settings = load(home=made, database_url=f"sqlite:///{made / 'a.db'}")
    settings.save()
    engine = connect(settings.database_url)
    upgrade(engine)
    with Application(settings, pool_size=1) as application:
        application.send(CalculateCommission("walked", "aff", "cmp", "1.00", "USD"))
    with engine.begin() as connection:
        values = {column.name: _sample(column) for column in dead_letter.columns if column.name != "seq"}
        connection.execute(insert(dead_letter).values(**values | {"requeued_at": None}))
    engine.dispose()
    run = journal.Journal(settings, engine, RUN)
    run.say("started", verbatim("a run under way"), {"name": "kill-broker"})
    run.close()
    return made


def _sample(column: Any) -> object:
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


# --- the walk --------------------------------------------------------------------------------------------------------


def test_in_a_demo_every_kind_of_control_is_there_and_acts(
    home: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the walks below would see nothing."""
    acting: set[str] = set()
    for stack in ("embedded", "native"):
        with serving(home, monkeypatch, stack=stack):
            for spec in all_pages():
                for control in controls(drawn(spec.path), spec.path):
                    use(control)
                    settle(world)
                    if world.changes:
                        acting.add(control.name)
                        world.changes.clear()
    for word in ("kill-broker-now", "restart-api-now", "release-broker", "requeue-all-now", "source-delete-now"):
        assert any(word in name for name in acting), (word, sorted(acting))
    assert any("stop-run" in name for name in acting)
    assert len(acting) >= 20


@pytest.mark.parametrize("kind", FORBIDDING)
def test_where_it_is_forbidden_no_control_of_any_page_changes_anything(
    home: Path, world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with serving(home, monkeypatch, **FORBIDDING[kind]):
        wrong = [offence for spec in all_pages() for offence in offences(world, drawn(spec.path), spec.path)]
        labels = {button.label for spec in all_pages() for button in drawn(spec.path).button}
    assert wrong == []
    allowed = {
        "Its log",
        "Refresh the list",
        "trace →",
        "Look again",
        "Begin again",
        "Evidence",
        "JSON",
        "Download CSV",
    }
    assert labels <= allowed


@pytest.mark.parametrize("kind", FORBIDDING)
def test_what_a_demo_drew_does_nothing_where_it_is_forbidden(
    home: Path, world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A session's old widgets, or a forged message: every control of every page is called after the settings changed."""
    with serving(home, monkeypatch, stack="native"):
        drawn_before = [control for spec in all_pages() for control in controls(drawn(spec.path), spec.path)]
    with serving(home, monkeypatch, **FORBIDDING[kind]):
        for control in drawn_before:
            use(control)
            settle(world)
            assert world.changes == [], (control.page, control.name)


def _rogue() -> None:
    import subprocess

    import streamlit as st

    def act() -> None:
        subprocess.Popen(["true"])

    st.button("Harmless", on_click=act)


def test_the_walk_finds_a_control_that_forgot_to_ask(home: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(home, monkeypatch, read_only=True):
        app = AppTest.from_function(_rogue).run()
        found = controls(app, "rogue")
        use(found[0])
    assert world.changes == ["start a process"]


def test_buttons_are_made_in_one_module_only() -> None:
    """There each says what must be allowed, or that it only shows something."""
    makers = {"button", "form_submit_button", "download_button", "link_button", "chat_input", "file_uploader"}
    found = {
        path.name
        for path in (REPOSITORY / "dashboard").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in makers
    }
    assert found == {"controls.py", "access.py"}


# --- what acts asks by itself ----------------------------------------------------------------------------------------

BY_A_PAGE: dict[str, Callable[[Settings], object]] = {
    "command": lambda settings: commands.approve(Application(settings, pool_size=1), "x"),
    "load": lambda _: resources.load_runner().start(1, 1),
    "kill": lambda _: resources.incidents().kill("broker", 1.0),
    "restart": lambda _: resources.incidents().restart("api"),
    "restart the source": lambda _: resources.incidents().restart("source"),
    "release": lambda _: resources.incidents().release("broker"),
    "source": lambda settings: operations.act(settings, "stop"),
    "create the source": lambda settings: operations.act(settings, "create"),
    "requeue": lambda settings: operations.requeue(settings, [1]),
    "reset": lambda settings: operations.reset(settings, "reset"),
    "reset all": lambda settings: operations.reset(settings, "reset-all"),
    "scenario": lambda settings: runner.start(settings, "kill-broker"),
    "stop a scenario": lambda settings: runner.stop(settings, RUN),
}


@pytest.mark.parametrize("kind", FORBIDDING)
@pytest.mark.parametrize("what", BY_A_PAGE)
def test_what_a_page_does_is_refused_below_the_page(
    home: Path, world: World, monkeypatch: pytest.MonkeyPatch, kind: str, what: str
) -> None:
    with serving(home, monkeypatch, **FORBIDDING[kind]) as settings, pytest.raises(Forbidden):
        BY_A_PAGE[what](settings)
    assert world.changes == []


@pytest.mark.parametrize("kind", FORBIDDING)
def test_parts_are_broken_by_nobody_where_it_is_forbidden(
    home: Path, world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with serving(home, monkeypatch, **FORBIDDING[kind]) as settings:
        for act in (
            lambda: faults.kill(settings, "broker"),
            lambda: faults.release(settings, "broker"),
            lambda: faults.restart(settings, "api"),
            lambda: faults.slow(settings, "notifications", 1, 1),
            lambda: faults.fail(settings, "notifications", "x", 1),
        ):
            with pytest.raises(Forbidden):
                act()
    assert world.changes == []


def test_read_only_holds_for_its_owner_too_who_says_so_to_do_it_once() -> None:
    settings = Settings(read_only=True)
    for action in Action:
        reason = refusal(settings, action)
        assert action is Action.PROVISION or "ALPES_READ_ONLY=false" in (reason or ""), action
        assert refusal(settings, action, Caller.PAGE)
        assert refusal(settings, action, Caller.API)
    with pytest.raises(Forbidden):
        dead_letters.requeue(settings, [1])
    with pytest.raises(Forbidden):
        source_control.act(settings, "stop")


def test_a_login_lets_a_page_do_what_breaks_nothing() -> None:
    without = Settings(stack="external")
    login = Settings(stack="external", oidc_metadata_url="https://login.example/.well-known/openid-configuration")
    assert refusal(without, Action.REQUEUE, Caller.PAGE)
    assert refusal(login, Action.REQUEUE, Caller.PAGE) is None
    assert refusal(without, Action.ISSUE_COMMANDS, Caller.API) is None
    with pytest.raises(Forbidden, match="demo"):
        require(login, Action.KILL_PARTS, Caller.PAGE)
    for action in Action:
        assert refusal(Settings(), action, Caller.PAGE) is None
