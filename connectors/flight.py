"""Track the messages of the relay that were sent and are not acknowledged yet."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from connectors.sending import Sent


@dataclass(frozen=True, slots=True)
class Failure:
    """The first event that was not acknowledged; those behind it are sent again."""

    seq: int
    outcome: Sent
    word: str
    """The client's name for the error."""


class Flight:
    """The messages in flight, in order. Acknowledgements come from the client's thread."""

    def __init__(self, checkpoint: int) -> None:
        self._lock = threading.Lock()
        self._pending: deque[int] = deque()
        self._sizes: dict[int, int] = {}
        self._settled: set[int] = set()
        self._refused: dict[int, str] = {}
        self.bytes = 0
        self.checkpoint = checkpoint
        self.failure: Failure | None = None

    def add(self, seq: int, size: int) -> Callable[[Sent, str], None]:
        """Add a message and return the callback for its outcome."""
        with self._lock:
            self._pending.append(seq)
            self._sizes[seq] = size
            self.bytes += size

        def note_outcome(outcome: Sent, word: str) -> None:
            with self._lock:
                if outcome is Sent.ACKNOWLEDGED:
                    self._settle(seq)
                elif outcome is Sent.REFUSED:
                    self._refused[seq] = word
                elif self.failure is None or seq < self.failure.seq:
                    self.failure = Failure(seq, outcome, word)

        return note_outcome

    def refused(self) -> dict[int, tuple[int, str]]:
        """Return `seq` → (bytes, the client's error) of the refused rows, which must be parked and then settled."""
        with self._lock:
            return {seq: (self._sizes[seq], word) for seq, word in self._refused.items()}

    def settle(self, seq: int) -> None:
        """Count a row as finished, because it was parked."""
        with self._lock:
            self._refused.pop(seq, None)
            self._settle(seq)

    def _settle(self, seq: int) -> None:
        self._settled.add(seq)
        while self.failure is None and self._pending and self._pending[0] in self._settled:
            self.checkpoint = self._pending.popleft()
            self._settled.discard(self.checkpoint)
            self.bytes -= self._sizes.pop(self.checkpoint)

    def __len__(self) -> int:
        return len(self._pending)
