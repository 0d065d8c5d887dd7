"""A verdict is never FAIL because of the judge: what keeps it out, ends its load or leaves its faults undone proves nothing."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from application.leases import Lease
from application.permissions import Forbidden
from db.engine import connect
from db.migrate import upgrade
from domain.commands import CalculateCommission
from domain.message import verbatim
from scenarios import api_client, chaos_faults, fault_injection, invariants, process, runner
from scenarios.api_client import AccessRefused, ApiClient, url_host
from scenarios.journal import Journal
from scenarios.model import Check, Scenario
from scenarios.routes import Promise
from scenarios.sources import holds_for_all
from scenarios.trial import Trial
from scenarios.waiting import TookTooLong
from settings import Settings
from stacks import faults, lost_offsets
from workers.observer_store import ObserverStore


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trial]:
    """A run on a database alone: nothing of a stack is there, and its deadlines are short."""
    monkeypatch.setattr(fault_injection, "NOTICED_WITHIN_S", 0.05)
    settings = Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path / 'a.db'}", control_token="x")
    engine = connect(settings.database_url)
    upgrade(engine)
    ObserverStore(settings.observer_store, write=True).close()
    made = Trial(settings, str(uuid.uuid4()), 1, Journal(settings, engine, str(uuid.uuid4())))
    yield made
    made.close()
    engine.dispose()


def verdict(trial: Trial) -> tuple[str, str]:
    made, reason = invariants.verdict(trial.confirmations, [Check("nothing lost", True), *trial.checks], trial.errors)
    return made, str(reason)


def judged(trial: Trial, experiment: object) -> tuple[str, str]:
    process._experiment(trial, Scenario("x", "q", "h", "b", experiment))  # type: ignore[arg-type]
    return verdict(trial)


# Faults that do nothing.


class Idle:
    """A control that says it did what it was asked, and did nothing: the part's process is this one, alive."""

    def pid(self, _part: str) -> int:
        return os.getpid()

    def states(self) -> list[SimpleNamespace]:
        names = ("broker", "notifications", "observer", "audit", "commands", "api", "relay")
        return [SimpleNamespace(name=name) for name in names]

    def stop_part(self, _part: str) -> None: ...

    def start_part(self, _part: str) -> None: ...

    def restart_part(self, _part: str) -> None: ...

    def kill(self, _part: str) -> None: ...


POINTS = ("committed", "outbox_written", "state_written")
FAULTS = [
    *[
        "kill-api",
        "kill-audit",
        "kill-broker",
        "kill-commands",
        "kill-notifications",
        "kill-observer",
        "kill-relay",
        "lose-offsets",
    ],
    *["crash-audit", "crash-notifications", "crash-retrying", "cut-audit-file", "restart-capture", "slow-workers"],
    *(f"crash-{part}-{point}" for part in ("api", "commands") for point in POINTS),
]


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch, trial: Trial) -> None:
    """Let every fault do nothing, and every wait end at once."""

    def impatient(condition: object, _deadline_s: float, what: str, _every_s: float = 0) -> None:
        if not condition():  # type: ignore[operator]
            raise TookTooLong(what)

    for module in ("scenarios.fault_injection", "scenarios.chaos_faults", "scenarios.sources", "stacks.faults"):
        monkeypatch.setattr(f"{module}.control", lambda _settings: Idle())
    monkeypatch.setattr(faults, "kill", lambda _s, part, hold_s: Lease(part, "kill", time.time(), time.time()))
    monkeypatch.setattr(fault_injection, "until", impatient)
    monkeypatch.setattr(lost_offsets, "lose", lambda _settings: None)
    monkeypatch.setattr(chaos_faults, "cut_file", lambda _path: 0)
    trial.settings.audit_file.parent.mkdir(parents=True, exist_ok=True)
    trial.settings.audit_file.write_text("{}\n")
    monkeypatch.setattr(trial, "first_committed", lambda: "e-1")
    monkeypatch.setattr(trial, "times_published", lambda _event_id: 1)
    monkeypatch.setattr(trial, "wait_until_notified", lambda *_: None)


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.usefixtures("idle")
def test_a_fault_of_chaos_that_was_not_injected_is_not_confirmed(trial: Trial, name: str) -> None:
    with suppress(TookTooLong), chaos_faults.faults_of(trial)[name].inject(trial, 0.0):
        pass
    assert any(not check.ok for check in trial.confirmations)
    assert verdict(trial)[0] == "INCONCLUSIVE"


@pytest.mark.usefixtures("idle")
def test_the_test_above_knows_every_fault_of_chaos(trial: Trial) -> None:
    assert sorted(chaos_faults.faults_of(trial)) == sorted(FAULTS)


def test_of_nothing_nothing_is_shown() -> None:
    assert not holds_for_all([], bool)
    assert holds_for_all([1], bool)
    assert not holds_for_all([1, 0], bool)


# The judge's own failures.


def test_an_error_of_the_experiment_is_no_failure_of_the_system(trial: Trial) -> None:
    def experiment(_trial: Trial) -> None:
        raise RuntimeError("Packet sequence number wrong")

    assert judged(trial, experiment) == (
        "INCONCLUSIVE",
        "the judge failed: RuntimeError: Packet sequence number wrong",
    )


def test_a_load_that_dies_is_an_error_of_the_judge(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(_command: object) -> None:
        raise RuntimeError("Packet sequence number wrong")

    monkeypatch.setattr(trial.application, "send", dies)

    def experiment(each: Trial) -> None:
        with each.load():
            pass

    made, why = judged(trial, experiment)
    assert made == "INCONCLUSIVE"
    assert "the load died: RuntimeError: Packet sequence number wrong" in why


def test_a_broken_invariant_fails_the_run_whatever_became_of_the_judge(trial: Trial) -> None:
    trial.report_judge_error(verbatim("the load ended"))
    assert invariants.verdict([Check("x", True)], [Check("nothing lost", False, "1 lost")], trial.errors)[0] == "FAIL"


def test_what_takes_too_long_is_a_failure_while_the_judge_is_sound(trial: Trial) -> None:
    def experiment(_trial: Trial) -> None:
        raise TookTooLong("something: not within 1 s")

    assert judged(trial, experiment)[0] == "FAIL"


# Ways in.


def client(answers: list[httpx.Response], paused: list[float], **settings: object) -> ApiClient:
    transport = httpx.MockTransport(lambda request: _told(request, answers.pop(0)))
    return ApiClient(Settings(**settings), pause=paused.append, transport=transport)  # type: ignore[arg-type]


def _told(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    answer.headers["X-Bearer"] = request.headers.get("Authorization", "")
    return answer


def test_the_rate_limit_is_waited_for_as_long_as_it_says() -> None:
    paused: list[float] = []
    limited = [httpx.Response(429, headers={"Retry-After": "3"}), httpx.Response(429), httpx.Response(201)]
    with client(limited, paused) as api:
        assert api.post("/commissions/calculate", {}).status_code == 201
    assert paused == [3.0, 1.0]


def test_a_rate_limit_without_end_is_no_way_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_client, "PATIENCE_S", 5.0)
    with (
        client([httpx.Response(429, headers={"Retry-After": "60"})], []) as api,
        pytest.raises(AccessRefused, match="rate limit"),
    ):
        api.get("/commissions/by-conversion/x")


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in_says_so(status: int) -> None:
    refusal = httpx.Response(status, json={"detail": "this instance is shown read-only; it takes no commands"})
    with client([refusal], []) as api, pytest.raises(AccessRefused, match="shown read-only"):
        api.post("/commissions/calculate", {})


def test_the_token_is_borne_and_proxies_are_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    ApiClient(Settings()).close()  # without a transport of its own: a SOCKS proxy fails at the making
    api_client.page_client(Settings()).close()
    with client([httpx.Response(200)], [], api_token="s3cret") as api:
        assert api.get("/health").headers["X-Bearer"] == "Bearer s3cret"


@pytest.mark.parametrize(
    ("address", "url"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("api", "api")],
)
def test_an_address_is_written_as_a_url_wants_it(address: str, url: str) -> None:
    assert url_host(address) == url


def test_a_read_only_instance_is_not_judged(tmp_path: Path) -> None:
    with pytest.raises(Forbidden, match="read-only"):
        runner.start(Settings(home=tmp_path, read_only=True), "replay")


# Every way of the load.


def test_a_promise_that_nobody_kept_is_lost(trial: Trial) -> None:
    result = trial.application.send(CalculateCommission("kept", "a", "k", "1.00", "USD"))
    trial.promised += [
        Promise("calculate", "kept"),
        Promise("calculate", "forgotten"),
        Promise("approve", result.commission_id),
    ]
    assert [each.id for each in trial.broken_promises()] == ["forgotten", result.commission_id]
