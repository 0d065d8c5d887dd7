"""The progress of a download: a bar on a terminal, a line elsewhere."""

from __future__ import annotations

from typing import Any

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from cli.output import err, say
from stacks.native.artifacts import cache


class DownloadBar:
    """A progress bar that appears with the first byte to fetch."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: Any = None

    def __enter__(self) -> DownloadBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int, what: str) -> None:
        if not err.is_terminal:
            if what == "starting":
                say(f"downloading {total / 1e6:.0f} MB, once; into {cache()}")
            return
        if self._bar is None:
            columns = (
                TextColumn("downloading, once"),
                BarColumn(),
                DownloadColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}"),
            )
            self._bar = Progress(*columns, console=err, transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=total)
        self._bar.update(self._task, completed=done, description=what)
