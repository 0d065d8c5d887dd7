"""Show the progress of a download: as a bar on a terminal, else as one line."""

from __future__ import annotations

from typing import Any

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from cli.output import err, say
from stacks.native.artifacts import cache


class DownloadBar:
    """A progress bar that appears when the first byte is downloaded.

    Call it with the bytes received, the bytes in total, and the file name.
    """

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: Any = None

    def __enter__(self) -> DownloadBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, received_bytes: int, total_bytes: int, file_name: str) -> None:
        if not err.is_terminal:
            if file_name == "starting":
                say(f"downloading {total_bytes / 1e6:.0f} MB into {cache()}; later starts need no download")
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
            self._task = self._bar.add_task("", total=total_bytes)
        self._bar.update(self._task, completed=received_bytes, description=file_name)
