"""Test that the theme that a refresh sends is the one that Streamlit would send."""

from __future__ import annotations

import pytest
from streamlit import config
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session

from dashboard import theme_messages


@pytest.mark.parametrize("section", ["theme", "theme.light", "theme.dark", "theme.sidebar", "theme.dark.sidebar"])
def test_each_section_is_what_streamlit_would_send(section: str) -> None:
    expected, sent, again = CustomThemeConfig(), CustomThemeConfig(), CustomThemeConfig()
    theme_messages._populate(expected, section)
    for message in (sent, again):
        theme_messages._copy_theme(message, section)
        assert message == expected


def test_an_empty_section_stays_absent() -> None:
    theme = CustomThemeConfig()
    theme_messages._copy_theme(theme.sidebar, "theme.sidebar")
    assert not theme.HasField("sidebar")


def test_the_settings_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    theme_messages._compose.cache_clear()
    read = []
    options = config.get_options_for_section

    def record(name: str) -> dict[str, object]:
        read.append(name)
        return options(name)

    monkeypatch.setattr(config, "get_options_for_section", record)
    for _ in range(3):
        theme_messages._copy_theme(CustomThemeConfig(), "theme")
    assert read == ["theme"]
    theme_messages._compose.cache_clear()


def test_streamlit_composes_the_theme_where_it_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_session, "_populate_theme_msg", app_session._populate_theme_msg)
    theme_messages.compose_once()
    assert vars(app_session)["_populate_theme_msg"] is theme_messages._copy_theme
