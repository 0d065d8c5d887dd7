"""Compose the theme once for all runs of the page: Streamlit reads it from its settings at the beginning of each refresh."""

from __future__ import annotations

from functools import cache

from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session

_populate = app_session._populate_theme_msg


@cache
def _compose(section: str) -> CustomThemeConfig:
    theme = CustomThemeConfig()
    _populate(theme, section)
    return theme


def _copy_theme(msg: CustomThemeConfig, section: str = "theme") -> None:
    theme = _compose(section)
    if theme.ByteSize():  # merging nothing would still say that the section exists
        msg.MergeFrom(theme)


def compose_once() -> None:
    """Let every session of this server use the theme that the first one read."""
    app_session._populate_theme_msg = _copy_theme
