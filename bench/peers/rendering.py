"""Lay the figures of all peers out as one table, and write them as a section of the document. This module is pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from bench.document import render_table
from bench.peers.counting import Outcome
from bench.peers.measuring import Figures, Size

SECTION = "peers"
"""Its name in the document."""
SERVERS = ("broker", "database", "client", "consumer")
NONE = "—"
QUIET_CORES = 0.2
"""What the system and this program's own supervisor use on a machine where nothing else runs, at most."""

Cell = Callable[[Figures], object]


def list_rows(figures: Sequence[Figures]) -> list[tuple[str, ...]]:
    """Return (what is measured, the value of each peer), as text."""
    return [(label, *(_write(cell(measured)) for measured in figures)) for label, cell in _ROWS]


def render(figures: Sequence[Figures], size: Size, machine: str, day: date, command: str, picture: str = "") -> str:
    """Return the section, in Markdown; `picture` is the address of its drawing, empty without one."""
    versions = {kind: version for measured in figures for kind, version in measured.versions.items()}
    captures = sorted({measured.versions["capture"] for measured in figures if "capture" in measured.versions})
    lines = [
        "## Ways to publish",
        "",
        f"Measured on {day.isoformat()} on one machine ({machine}), by `{command}`, which writes this section. Each ran alone on a"
        f" private native instance with {versions['database']} and {versions['broker']}: the same broker with the same flags, the same"
        " transactions written by the bare driver, and the same consumer. No watcher and no other worker ran."
        + (f" Captures: {', '.join(captures)}." if captures else ""),
        "",
        *(f"- **{measured.name}**: {measured.description}." for measured in figures),
        "",
        *([f"![Latency, throughput and losses of each way to publish]({picture})", ""] if picture else []),
        *render_table(("", *(measured.name for measured in figures)), list_rows(figures)),
        "",
        *_explain(size, [measured.name for measured in figures]),
        *_warn(figures),
    ]
    return "\n".join(lines) + "\n"


def summarize(figures: Sequence[Figures], machine: str, day: date, command: str) -> dict[str, Any]:
    """Return what the page shows, as JSON values."""
    return {
        "day": day.isoformat(),
        "machine": machine,
        "command": command,
        "database": figures[0].versions["database"],
        "broker": figures[0].versions["broker"],
        "peers": [
            {
                "name": measured.name,
                "p50_ms": measured.p50_ms,
                "p99_ms": measured.p99_ms,
                "lone_p50_ms": measured.lone_p50_ms,
                "commits_per_s": measured.storm.commits_per_s,
                "cpu_ms": _cpu_of_all(measured),
                "statements": measured.storm.load.statements,
                "idle_statements_per_s": measured.idle.load.statements,
                "recovers_s": measured.kill.recovers_s,
                "committed": measured.kill.outcome.committed,
                "lost": measured.lost,
                "duplicates": measured.storm.outcome.duplicates + measured.kill.outcome.duplicates,
                "reordered": measured.storm.outcome.reordered + measured.kill.outcome.reordered,
            }
            for measured in figures
        ],
    }


def _explain(size: Size, names: Sequence[str]) -> Iterable[str]:
    yield (
        f"p50 and p99 are from the first statement of the transaction to the receipt of its event: {size.commands} commands, one each"
        f" 10 ms, after a warm-up; a lone event has more than a second of silence before it. The storm is {size.storm_commands} commands of {size.writers} writers. Every commission is"
        " calculated and then approved; an event is out of order when a later one of its commission was received before it."
        " Duplicates are further messages of one event; what the broker delivers again, because it had not stored an"
        " acknowledgement when it was killed, is counted apart: no publisher causes it. Under the kill, two writers commit a command"
        " each 10 ms; lost is what was not received a minute after the last commit. Recovery is counted from the broker's first answer; a"
        " source in Pulsar IO is started by the broker's own functions worker, which answers later."
    )
    notes = {
        "stock": "`stock` polls every 500 ms, and its connector sleeps a second when a poll finds nothing: its latency is that of its poll.",
        "polling": "`polling` looks every 5 ms and has one process, so that a commission's events stay in order.",
        "dual-write": "`dual-write` waits for the broker before its writer commits again, which its storm shows; what it lost is in"
        " the database and nowhere else.",
    }
    chosen = [notes[name] for name in names if name in notes]
    if chosen:
        yield ""
        yield " ".join(chosen)


def _warn(figures: Sequence[Figures]) -> Iterable[str]:
    """Say so when other programs ran meanwhile: then only large differences mean something."""
    others_cores = [measured.storm.others_cores for measured in figures]
    if max(others_cores) > QUIET_CORES:
        yield ""
        yield (
            f"Other programs of this machine kept {min(others_cores):g} to {max(others_cores):g} cores busy during the storms."
            " Throughput and latency are therefore worse than on a quiet machine, and not equally for all: trust differences of a"
            " factor, the work of the database and the counts, and measure again for more."
        )


def _write(value: object) -> str:
    if value is None:
        return NONE
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cpu(name: str) -> Cell:
    def read(measured: Figures) -> float | None:
        return next((cost.cpu_ms_per_event for cost in measured.storm.costs if cost.name == name), None)

    return read


def _cpu_of_publisher(measured: Figures) -> float | None:
    """Return the processor time of a process that only publishes; None where another process does it."""
    return next((cost.cpu_ms_per_event for cost in measured.storm.costs if cost.name not in SERVERS), None)


def _cpu_of_all(measured: Figures) -> float:
    return round(sum(cost.cpu_ms_per_event for cost in measured.storm.costs), 3)


def _written(measured: Figures) -> str:
    costs = {cost.name: cost.written_kb_per_event for cost in measured.storm.costs}
    publishers = [name for name in costs if name not in SERVERS]
    names = ["broker", "database", *publishers, "client"]
    return ", ".join(f"{name} {costs[name]:g}" for name in names if costs.get(name) is not None)


def _rows_changed(measured: Figures) -> float:
    load = measured.storm.load
    return round(load.rows_inserted + load.rows_updated + load.rows_deleted, 2)


def _outcome(read: Callable[[Figures], Outcome]) -> Cell:
    def write(measured: Figures) -> str:
        outcome = read(measured)
        return f"{outcome.lost}, {outcome.duplicates}, {outcome.reordered}"

    return write


_ROWS: list[tuple[str, Cell]] = [
    ("insert to receipt, p50 (ms)", lambda measured: measured.p50_ms),
    ("insert to receipt, p99 (ms)", lambda measured: measured.p99_ms),
    ("the same of a lone event, p50 (ms)", lambda measured: measured.lone_p50_ms),
    ("insert to commit, p50 (ms)", lambda measured: measured.commit_p50_ms),
    ("storm: commits/s", lambda measured: measured.storm.commits_per_s),
    ("storm: last receipt after the last commit (s)", lambda measured: measured.storm.drained_after_s),
    ("storm: lost, duplicates, out of order", _outcome(lambda measured: measured.storm.outcome)),
    ("CPU ms per event: all", _cpu_of_all),
    ("— broker, with its sources", _cpu("broker")),
    ("— database", _cpu("database")),
    ("— publisher's own process", _cpu_of_publisher),
    ("— client that writes", _cpu("client")),
    ("— consumer", _cpu("consumer")),
    ("— everything else on the machine, cores", lambda measured: measured.storm.others_cores),
    ("KB per event in write calls", _written),
    ("bytes per message", lambda measured: measured.message_bytes),
    ("database per event: statements", lambda measured: measured.storm.load.statements),
    ("— rows read", lambda measured: measured.storm.load.rows_read),
    ("— rows inserted, updated and deleted", _rows_changed),
    ("— bytes of binlog", lambda measured: measured.storm.load.binlog_bytes),
    ("— bytes sent to clients", lambda measured: measured.storm.load.bytes_sent),
    ("idle: statements/s", lambda measured: measured.idle.load.statements),
    ("idle: cores busy", lambda measured: round(sum(measured.idle.cores.values()), 3)),
    ("SIGKILL of the broker: committed", lambda measured: measured.kill.outcome.committed),
    ("— lost, duplicates, out of order", _outcome(lambda measured: measured.kill.outcome)),
    ("— delivered again by the broker", lambda measured: measured.kill.outcome.redeliveries),
    ("— down (s)", lambda measured: measured.kill.down_s),
    ("— up to the first new event (s)", lambda measured: measured.kill.recovers_s),
    ("— up to the last event from before (s)", lambda measured: measured.kill.complete_s),
]
