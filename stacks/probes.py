"""Ask several components at once whether they answer, each within a deadline, so that none waits behind one that does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

ANSWERS_WITHIN_S = 2.0
"""A server on a busy machine may be slow; one that is silent for this long counts as down."""

Answer = TypeVar("Answer")


class Probes(Generic[Answer]):
    """The questions of one process. A question that is still unanswered is not asked again: threads would pile up.

    The threads are daemons, because a command must not wait at its end for a server that does not answer.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._unanswered: dict[str, _Question[Answer]] = {}

    def ask(self, questions: Mapping[str, Callable[[], Answer]], within_s: float) -> dict[str, Answer | None]:
        """Return the answers by name; None where there is none within `within_s` seconds. Raises what a question raises."""
        deadline = time.monotonic() + within_s
        started = {name: self._start(name, question) for name, question in questions.items()}
        answers: dict[str, Answer | None] = {}
        for name, question in started.items():
            question.ended.wait(max(0.0, deadline - time.monotonic()))
            answers[name] = self._take(name, question)
        return answers

    def start(self, name: str, question: Callable[[], Answer]) -> PendingAnswer[Answer]:
        """Ask without waiting; the caller waits for the answer later."""
        return PendingAnswer(self, name, self._start(name, question))

    def ask_one(self, name: str, question: Callable[[], Answer], within_s: float) -> Answer | None:
        """Return one answer, or None if there is none within `within_s` seconds. Raises what the question raises."""
        return self.ask({name: question}, within_s)[name]

    def _start(self, name: str, ask: Callable[[], Answer]) -> _Question[Answer]:
        with self._guard:
            question = self._unanswered.get(name)
            if question is None or question.ended.is_set():  # its late answer is out of date
                question = self._unanswered[name] = _Question(name, ask)
            return question

    def _take(self, name: str, question: _Question[Answer]) -> Answer | None:
        if not question.ended.is_set():
            return None
        with self._guard:
            if self._unanswered.get(name) is question:
                del self._unanswered[name]
        if question.error is not None:
            raise question.error
        return question.answer


class PendingAnswer(Generic[Answer]):
    """The answer to a question that was asked: the caller may wait for it, or look whether it has come."""

    def __init__(self, probes: Probes[Answer], name: str, question: _Question[Answer]) -> None:
        self._probes = probes
        self._name = name
        self._question = question

    @property
    def has_ended(self) -> bool:
        return self._question.ended.is_set()

    def wait(self, within_s: float) -> Answer | None:
        """Return the answer, or None if there is none within `within_s` seconds of the question. Raises what it raises."""
        self._question.ended.wait(max(0.0, self._question.asked_at + within_s - time.monotonic()))
        return self._probes._take(self._name, self._question)


class _Question(Generic[Answer]):
    def __init__(self, name: str, ask: Callable[[], Answer]) -> None:
        self.ended = threading.Event()
        self.asked_at = time.monotonic()
        self.answer: Answer | None = None
        self.error: Exception | None = None
        self._ask = ask
        threading.Thread(target=self._run, name=f"probe {name}", daemon=True).start()

    def _run(self) -> None:
        try:
            self.answer = self._ask()
        except Exception as error:
            self.error = error
        finally:
            self.ended.set()
