"""Metrics as Prometheus reads them, one whole trace, structured logs, honest readiness, and no secret in any of it."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import make_url, text

from application import Application
from connectors.broker import Broker, Publisher
from db.engine import connect
from scenarios import end_to_end
from scenarios.waiting import until
from settings import Settings, files
from settings.model import REPOSITORY
from stacks import faults
from tests import traces


def scraped(settings: Settings) -> dict[str, Metric]:
    headers = {"Authorization": f"Bearer {settings.api_token.get_secret_value()}"}
    answer = httpx.get(f"http://{settings.bind}:{settings.api_port}/metrics", headers=headers, timeout=10)
    assert answer.headers["content-type"].startswith("text/plain")
    return {family.name: family for family in text_string_to_metric_families(answer.raise_for_status().text)}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    """Sum of the samples that have these labels."""
    family = families[name.removesuffix("_total").removesuffix("_count")]
    return sum(
        sample.value for sample in family.samples if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_what_happens_is_counted_where_it_happens(watched: Settings) -> None:
    before = scraped(watched)
    conversion = str(uuid.uuid4())
    traces.calculate(watched, conversion)
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        traces.calculate(watched, conversion)
    publisher = Publisher(Broker(watched), watched.topics.events)
    publisher.send(b"no envelope")
    publisher.close()

    def risen(name: str, by: float, **labels: str) -> bool:
        return value(scraped(watched), name, **labels) - value(before, name, **labels) >= by

    for name, labels in (
        ("alpes_commands_total", {"part": "api", "command": "calculate", "outcome": "done"}),
        ("alpes_commands_total", {"part": "api", "command": "calculate", "outcome": "duplicate"}),
        ("alpes_http_requests_total", {"route": "/commissions/calculate", "status": "201"}),
        ("alpes_http_requests_total", {"route": "/commissions/calculate", "status": "409"}),
        ("alpes_relay_sent_total", {"part": "relay"}),
        ("alpes_deliveries_total", {"part": "notifications", "outcome": "applied"}),
        ("alpes_deliveries_total", {"part": "notifications", "outcome": "dead_lettered"}),
        ("alpes_dead_letters_total", {"reason": "not_an_envelope"}),
        ("alpes_command_seconds_count", {"command": "calculate"}),
        ("alpes_hop_seconds_count", {"hop": "end_to_end"}),
    ):
        until(lambda name=name, labels=labels: risen(name, 1, **labels), 15, f"{name} {labels} risen")  # type: ignore[misc]


def test_the_histograms_are_whole(watched: Settings) -> None:
    end_to_end.run(watched)
    until(lambda: value(scraped(watched), "alpes_hop_seconds_count", hop="end_to_end") >= 2, 15, "counted")
    family = scraped(watched)["alpes_hop_seconds"]
    for hop in ("occurred_captured", "captured_published", "published_received", "received_persisted", "end_to_end"):
        mine = [sample for sample in family.samples if sample.labels["hop"] == hop]
        buckets = [sample.value for sample in mine if sample.name.endswith("_bucket")]
        (count,) = (sample.value for sample in mine if sample.name.endswith("_count"))
        assert buckets == sorted(buckets)
        assert buckets[-1] == count >= 2


def test_a_backlog_shows_its_depth_and_age_and_goes_again(watched: Settings) -> None:
    faults.kill(watched, "relay", hold_s=60)
    try:
        traces.calculate(watched, str(uuid.uuid4()))
        until(lambda: value(scraped(watched), "alpes_outbox_depth") >= 1, 10, "a depth")
        until(lambda: value(scraped(watched), "alpes_lag_seconds", stage="capture") > 0.5, 10, "an age")
        assert value(scraped(watched), "alpes_lag_seconds", stage="notification") > 0
        until(lambda: value(scraped(watched), "alpes_up", part="relay") == 0, 10, "the relay told as down")
    finally:
        faults.release(watched, "relay")
    until(lambda: value(scraped(watched), "alpes_lag_seconds") == 0, 20, "caught up")
    assert value(scraped(watched), "alpes_outbox_depth") == 0
    until(lambda: value(scraped(watched), "alpes_up", part="relay") == 1, 10, "the relay told as up")


def test_one_trace_goes_from_the_request_to_the_notification(watched: Settings) -> None:
    assert watched.traces_file is not None
    trace_id, caller = uuid.uuid4().hex, uuid.uuid4().hex[:16]
    traces.calculate(watched, str(uuid.uuid4()), f"00-{trace_id}-{caller}-01")
    file = watched.traces_file
    until(lambda: len(traces.spans(file, trace_id)) == 6, 15, "six spans written")
    found = traces.spans(file, trace_id)
    traces.assert_whole(found, caller)
    assert traces.parent(found["relay"]) == traces.own(found["sql transaction"])
    assert found["relay"]["attributes"]["alpes.acknowledged"] is True
    assert {span["resource"]["attributes"]["service.name"] for span in found.values()} == {
        "alpes-api",
        "alpes-relay",
        "alpes-notifications",
    }


def test_every_log_line_of_our_parts_is_json(watched: Settings) -> None:
    for part in ("api", "notifications", "relay", "observer", "audit", "commands", "watcher"):
        lines = (watched.logs / f"{part}.log").read_text(encoding="utf-8").splitlines()
        for line in lines:
            assert {"time", "level", "logger", "part", "message"} <= json.loads(line).keys(), (part, line)
        assert part == "api" or json.loads(lines[0])["part"] == part


def secrets_of(settings: Settings) -> Iterator[str]:
    """Every secret value of the instance's two files, passwords within their URLs too."""
    values = files.read(settings.home)
    for name in Settings.model_fields:
        kept = getattr(settings, name)
        if isinstance(kept, SecretStr) and kept.get_secret_value():
            yield values[name]
        elif name.endswith("_url") and values.get(name):
            password = make_url(values[name]).password if name.startswith("database") else None
            yield from [str(password)] if password else []


def test_no_secret_is_told_anywhere(watched: Settings) -> None:
    hidden = list(secrets_of(watched))
    assert len(hidden) >= 6
    end_to_end.run(watched)
    base = f"http://{watched.bind}:{watched.api_port}"
    bearer = {"Authorization": f"Bearer {watched.api_token.get_secret_value()}"}
    told = {
        path: httpx.get(base + path, headers=bearer, timeout=10).text
        for path in (
            "/health",
            "/ready",
            "/metrics",
            "/openapi.json",
            "/docs",
            "/commissions/by-conversion/none",
            "/none",
        )
    }
    told["refusal"] = httpx.post(f"{base}/commissions/calculate", headers=bearer, content=b"{").text
    told["page"] = httpx.get(f"http://{watched.bind}:{watched.dashboard_port}/", timeout=10).text
    for words in (["status", "--json"], ["status"], ["topics"], ["reconcile", "--json"], ["doctor"]):
        done = subprocess.run(
            [sys.executable, "-m", "cli", *words],
            cwd=REPOSITORY,
            env={"ALPES_HOME": str(watched.home), "PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        told[" ".join(words)] = done.stdout + done.stderr
    for path in (*watched.logs.iterdir(), *watched.run.rglob("*")):
        if path.is_file() and path.stat().st_mode & 0o077:
            told[str(path)] = path.read_text(encoding="utf-8", errors="replace")
    assert watched.traces_file is not None
    told["traces"] = watched.traces_file.read_text(encoding="utf-8")
    assert [(where, value) for where, text in told.items() for value in hidden if value in text] == []
    assert [where for where, text in told.items() if not text and not where.startswith(str(watched.home))] == []


def test_ready_says_when_the_schema_is_another(watched: Settings) -> None:
    url = f"http://{watched.bind}:{watched.api_port}/ready"
    assert httpx.get(url, timeout=10).json()["status"] == "ready"
    engine = connect(watched.admin_url, pool_size=1)
    with engine.begin() as connection:
        head = connection.scalar(text("SELECT version_num FROM alembic_version"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    try:
        refused = httpx.get(url, timeout=10)
        assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
        assert f"the schema is at 0000, this program needs {head}" in refused.json()["detail"]
    finally:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})
        engine.dispose()


def test_with_no_place_for_traces_a_given_trace_is_kept(tmp_path_factory: pytest.TempPathFactory) -> None:
    from db.migrate import upgrade
    from db.queries import recent_outbox
    from domain.commands import CalculateCommission

    home = tmp_path_factory.mktemp("untraced")
    settings = Settings(home=home, database_url=f"sqlite:///{home / 'a.db'}")
    engine = connect(settings.database_url)
    upgrade(engine)
    engine.dispose()
    given = f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"
    with Application(settings, pool_size=1) as application:
        application.send(CalculateCommission("conv-1", "aff-1", "cmp-1", "1.00", "USD", None, given))
        with application.reading() as connection:
            assert len(recent_outbox(connection)) == 1
            assert connection.scalar(text("SELECT traceparent FROM outbox_event")) == given
