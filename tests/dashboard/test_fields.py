"""What visitors type: numbers as their locale writes them, and numbers outside the limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import frame, i18n, pulse
from dashboard.site import PAGES


@pytest.fixture
def english() -> Iterator[None]:
    yield
    i18n.use(lambda: ("en", None))


@pytest.mark.parametrize(
    ("language", "browser", "typed", "plain"),
    [
        ("es", "es-CO", "120,50", "120.50"),
        ("es", "es-CO", "1.000,50", "1000.50"),
        ("es", "es-CO", "-1.234.567", "-1234567"),
        ("es", "es-CO", "120.50", "120.50"),
        ("es", "es-MX", "1,000.50", "1000.50"),
        ("en", "en-US", "1,000.50", "1000.50"),
        ("en", "en-US", "120.50", "120.50"),
        ("en", "en-US", "120,50", "120,50"),
        ("es", "es-CO", "1.00,5", "1.00,5"),
        ("es", "es-CO", "١٢٠,٥", "١٢٠,٥"),
        ("en", "en-US", "NaN", "NaN"),
    ],
)
def test_a_number_is_read_as_the_locale_writes_it_and_nothing_else_is_guessed(
    english: None, language: str, browser: str, typed: str, plain: str
) -> None:
    i18n.use(lambda: (language, browser))
    assert i18n.plain_decimal(typed) == plain


def _field() -> None:
    import streamlit as st

    from dashboard.components.controls import number_field

    st.session_state["found"] = number_field("Number", 1, 500, 200, 50, "number")


def test_a_number_outside_the_limits_reaches_the_page_which_says_so() -> None:
    app = AppTest.from_function(_field).run()
    assert (app.number_input[0].value, app.session_state["found"]) == (200, 200)
    assert not app.caption
    for wrong in (999_999_999, 0, -5):
        app.number_input[0].set_value(wrong).run()
        assert app.session_state["found"] is None
        assert "between 1 and 500" in app.caption[0].value
    app.number_input[0].set_value(500).run()
    assert app.session_state["found"] == 500
    assert not app.caption
    assert not app.exception


def test_each_page_has_its_own_parameters_and_the_first_one_has_two_paths() -> None:
    assert callable(frame.run)  # the frame declares the parameters of all pages
    known = pulse._parameters
    assert known[""] == known[PAGES[0].path]
    assert "id" in known["trace"]
    assert not {"id", "since", "run"} & set(known[""])
    assert all("lang" in names for names in known.values())
