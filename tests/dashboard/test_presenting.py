"""Test presenter mode: the address turns it on and off, the switch writes the address, and every page keeps it."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import i18n, presenting, pulse


def _script() -> None:
    import streamlit as st

    from dashboard import presenting

    presenting.choose()
    st.write(str(presenting.is_on()))
    presenting.draw_switch()


def visit(**address: str) -> AppTest:
    app = AppTest.from_function(_script)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def is_on(app: AppTest) -> bool:
    return bool(app.markdown[0].value == "True")


@pytest.mark.parametrize(("address", "on"), [({}, False), ({"present": "1"}, True), ({"present": "0"}, False)])
def test_the_address_turns_it_on(address: dict[str, str], on: bool) -> None:
    app = visit(**address)
    assert is_on(app) is on
    assert ("present" in app.query_params) is on


def test_the_switch_turns_it_on_and_off_and_writes_the_address() -> None:
    app = visit()
    assert app.button(key="present_switch").label == "Present"
    app.button(key="present_switch").click().run()
    assert is_on(app)
    assert app.query_params["present"] == "1"
    assert app.button(key="present_switch").label == "Stop presenting"
    app.button(key="present_switch").click().run()
    assert not is_on(app)
    assert "present" not in app.query_params


def test_another_page_keeps_it() -> None:
    app = visit(present="1")
    del app.query_params["present"]  # as a link to another page does
    app.run()
    assert is_on(app)
    assert app.query_params["present"] == "1"
    assert presenting.PARAMETER in pulse.EVERYWHERE


def test_the_switch_is_in_the_readers_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_resolve", lambda: ("es", "es-CO"))
    assert visit(present="1").button(key="present_switch").label == "Dejar de presentar"
