"""Define the English templates of the evidence file: its headings, labels and explanations."""

from __future__ import annotations

from domain.message import register

EVIDENCE = {
    "evidence.hypothesis": "Hypothesis",
    "evidence.counts": "Counts of distinct events, from each source",
    "evidence.sources": (
        "Committed: the database's outbox rows. Published: what the observer saw on Pulsar. Notifications: the worker's"
        " table. Audited: lines of the audit file. Deliveries and absorbed duplicates: the inbox. Contents are compared"
        " too. Outbox rows and notifications are in one database and the audit file is made from the notifications;"
        " what was published is observed separately."
    ),
    "evidence.confirmations": "Was the fault real?",
    "evidence.invariants": "Invariants",
    "evidence.latency": "From command to notification",
    "evidence.progress": "Committed, published, notified",
    "evidence.ms": "ms from command to notification",
    "evidence.events": "distinct events",
    "evidence.seconds": "seconds since the start",
    "evidence.committed": "committed",
    "evidence.published": "published",
    "evidence.notified": "notified",
    "evidence.faults": "Faults and recovery",
    "evidence.component": "component",
    "evidence.fault": "fault",
    "evidence.from": "from",
    "evidence.until": "until",
    "evidence.noticed": "noticed after",
    "evidence.recovered": "recovered after",
    "evidence.recovery": (
        "Recovery is measured from the fault's end until every event committed by then, and the first one after it, had a"
        " notification."
    ),
    "evidence.figures": "Further measurements",
    "evidence.timeline": "Timeline",
    "evidence.repeat": "Do it again",
    "evidence.held": "holds",
    "evidence.broken": "does not hold",
    "evidence.none": "No events were measured.",
}
"""Texts without places."""

SENTENCES = {
    "evidence_of.property": "Counter-example to: {property}",
    "evidence_of.run": "Run {run} · seed {seed} · {seconds} s · {machine}",
    "evidence_of.band": "{fault}: {component}",
}

for _templates in (EVIDENCE, SENTENCES):
    register(_templates)
