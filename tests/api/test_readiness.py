"""Test that the API says when it cannot accept commands, and answers while every thread waits."""

from __future__ import annotations

import threading

import pytest
from fastapi.testclient import TestClient

import api.app
from application import Application
from db import queries
from db.errors import DatabaseUnavailable
from domain.commands import Command, CommissionResult
from scenarios.waiting import until
from stacks import metrics
from tests.api.test_endpoints import CALCULATE, GOOD


def test_a_frozen_database_makes_it_not_ready_and_its_metrics_say_so(
    http: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "alpes_database_up 1.0" in http.get("/metrics").text
    thawed = threading.Event()
    monkeypatch.setattr(api.app, "ANSWERS_WITHIN_S", 0.2)
    monkeypatch.setattr(metrics, "ANSWERS_WITHIN_S", 0.2)
    monkeypatch.setattr(api.app, "revision", lambda connection: thawed.wait() and "")
    monkeypatch.setattr(queries, "read_backlog", lambda connection, captured: thawed.wait())
    try:
        not_ready = http.get("/ready")
        assert (not_ready.status_code, "no answer within" in not_ready.json()["detail"]) == (503, True)
        assert "alpes_database_up 0.0" in http.get("/metrics").text
    finally:
        thawed.set()


def test_it_is_not_ready_while_the_database_writes_nothing_although_it_can_be_read(
    http: TestClient, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Command) -> CommissionResult:
        raise DatabaseUnavailable("disk I/O error")

    with monkeypatch.context() as full:
        full.setattr(application, "send", refuse)
        assert http.post(CALCULATE, json=GOOD).status_code == 503
        assert http.get("/ready").status_code == 503
    assert http.post(CALCULATE, json=GOOD).status_code == 201
    assert http.get("/ready").status_code == 200


def test_it_is_not_ready_while_a_command_waits_for_the_database(
    http: TestClient, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MySQL keeps a commit waiting for a minute when its disk is full."""
    begun, thawed = threading.Event(), threading.Event()
    send = application.send

    def wait(command: Command) -> CommissionResult:
        begun.set()
        thawed.wait(60)
        return send(command)

    monkeypatch.setattr(application, "send", wait)
    monkeypatch.setattr(api.app, "WRITES_WITHIN_S", 0.2)
    waiting = threading.Thread(target=lambda: http.post(CALCULATE, json=GOOD))
    waiting.start()
    try:
        assert begun.wait(20)
        until(lambda: http.get("/ready").status_code == 503, 20, "it says that it cannot write")
    finally:
        thawed.set()
        waiting.join()
    monkeypatch.setattr(api.app, "WRITES_WITHIN_S", 60.0)
    assert http.post(CALCULATE, json=GOOD | {"conversionId": "conv-2"}).status_code == 201
    assert http.get("/ready").status_code == 200


def test_health_readiness_and_metrics_are_answered_while_every_thread_waits(
    http: TestClient, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands wait for the database in a pool of 40 threads."""
    thawed = threading.Event()

    def wait(_: Command) -> CommissionResult:
        thawed.wait(60)
        raise DatabaseUnavailable("late")

    monkeypatch.setattr(application, "send", wait)
    monkeypatch.setattr(api.app, "WRITES_WITHIN_S", 60.0)
    commands = [threading.Thread(target=lambda: http.post(CALCULATE, json=GOOD)) for _ in range(50)]
    try:
        for command in commands:
            command.start()
        assert [http.get(path).status_code for path in ("/health", "/ready", "/metrics")] == [200, 200, 200]
    finally:
        thawed.set()
        for command in commands:
            command.join(30)


def test_it_is_not_ready_for_a_while_after_a_command_was_written_late(
    http: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two commits on a slow disk nothing waits."""
    with monkeypatch.context() as slow:
        slow.setattr(api.app, "WRITES_WITHIN_S", 0.0)
        assert http.post(CALCULATE, json=GOOD).status_code == 201
    assert http.get("/ready").status_code == 503
    monkeypatch.setattr(api.app, "WRITES_WITHIN_S", 60.0)
    assert http.post(CALCULATE, json=GOOD | {"conversionId": "conv-2"}).status_code == 201
    assert http.get("/ready").status_code == 200
