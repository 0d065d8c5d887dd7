"""e2e and bench: on the instance that runs, else on a private one that is started and removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.progress import Progress

from bench.floor import measure_floor
from bench.latency import latency
from bench.throughput import throughput
from cli import foreground
from cli.output import AsJson, Failed, StackName, err, out, print_json, say, table
from scenarios import end_to_end
from settings import Settings
from stacks import instance
from stacks.native import mysql

bench_app = typer.Typer(
    help="Measure the running parts (a private stack is started when none runs).", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    app.command()(e2e)
    bench_app.command("latency")(bench_latency)
    bench_app.command("throughput")(bench_throughput)
    bench_app.command("dashboard")(bench_dashboard)
    bench_app.command("floor")(bench_floor)
    app.add_typer(bench_app, name="bench")


def e2e(
    stack: Annotated[str, typer.Option(help="embedded, native or compose.")] = "embedded",
    nar: Annotated[str | None, typer.Option(help="Connector version of the native stack: 4.0.8 or 3.1.2.")] = None,
    secure: Annotated[
        bool, typer.Option("--secure", help="native: over TLS, with tokens and roles; private unless such a one runs.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Calculate → approve → query → two events → two notifications → two audit lines, on fresh ids, and check each."""
    with foreground.interruptible(), _running(stack, nar, secure) as settings:
        found = end_to_end.run(settings)
    if json:
        print_json(found)
    else:
        out.print(
            f"{'[green]ok[/]' if found.ok else '[red]not ok[/]'}: {found.stack}, commission {found.commission_id}"
        )
        out.print(f"{found.events} events, {found.notifications} notifications, {found.audit_lines} audit lines")
        table(("hop", "ms"), found.hops_ms.items())
    if not found.ok:
        raise typer.Exit(1)


def bench_latency(
    n: Annotated[int, typer.Option("--n", min=10, max=100_000, help="How many commands are measured.")] = 300,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """From command to notification persisted, and each hop between: p50, p95, p99 in milliseconds."""
    with foreground.interruptible(), _running(stack, None) as settings, _bar("commands", n, json) as progress:
        found = latency(settings, n, instance.versions(settings), progress)
    if json:
        print_json(found)
        return
    rows = [(hop, *(values[name] for name in ("p50", "p95", "p99"))) for hop, values in found.hops_ms.items()]
    rows.append(("command to notification", found.p50_ms, found.p95_ms, found.p99_ms))
    table(("hop (ms)", "p50", "p95", "p99"), rows)


def bench_throughput(
    commands: Annotated[int, typer.Option(min=10, max=1_000_000, help="How many commands are sent.")] = 5000,
    writers: Annotated[int, typer.Option(min=1, max=64, help="Threads that send them.")] = 4,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """As many commands as fast as they go; then how long the last notification takes. Fails when an event is lost."""
    with foreground.interruptible(), _running(stack, None) as settings, _bar("commands", commands, json) as progress:
        found = throughput(settings, commands, writers, progress)
    if json:
        print_json(found)
    else:
        table(("", ""), [(name.replace("_", " "), getattr(found, name)) for name in found.__slots__])
    if found.lost or found.out_of_order:
        raise typer.Exit(1)


def bench_floor(stack: StackName = None, json: AsJson = False) -> None:
    """What this machine can do without the product: loops, fsyncs, and bare commits of the stack's own database.

    Takes a few seconds and touches no instance. Set other figures in relation to these: machines of one description
    differ by a factor of two.
    """
    settings = instance.find(stack)
    if settings.stack == "external":
        raise Failed("a server of yours is not written to for a measurement; use --stack embedded or native")
    try:
        with foreground.interruptible():
            measured = measure_floor(settings)
    except mysql.MysqlUnusable as error:
        raise Failed(str(error)) from error
    if json:
        print_json(measured)
    else:
        table(("", ""), [(name.replace("_", " "), getattr(measured, name)) for name in measured.__slots__])


def require_native(stack: str) -> None:
    if stack != "native":
        raise Failed(f"--secure is for the native stack; the {stack} one has no broker that knows roles")


def bench_dashboard(
    rows: Annotated[int, typer.Option(min=1000, max=10_000_000, help="Finished events in the database.")] = 1_000_000,
    json: AsJson = False,
) -> None:
    """What the page costs with so many events: on a private embedded stack, seen from a real browser."""
    from bench import dashboard

    try:
        with foreground.interruptible():
            found = dashboard.dashboard(rows, say)
    except dashboard.NoBrowser as error:
        raise Failed(str(error)) from error
    if json:
        print_json(found)
    else:
        alone = [(name.replace("_", " "), getattr(found, name)) for name in found.__slots__ if name != "crowd"]
        crowd = [(name.replace("_", " "), getattr(found.crowd, name)) for name in found.crowd.__slots__]
        table(("one page", ""), alone)
        table(("a crowd", ""), crowd)


@contextmanager
def _running(stack: str | None, nar: str | None, secure: bool = False) -> Iterator[Settings]:
    found = instance.find(stack)
    changes: dict[str, Any] = {"nar": nar} if nar and nar != found.nar else {}
    if secure:
        require_native(found.stack)
        changes |= {} if found.secure else {"secure": True}
    with end_to_end.running(found.stack, say=say, **changes) as settings:
        yield settings


@contextmanager
def _bar(what: str, total: int, json: bool) -> Iterator[Callable[[int], None]]:
    if json or not err.is_terminal:
        began = time.monotonic()
        yield lambda done: None
        say(f"{total} {what} in {time.monotonic() - began:.1f} s")
        return
    with Progress(console=err, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=max(0, done))
