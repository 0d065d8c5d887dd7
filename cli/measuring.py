"""The verbs e2e and bench: measure the running instance, else a private one that is started and removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.progress import Progress

from bench.backlog import measure_backlog
from bench.captures import CaptureFigures, list_combinations, measure_captures
from bench.floor import measure_floor, running_broker
from bench.http import measure_http
from bench.latency import measure_latency
from bench.profile import Profile
from bench.throughput import measure_throughput
from cli import foreground
from cli.flames import bench_flame
from cli.lifecycle import require_securable
from cli.output import AsJson, Failed, StackName, err, out, print_json, say, table
from cli.peers import bench_peers
from cli.recovering import bench_recovery
from cli.reporting import bench_report
from cli.scaling import bench_scale
from scenarios import end_to_end
from settings import Settings
from settings.stack_facts import STACKS
from stacks import instance
from stacks.controls import control

WithProfile = Annotated[
    bool,
    typer.Option(
        "--profile",
        help="Also measure what it costs: processor time, bytes and flushes of each process, and statements.",
    ),
]

bench_app = typer.Typer(
    help="Measure the running stack (a private one is started when none runs).", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    app.command()(e2e)
    bench_app.command("latency")(bench_latency)
    bench_app.command("throughput")(bench_throughput)
    bench_app.command("captures")(bench_captures)
    bench_app.command("peers")(bench_peers)
    bench_app.command("http")(bench_http)
    bench_app.command("backlog")(bench_backlog)
    bench_app.command("dashboard")(bench_dashboard)
    bench_app.command("flame")(bench_flame)
    bench_app.command("floor")(bench_floor)
    bench_app.command("recovery")(bench_recovery)
    bench_app.command("report")(bench_report)
    bench_app.command("scale")(bench_scale)
    app.add_typer(bench_app, name="bench")


def e2e(
    stack: StackName = None,
    nar: Annotated[str | None, typer.Option(help="native: version of the Debezium connector, 4.0.8 or 3.1.2.")] = None,
    capture: Annotated[str | None, typer.Option(help="native: what captures, debezium or debezium-server.")] = None,
    mysql: Annotated[str | None, typer.Option("--mysql", help="native: version of MySQL, 8.0 or 9.7.")] = None,
    secure: Annotated[
        bool,
        typer.Option(
            "--secure", help="native: use TLS, tokens and roles; starts a private stack unless a secure one runs."
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """Send fresh commands through the whole path and check each step.

    Calculate → approve → query → two events → two notifications → two audit lines.
    """
    with (
        foreground.interruptible(),
        _running_instance(stack, secure, nar=nar, capture=capture, mysql_version=mysql) as settings,
    ):
        outcome = end_to_end.run(settings)
    if json:
        print_json(outcome)
    else:
        out.print(
            f"{'[green]ok[/]' if outcome.ok else '[red]not ok[/]'}: {outcome.stack}, commission {outcome.commission_id}"
        )
        out.print(f"{outcome.events} events, {outcome.notifications} notifications, {outcome.audit_lines} audit lines")
        table(("hop", "ms"), outcome.hops_ms.items())
    if not outcome.ok:
        raise typer.Exit(1)


def bench_latency(
    n: Annotated[int, typer.Option("--n", min=10, max=100_000, help="Number of commands to measure.")] = 300,
    stack: StackName = None,
    profile: WithProfile = False,
    json: AsJson = False,
) -> None:
    """Measure the end-to-end latency, from command to persisted notification, and each hop: p50, p95, p99 in ms."""
    with (
        foreground.interruptible(),
        _running_instance(stack) as settings,
        _progress_bar("commands", n, json) as progress,
    ):
        report = measure_latency(settings, n, instance.versions(settings), progress, profile)
    if json:
        print_json(report)
        return
    rows = [(hop, *(values[name] for name in ("p50", "p95", "p99"))) for hop, values in report.hops_ms.items()]
    rows.append(("command to notification", report.p50_ms, report.p95_ms, report.p99_ms))
    table(("hop (ms)", "p50", "p95", "p99"), rows)
    _print_profile(report.profile)


def bench_throughput(
    commands: Annotated[int, typer.Option(min=10, max=1_000_000, help="Number of commands to send.")] = 5000,
    writers: Annotated[int, typer.Option(min=1, max=64, help="Number of threads that send them.")] = 4,
    processes: Annotated[int, typer.Option(min=1, max=16, help="Number of processes that have these threads.")] = 2,
    stack: StackName = None,
    profile: WithProfile = False,
    json: AsJson = False,
) -> None:
    """Send commands as fast as possible and wait for the last notification. Fails when an event is lost or reordered."""
    with (
        foreground.interruptible(),
        _running_instance(stack) as settings,
        _progress_bar("commands", commands, json) as progress,
    ):
        report = measure_throughput(settings, commands, writers, processes, progress, with_profile=profile)
    if json:
        print_json(report)
    else:
        names = [name for name in report.__slots__ if name != "profile"]
        table(("", ""), [(name.replace("_", " "), getattr(report, name)) for name in names])
        _print_profile(report.profile)
    if report.lost or report.out_of_order:
        raise typer.Exit(1)


def _print_profile(profile: Profile | None) -> None:
    if profile is None:
        return
    titles = ("process", "CPU s", "CPU ms per event", "KB per event in write calls", "flushes per command")
    names = ("name", "cpu_s", "cpu_ms_per_event", "written_kb_per_event", "flushes_per_command")
    cells = ([getattr(cost, name) for name in names] for cost in profile.processes)
    table(titles, [["—" if cell is None else cell for cell in row] for row in cells])
    out.print(
        f"{profile.cpu_s} CPU seconds in {profile.wall_s} s: {profile.cores_busy} cores were busy."
        f" The client sent {profile.statements_per_command} statements per command, with COMMIT."
    )


def bench_captures(
    n: Annotated[
        int, typer.Option("--n", min=10, max=100_000, help="Number of commands whose latency is measured.")
    ] = 300,
    commands: Annotated[int, typer.Option(min=10, max=1_000_000, help="Number of commands of the storm.")] = 5000,
    writers: Annotated[int, typer.Option(min=1, max=64, help="Number of threads that send the storm.")] = 4,
    mysql: Annotated[str | None, typer.Option("--mysql", help="Only with this version of MySQL, 8.0 or 9.7.")] = None,
    json: AsJson = False,
) -> None:
    """Measure the captures of the native stack side by side: latency, storm, start and recovery.

    Each runs on a private instance, one after the other. Fails when an event is lost.
    """
    combinations = list_combinations(mysql)
    if not combinations:
        raise Failed(
            f"no capture reads MySQL {mysql}; the native stack starts {', '.join(STACKS['native'].mysql_versions)}"
        )
    with foreground.interruptible():
        figures = measure_captures(combinations, n, commands, writers, say)
    if json:
        print_json(figures)
    else:
        labels = [figure for figure in CaptureFigures.__slots__ if figure not in ("capture", "database")]
        rows = [(label.replace("_", " "), *(getattr(measured, label) for measured in figures)) for label in labels]
        table(("", *(f"{measured.capture}, {measured.database}" for measured in figures)), rows)
    if any(measured.lost for measured in figures):
        raise typer.Exit(1)


def bench_http(
    connections: Annotated[str, typer.Option(help="Numbers of connections, with commas between them.")] = "1,8,32",
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Measure the HTTP API: requests a second and their p50 and p99, with `wrk` (Debian: `apt-get install wrk`)."""
    numbers = _parse_connections(connections)
    with foreground.interruptible(), _running_instance(stack) as settings:
        report = measure_http(settings, numbers)
    if json:
        print_json(report)
    else:
        rows = [tuple(getattr(load, name) for name in load.__slots__) for load in report.loads]
        table(("connections", "requests/s", "p50 ms", "p99 ms", "failed"), rows)
    if any(load.failed for load in report.loads):
        raise typer.Exit(1)


def _parse_connections(text: str) -> list[int]:
    """Return the numbers of a list such as `1,8,32`. Raise typer.BadParameter."""
    numbers = [int(part) if part.strip().isdecimal() else 0 for part in text.split(",")]
    if not all(1 <= number <= 1000 for number in numbers):
        raise typer.BadParameter("numbers from 1 to 1000, with commas between them", param_hint="--connections")
    return numbers


def bench_backlog(
    events: Annotated[int, typer.Option(min=1000, max=1_000_000, help="Number of events that wait.")] = 100_000,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Measure how fast a worker works off a backlog, on a private stack. Fails when an event is lost."""
    present = instance.find(stack)
    if not present.facts.servers_are_ours:
        raise Failed("this measurement stops the workers; use --stack embedded or native")
    with foreground.interruptible(), end_to_end.running(present.stack, say=say, private=True) as settings:
        report = measure_backlog(settings, events, say)
    if json:
        print_json(report)
    else:
        table(("", ""), [(name.replace("_", " "), getattr(report, name)) for name in report.__slots__])
    if report.lost:
        raise typer.Exit(1)


def bench_floor(stack: StackName = None, json: AsJson = False) -> None:
    """Measure this machine without the product: loops, fsyncs, and the bare database and broker of the stack.

    Takes half a minute. The database is a temporary one. The broker is the running native stack's, with a topic that is
    deleted afterwards, or a private one. Compare other measurements with these: two machines of the same description can
    differ by a factor of two.
    """
    settings = instance.find(stack)
    if not settings.facts.servers_are_ours:
        raise Failed("this measurement writes no rows to an external database; use --stack embedded or native")
    with foreground.interruptible(), running_broker(settings, say) as with_broker:
        measured = measure_floor(with_broker)
    if json:
        print_json(measured)
    else:
        table(("", ""), [(name.replace("_", " "), getattr(measured, name)) for name in measured.__slots__])


def bench_dashboard(
    rows: Annotated[
        int, typer.Option(min=1000, max=10_000_000, help="Number of finished events in the database.")
    ] = 1_000_000,
    json: AsJson = False,
) -> None:
    """Measure the page with a full database: on a private embedded stack, from a real browser."""
    from bench import dashboard

    with foreground.interruptible():
        report = dashboard.measure_dashboard(rows, say)
    if json:
        print_json(report)
    else:
        one_page = [(name.replace("_", " "), getattr(report, name)) for name in report.__slots__ if name != "crowd"]
        crowd = [(name.replace("_", " "), getattr(report.crowd, name)) for name in report.crowd.__slots__]
        table(("one page", ""), one_page)
        table(("a crowd", ""), crowd)


@contextmanager
def _running_instance(stack: str | None, secure: bool = False, **options: str | None) -> Iterator[Settings]:
    """Yield the settings of the running instance, or of a private one when `options` asks for other settings."""
    present = instance.find(stack)
    changes: dict[str, Any] = {name: value for name, value in options.items() if value}
    if control(present).running() and all(value == getattr(present, name) for name, value in changes.items()):
        changes = {}
    if secure:
        require_securable(present.stack)
        changes |= {} if present.secure else {"secure": True}
    with end_to_end.running(present.stack, say=say, **changes) as settings:
        yield settings


@contextmanager
def _progress_bar(label: str, total: int, json: bool) -> Iterator[Callable[[int], None]]:
    if json or not err.is_terminal:
        started_at = time.monotonic()
        yield lambda sent_count: None
        say(f"{total} {label} in {time.monotonic() - started_at:.1f} s")
        return
    with Progress(console=err, transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda sent_count: bar.update(task, completed=max(0, sent_count))
