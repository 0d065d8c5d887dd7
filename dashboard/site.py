"""List the pages in the order of the navigation; the first is the home page. See `dashboard.screens` for a new one."""

from __future__ import annotations

from dashboard.screens import PageSpec, comparison, guide, latency, live, operations, scenarios, trace

PAGES: tuple[PageSpec, ...] = (
    live.PAGE,
    comparison.PAGE,
    trace.PAGE,
    latency.PAGE,
    scenarios.PAGE,
    operations.PAGE,
    guide.PAGE,
)
