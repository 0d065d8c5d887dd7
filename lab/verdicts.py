"""Return the result of a run as tables."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from scenarios.model import Result


def counts(*results: Result) -> pd.DataFrame:
    """Return the counts (committed, published, delivered, notified, audited, lost, …), a column for each run."""
    return pd.DataFrame({f"{result.name}, {result.stack}": asdict(result.counts) for result in results})


def checks(result: Result) -> pd.DataFrame:
    """Return what the verdict rests on: the confirmations of the fault (`confirmed`) and each invariant."""
    rows = [("confirmed", check) for check in result.confirmations] + [("invariant", check) for check in result.checks]
    return pd.DataFrame(
        [{"kind": kind, "what": check.name, "holds": check.ok, "detail": check.detail} for kind, check in rows]
    )


def windows(result: Result) -> pd.DataFrame:
    """Return the faults: component, fault, duration, and seconds until the system noticed and had recovered."""
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
