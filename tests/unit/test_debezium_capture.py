"""The Debezium source as the capture: what it asks of Pulsar when it is stopped, started, or loses its offsets."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest

from connectors.admin import AdminRefused
from settings import Settings
from stacks import debezium, recovery
from stacks.debezium import Debezium
from stacks.native import intent, position, provision
from stacks.operation import Holding, Journal


class RecordingAdmin:
    """Stands in for the admin REST: it notes every request and refuses those it is told to refuse."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.refusals: dict[str, AdminRefused] = {}
        self.runs = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def _note(self, request: str) -> None:
        self.requests.append(request)
        if request in self.refusals:
            raise self.refusals[request]

    def source(self, _name: str, action: str) -> None:
        self._note(action)

    def source_status(self, _name: str) -> Any:
        return SimpleNamespace(running=self.runs)

    def topic_statistics(self, _topic: str) -> dict[str, Any]:
        return {"publishers": []}

    def delete_topic(self, topic: str) -> None:
        self._note(f"delete {topic.rpartition('/')[2]}")

    def create_topic(self, topic: str) -> None:
        self._note(f"create {topic.rpartition('/')[2]}")


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> RecordingAdmin:
    admin = RecordingAdmin()
    monkeypatch.setattr(debezium, "Admin", lambda *_, **__: admin)
    monkeypatch.setattr(provision, "Admin", lambda *_, **__: admin)
    monkeypatch.setattr(provision, "provision_broker", lambda *_: admin.requests.append("provision"))
    return admin


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(stack="native", home=tmp_path, pulsar_admin_url="http://127.0.0.1:1")
    settings.run.mkdir()
    return settings


OFFSETS = "mysql-outbox-commissions-debezium-offset-topic"


def lose_offsets(settings: Settings) -> dict[str, Any]:
    notes: dict[str, Any] = {}
    Debezium(settings).lose_offsets(cast(Holding, SimpleNamespace(note=lambda **given: notes.update(given))))
    return notes


def test_it_loses_its_offsets_while_it_is_stopped(settings: Settings, admin: RecordingAdmin) -> None:
    assert lose_offsets(settings) == {"source": "stopped"}
    assert admin.requests == ["stop", f"delete {OFFSETS}", f"create {OFFSETS}", "start"]


def test_for_a_new_snapshot_it_forgets_offsets_and_history_and_its_user_decides_whether_it_starts(
    settings: Settings, admin: RecordingAdmin
) -> None:
    held = cast(Holding, SimpleNamespace(note=lambda **_: None))
    topics = (settings.topics.offsets, settings.topics.schema_history)
    history = settings.topics.schema_history.rpartition("/")[2]
    emptied = [f"delete {OFFSETS}", f"create {OFFSETS}", f"delete {history}", f"create {history}"]
    position.forget(settings, cast(Any, admin), topics, held)
    assert admin.requests == ["stop", *emptied, "start"]
    admin.requests.clear()
    intent.write(settings, "stopped")
    position.forget(settings, cast(Any, admin), topics, held)
    assert admin.requests == ["stop", *emptied]


def test_it_is_started_again_when_its_offsets_cannot_be_deleted(settings: Settings, admin: RecordingAdmin) -> None:
    admin.refusals[f"delete {OFFSETS}"] = AdminRefused(500, "no")
    with pytest.raises(AdminRefused):
        lose_offsets(settings)
    assert admin.requests == ["stop", f"delete {OFFSETS}", "start"]


def test_one_that_is_stopped_already_is_no_error(settings: Settings, admin: RecordingAdmin) -> None:
    admin.refusals["stop"] = AdminRefused(400, "it is stopped")
    Debezium(settings).stop()
    admin.runs = True
    with pytest.raises(AdminRefused):
        Debezium(settings).stop()


@pytest.mark.parametrize(("wanted", "requests"), [("run", ["start"]), ("stopped", []), ("deleted", [])])
def test_it_is_started_only_where_its_user_wants_it(
    wanted: Any, requests: list[str], settings: Settings, admin: RecordingAdmin
) -> None:
    intent.write(settings, wanted)
    Debezium(settings).start()
    assert admin.requests == requests


@pytest.mark.parametrize(("notes", "requests"), [({"source": "stopped"}, ["start"]), ({}, [])])
def test_undoing_an_operation_starts_what_it_stopped(
    notes: dict[str, Any], requests: list[str], settings: Settings, admin: RecordingAdmin
) -> None:
    recovery.undo(settings, Journal("reset", 1, "undecided", notes=notes))
    assert admin.requests == requests


@pytest.mark.parametrize("is_repeated", [False, True])
def test_completing_an_operation_empties_the_topics_once_while_it_is_stopped(
    settings: Settings, admin: RecordingAdmin, monkeypatch: pytest.MonkeyPatch, is_repeated: bool
) -> None:
    class Reached(Exception):
        """The steps after the topics need a database."""

    def observe(*_: object) -> None:
        raise Reached

    noted: dict[str, Any] = {}
    monkeypatch.setattr("stacks.operation.hold_all", lambda *_: None)
    monkeypatch.setattr(recovery, "_observe", observe)
    notes: dict[str, Any] = {"topics_are_empty": True} if is_repeated else {}
    journal = Journal("reset", 1, "decided", notes=notes)
    with pytest.raises(Reached):
        recovery.complete(settings, journal, lambda **values: noted.update(values))
    deleted = [f"delete {topic.rpartition('/')[2]}" for topic in settings.topics.observed()]
    assert admin.requests == (["stop", "start"] if is_repeated else ["stop", *deleted, "provision", "start"])
    assert noted == ({} if is_repeated else {"topics_are_empty": True})
