"""Count failed messages in a file, or in memory, for a process that has no database."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection
from dataclasses import astuple, replace
from pathlib import Path

from db.failures import Counts, MessageKey


class LocalFailures:
    """The same as `db.failures.MessageFailures`, for one process. Without a path, the counts end with the process."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._counts: dict[MessageKey, Counts] = {}
        if path is not None:
            with contextlib.suppress(OSError, ValueError, TypeError):
                for key, counts in json.loads(path.read_text(encoding="utf-8")):
                    self._counts[MessageKey(*key)] = Counts(*counts)

    def count_attempt(self, key: MessageKey) -> Counts:
        counts = self._counts.get(key, Counts())
        return self._store(key, replace(counts, attempts=counts.attempts + 1))

    def count_death(self, key: MessageKey) -> Counts:
        counts = self._counts.get(key, Counts())
        return self._store(key, replace(counts, deaths=counts.deaths + 1))

    def forget(self, keys: Collection[MessageKey]) -> None:
        deleted = [key for key in keys if self._counts.pop(key, None)]
        if deleted:
            self._save()

    def forget_old(self, topics: Collection[str]) -> None:
        """Do nothing: all counts in the file belong to messages that will be redelivered to this process."""

    def load(self, topics: Collection[str]) -> dict[MessageKey, Counts]:
        return dict(self._counts)

    def _store(self, key: MessageKey, counts: Counts) -> Counts:
        self._counts[key] = counts
        self._save()
        return counts

    def _save(self) -> None:
        if self._path is None:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_suffix(".tmp")
            rows = [(astuple(key), astuple(counts)) for key, counts in self._counts.items()]
            temporary.write_text(json.dumps(rows), encoding="utf-8")
            temporary.replace(self._path)
