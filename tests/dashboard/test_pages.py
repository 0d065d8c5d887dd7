"""The pages' logic, run by Streamlit's own test runner on a running stack: no browser, no drawing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from application import Application
from dashboard import i18n, resources, sharing
from db import queries
from scenarios import end_to_end
from scenarios.waiting import until
from settings import Settings
from settings.model import REPOSITORY
from stacks import faults

APP = str(REPOSITORY / "dashboard" / "page.py")
WAIT_S = 30


@pytest.fixture(scope="module")
def home(embedded: Settings) -> Iterator[Settings]:
    """The page's server is this process, on the tests' own stack."""
    patch = pytest.MonkeyPatch()
    patch.setenv("ALPES_HOME", str(embedded.home))
    sharing.close()
    yield embedded
    sharing.close()
    i18n.use(lambda: ("en", None))
    patch.undo()


@pytest.fixture
def app(home: Settings) -> AppTest:
    made = AppTest.from_file(APP, default_timeout=WAIT_S).run()
    assert not made.exception
    return made


def button(app: AppTest, label: str):  # type: ignore[no-untyped-def]
    return next(one for one in app.button if one.label == label)


def field(app: AppTest, label: str):  # type: ignore[no-untyped-def]
    return next(one for one in app.text_input if one.label == label)


def test_calculate_writes_and_offers_a_fresh_id(app: AppTest, home: Settings) -> None:
    sent = field(app, "Conversion id").value
    button(app, "Calculate").click().run()
    answer = app.session_state["answer"]
    assert answer.result.changed
    assert answer.result.conversion_id == sent
    assert field(app, "Conversion id").value not in ("", sent)
    with Application(home, pool_size=1) as application, application.reading() as connection:
        assert queries.commission_by_conversion(connection, sent) is not None


def test_the_same_again_is_refused_and_a_bad_amount_too(app: AppTest) -> None:
    button(app, "Calculate").click().run()
    button(app, "Send again (duplicate)").click().run()
    assert type(app.session_state["answer"].refusal).__name__ == "DuplicateConversion"
    refused = app.session_state["tour_refused"]
    app.run()
    assert app.session_state["tour_refused"] == refused  # the answer stays on the page: it was not refused again
    field(app, "Gross amount").set_value("-1")
    button(app, "Calculate").click().run()
    assert app.session_state["answer"].refusal.field == "grossAmount"
    assert not app.exception


def test_approve_takes_one_from_the_list(app: AppTest) -> None:
    button(app, "Calculate").click().run()
    commission_id = app.session_state["answer"].result.commission_id

    def listed() -> bool:
        app.run()
        box = next(one for one in app.selectbox if one.label == "Commission")
        return any(commission_id[-8:] in option for option in box.options)

    until(listed, 15, "the commission in the list")
    next(one for one in app.selectbox if one.label == "Commission").set_value(commission_id).run()
    button(app, "Approve").click().run()
    assert app.session_state["answer"].result.status == "APPROVED"


def test_a_load_runs_while_the_page_is_drawn_again(app: AppTest) -> None:
    next(one for one in app.number_input if one.label == "Commands").set_value(20)
    next(one for one in app.number_input if one.label == "Rate (per second)").set_value(100).run()
    button(app, "Start the load").click().run()
    until(lambda: resources.load_runner().progress.state == "done", 20, "the load done")
    assert resources.load_runner().progress.sent == 20
    assert not app.run().exception


def test_the_url_says_the_language(home: Settings) -> None:
    spanish = AppTest.from_file(APP, default_timeout=WAIT_S)
    spanish.query_params["lang"] = "es"
    spanish.run()
    assert "Calcular" in [one.label for one in spanish.button]
    assert [one.value for one in spanish.header][:2] == ["Enviar un comando", "Base de datos"]


def test_the_language_switch_keeps_to_the_url(app: AppTest) -> None:
    app.button_group(key="language_switch").set_value("es").run()
    assert app.query_params["lang"] in ("es", ["es"])
    assert "Calcular" in [one.label for one in app.button]


def test_a_broker_that_is_down_changes_nothing_for_commands(app: AppTest, home: Settings) -> None:
    faults.kill(home, "broker", hold_s=60)
    try:
        until(lambda: "broker" in [part.part for part in resources.refresher().health.down()], 15, "shown as down")
        button(app, "Calculate").click().run()
        assert app.session_state["answer"].result.changed
        assert not app.exception
    finally:
        faults.release(home, "broker")
    assert end_to_end.run(home).ok


@pytest.mark.parametrize("module", ["trace", "latency"])
def test_the_other_pages_are_drawn_with_an_id_and_without(home: Settings, module: str) -> None:
    ids = end_to_end.run(home)
    for asked in ("", ids.commission_id, "nothing-has-this-id"):
        page = AppTest.from_function(_page, default_timeout=WAIT_S, args=(module,))
        page.query_params["id"] = asked
        page.run()
        assert not page.exception
        assert not page.error
    if module == "latency":
        next(one for one in page.selectbox if one.label == "Hop").select_index(1).run()
        assert not page.exception


def test_the_same_link_to_a_trace_works_twice(home: Settings) -> None:
    """Streamlit forgets the field while another page is shown, and the URL is then the one that was asked for before."""
    ids = end_to_end.run(home)
    page = AppTest.from_function(_page, default_timeout=WAIT_S, args=("trace",))
    page.query_params["id"] = page.session_state["trace_asked"] = ids.commission_id
    page.run()
    assert page.text_input[0].value == ids.commission_id


def test_an_address_leads_to_the_same_window_and_hop(home: Settings) -> None:
    page = AppTest.from_function(_page, default_timeout=WAIT_S, args=("latency",))
    page.query_params["window"], page.query_params["hop"] = "5m", "committed→captured"
    page.run()
    assert (page.session_state["latency_window"], page.session_state["latency_hop"]) == ("5m", "committed→captured")
    unknown = AppTest.from_function(_page, default_timeout=WAIT_S, args=("latency",))
    unknown.query_params["window"] = "nonsense"
    unknown.run()
    assert unknown.session_state["latency_window"] == "all"
    assert not unknown.exception


def test_a_load_outside_the_limits_cannot_be_started(app: AppTest) -> None:
    next(one for one in app.number_input if one.label == "Commands").set_value(999_999_999).run()
    assert button(app, "Start the load").disabled
    assert any("Must be between" in one.value for one in app.caption)
    next(one for one in app.number_input if one.label == "Commands").set_value(20).run()
    assert not button(app, "Start the load").disabled


def _page(module: str) -> None:
    import importlib

    importlib.import_module(f"dashboard.screens.{module}").PAGE.show()
