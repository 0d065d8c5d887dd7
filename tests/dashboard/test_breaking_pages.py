"""The logic of the pages of scenarios and operations, run by Streamlit's own test runner on a running stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import i18n, resources, sharing
from scenarios import journal, runner
from scenarios.waiting import until
from settings import Settings
from stacks import faults
from stacks.supervisor import Supervisor

WAIT_S = 30


@pytest.fixture(scope="module")
def home(embedded: Settings) -> Iterator[Settings]:
    """The page's server is this process, on the tests' own stack."""
    patch = pytest.MonkeyPatch()
    patch.setenv("ALPES_HOME", str(embedded.home))
    sharing.close()
    resources.refresher().look()
    until(lambda: resources.refresher().health.version > 0, WAIT_S, "the parts were looked at")
    yield embedded
    sharing.close()
    i18n.use(lambda: ("en", None))
    patch.undo()


def page(module: str) -> AppTest:
    made = AppTest.from_function(_page, default_timeout=WAIT_S, args=(module,)).run()
    assert not made.exception
    assert not made.error
    return made


def _page(module: str) -> None:
    import importlib

    importlib.import_module(f"dashboard.screens.{module}").PAGE.show()


def test_a_scenario_is_started_in_a_process_of_its_own_and_stopped(home: Settings) -> None:
    app = page("scenarios")
    assert app.button(key="run-kill-database").disabled
    app.number_input(key="chaos_seed").set_value(5).run()
    app.button(key="run-chaos").click().run()
    until(lambda: runner.current(home) is not None, WAIT_S, "the run began")
    run_id = runner.current(home)
    assert run_id is not None
    until(lambda: bool(resources.runs_reader().moments(run_id)), WAIT_S, "it said its first word")
    assert journal.read_timeline(home, run_id)[0].data["seed"] == 5
    until(lambda: _current() == run_id, WAIT_S, "the page knows")
    app.run()
    assert app.button(key="run-replay").disabled
    app.button(key="stop-run").click().run()
    until(lambda: runner.current(home) is None, WAIT_S, "the run ended")
    until(lambda: _current() is None, WAIT_S, "the page knows")
    app.run()
    assert not app.exception
    assert journal.read_timeline(home, run_id)[-1].kind == "stopped"


def _current() -> str | None:
    found = resources.runs().look().value
    return None if found is None else found.current


def test_a_kill_is_followed_until_nothing_is_missing(home: Settings) -> None:
    until(lambda: not resources.refresher().health.down(), WAIT_S, "every part is well")
    app = page("scenarios")
    app.number_input(key="hold-relay").set_value(30.0).run()
    app.button(key="kill-relay-now").click().run()
    until(lambda: "relay" in faults.active(home), WAIT_S, "the relay is held down")
    resources.incidents().release("relay")
    until(lambda: resources.incidents().newest()[0].over, WAIT_S, "it was followed to its end")
    made = resources.incidents().newest()[0]
    assert (made.part, made.action, made.hold_s, made.problem) == ("relay", "kill", 30.0, None)
    assert made.at <= (made.down_at or 0) <= (made.back_at or 0) <= (made.arrived_at or 0)
    assert made.after is not None
    assert made.back is not None
    assert made.back.committed
    assert all((count or 0) >= made.back.committed for count in made.after.arrived())


def test_what_cannot_be_killed_says_why(home: Settings) -> None:
    resources.incidents().kill("no-such-part", 0)
    until(lambda: resources.incidents().newest()[0].over, WAIT_S, "it failed")
    assert "no component 'no-such-part'" in str(resources.incidents().newest()[0].problem)


def test_the_relay_is_restarted_from_the_operations_page(home: Settings) -> None:
    pid = Supervisor(home).pid("relay")
    app = page("operations")
    app.button(key="source-restart-now").click().run()
    until(lambda: not resources.actions().running("source"), WAIT_S, "the restart ended")
    last = resources.actions().last("source")
    assert last is not None
    assert last.problem is None
    assert Supervisor(home).pid("relay") != pid


def test_a_reset_is_asked_for_twice_and_not_done_by_asking(home: Settings) -> None:
    app = page("operations")
    app.button(key="reset").click().run()
    assert app.button(key="reset-now").label == "Delete it all"
    assert not (home.logs / "jobs").exists()
