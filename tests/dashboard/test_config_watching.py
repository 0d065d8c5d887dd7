"""Streamlit's watchers of its configuration look seldom."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.watcher import polling_path_watcher

from dashboard import config_watching
from scenarios.waiting import until
from tests.clocks import patch_time


def test_a_watcher_sleeps_for_long_between_two_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(polling_path_watcher, "_POLLING_PERIOD_SECS", polling_path_watcher._POLLING_PERIOD_SECS)
    patch_time(monkeypatch, "streamlit.watcher.polling_path_watcher", sleep=slept.append)
    config_watching.watch_seldom()
    (tmp_path / "config.toml").write_text("")
    watcher = polling_path_watcher.PollingPathWatcher(str(tmp_path / "config.toml"), lambda _: None)
    until(lambda: len(slept) > 0, 10, "the watcher's pause")
    watcher.close()
    assert set(slept) == {config_watching.SELDOM_S}
