"""Define the English templates of what the page's own threads say; they know no visitor, and so no language."""

from __future__ import annotations

from domain.message import register

PAGE = {
    "page.no_answer": "no answer in time",
    "incident.not_down": "did not go down after {s} s",
    "incident.not_back": "is not back after {s} s",
    "incident.events_missing": "events are missing after {s} s",
}

register(PAGE)
