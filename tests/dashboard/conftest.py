"""Provide the instance whose pages are walked, and a world in which nothing can be changed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event, insert
from sqlalchemy.engine import Engine

from application import Application, leases
from connectors.broker import Publisher
from dashboard import i18n
from dashboard.components import live_html
from dashboard.view_models.runs import RunsReader
from db.engine import connect
from db.errors import DatabaseUnavailable
from db.migrate import upgrade
from db.tables import dead_letter
from domain.commands import CalculateCommission
from domain.message import verbatim
from scenarios import journal
from settings import Settings, load
from stacks.native import intent
from stacks.supervisor import Supervisor
from tests.dashboard.controls_walk import RUN, World, sample, serving


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
        values = {column.name: sample(column) for column in dead_letter.columns if column.name != "seq"}
        connection.execute(insert(dead_letter).values(**values | {"requeued_at": None, "discarded_at": None}))
    engine.dispose()
    run = journal.Journal(settings, engine, RUN)
    run.say("started", verbatim("a run under way"), {"name": "kill-broker"})
    run.close()
    return made


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Settings]:
    with pytest.MonkeyPatch.context() as patch, serving(home, patch, stack="native") as settings:
        yield settings


@pytest.fixture
def english() -> Iterator[None]:
    yield
    i18n.use(lambda: ("en", None))


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Key → the HTML that was drawn last under it."""
    shown: dict[str, str] = {}

    def show(html: str, key: str) -> None:
        shown[key] = html

    monkeypatch.setattr(live_html, "show", show)
    return shown
