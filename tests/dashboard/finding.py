"""Run a script as Streamlit does, and find a button of it."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest


def button(app: AppTest, key: str) -> Any:
    return next(each for each in app.button if each.key == key)


def run(script: Any, *args: Any) -> AppTest:
    app = AppTest.from_function(script, default_timeout=60, args=args).run()
    assert not app.exception
    return app
