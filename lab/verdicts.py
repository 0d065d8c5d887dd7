"""What a scenario's run found, as tables."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from scenarios.model import Result


def counts(*results: Result) -> pd.DataFrame:
    """Committed, published, delivered, notified, audited, lost, …: a column for each run."""
    return pd.DataFrame({f"{result.name}, {result.stack}": asdict(result.counts) for result in results})


def checks(result: Result) -> pd.DataFrame:
    """Everything the verdict rests on: that the fault was real (`confirmed`), and each invariant."""
    rows = [("confirmed", each) for each in result.confirmations] + [("invariant", each) for each in result.checks]
    frame = pd.DataFrame([{"kind": kind, **asdict(each)} for kind, each in rows])
    return frame.rename(columns={"name": "what", "ok": "holds"})


def windows(result: Result) -> pd.DataFrame:
    """The faults: what, how long, after how many seconds the system noticed, after how many it had recovered."""
    rows = [
        {
            "part": window.part,
            "fault": window.fault,
            "lasted_s": round(window.ended_at - window.started_at, 2),
            "noticed_s": window.noticed_s,
            "recovery_s": window.recovery_s,
        }
        for window in result.windows
    ]
    return pd.DataFrame(rows)
