"""The verbs up, down, status, doctor, logs, kill and clean: the life of an instance."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from application.permissions import Action, require
from cli import foreground
from cli.doctor import doctor
from cli.download_bar import DownloadBar
from cli.output import AsJson, Failed, StackName, out, print_json, say, table
from settings import Settings
from settings.stack_facts import DEFAULT, STACKS
from stacks import faults, instance, operation, ownership, resolving
from stacks import status as state
from stacks.controls import control
from stacks.native.artifacts import cache


def register(app: typer.Typer) -> None:
    for command in (up, down, status, doctor, logs, kill, clean):
        app.command()(command)


StackToStart = Annotated[
    str,
    typer.Option(
        help="embedded (default, nothing to install), native (real MySQL, Debezium, Pulsar), compose (Docker)"
        " or external (your own MySQL and Pulsar)."
    ),
]
Detach = Annotated[bool, typer.Option("-d", "--detach", help="Return once everything is up; `./alpes down` stops it.")]
Nar = Annotated[str | None, typer.Option(help="native, compose: version of the Debezium connector, 4.0.8 or 3.1.2.")]
Capture = Annotated[
    str | None,
    typer.Option(
        help="native, external: what captures, debezium (1.9.7, inside Pulsar) or debezium-server (3.6, its own process)."
    ),
]
MysqlVersion = Annotated[
    str | None,
    typer.Option("--mysql", help="native: version of MySQL, 8.0 or 9.7; 9.7 needs --capture debezium-server."),
]
Workers = Annotated[
    int | None, typer.Option(min=1, max=16, help="Number of notification workers, which share one subscription.")
]
Secure = Annotated[
    bool | None, typer.Option("--secure/--plain", help="native: TLS, tokens and roles on Pulsar, TLS on MySQL.")
]
Cluster = Annotated[
    bool | None,
    typer.Option(
        "--cluster/--single", help="compose: three bookies, two brokers behind a proxy, four notification workers."
    ),
]
Partitions = Annotated[
    int | None,
    typer.Option(min=0, max=64, help="Partitions of the topics of events and commands; commissions keep their order."),
]


def up(
    stack: StackToStart = DEFAULT.name,
    detach: Detach = False,
    nar: Nar = None,
    capture: Capture = None,
    mysql: MysqlVersion = None,
    workers: Workers = None,
    secure: Secure = None,
    partitions: Partitions = None,
    cluster: Cluster = None,
    json: AsJson = False,
) -> None:
    """Start every component and wait until all are healthy. Ctrl-C stops them.

    Every port and URL is a setting of one run: ALPES_DASHBOARD_PORT=9000 ./alpes up. The values of --nar, --capture,
    --mysql, --workers, --secure, --partitions and --cluster are kept for later runs until you change them; `./alpes status` shows both.
    """
    if stack not in STACKS:
        raise Failed(f"there is no stack {stack!r}; choose one of {', '.join(STACKS)}")
    if not STACKS[stack].shares_subscription and workers not in (None, 1):
        raise Failed(f"the {stack} stack has one notifications worker; --stack embedded and native take --workers")
    if secure:
        require_securable(stack)
    if cluster and not STACKS[stack].can_be_cluster:
        raise Failed(f"--cluster works on the compose stack only: the {stack} stack has one broker")
    options = {"nar": nar, "workers": workers, "secure": secure, "partitions": partitions, "cluster": cluster}
    options |= {"capture": capture, "mysql_version": mysql}
    changes: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    with foreground.interruptible(), DownloadBar() as download:
        started = instance.up(stack, instance.default_home(stack), say, progress=download, **changes)
    settings = started.settings
    if json:
        print_json(
            {
                "ok": True,
                "stack": stack,
                "seconds": round(started.seconds, 2),
                **state.addresses(settings),
                "settings": resolving.origins(settings),
            }
        )
    else:
        _print_start(settings, started.seconds)
    if detach:
        return
    if not json:
        out.print("Ctrl-C stops everything.", style="dim")
    foreground.wait(settings, say)


def require_securable(stack: str) -> None:
    """Raise Failed unless the stack can start with `--secure`."""
    if not STACKS[stack].can_be_secure:
        able = ", ".join(name for name, facts in STACKS.items() if facts.can_be_secure)
        raise Failed(f"--secure works on the {able} stack only: the broker of the {stack} stack has no roles")


def down(stack: StackName = None, json: AsJson = False) -> None:
    """Stop every process of an instance. Its data stays; `./alpes clean` removes it."""
    settings = instance.find(stack)
    was_running = instance.down(settings, say)
    if json:
        print_json({"ok": True, "stack": settings.stack, "was_running": was_running})
    else:
        out.print(
            f"the {settings.stack} stack is stopped" if was_running else f"the {settings.stack} stack was not running"
        )


def status(stack: StackName = None, json: AsJson = False) -> None:
    """Print the health of every component: whether it answers and how large its lag is. Memory is the proportional set size."""
    settings = instance.find(stack)
    report = state.status(settings)
    if json:
        print_json(report)
    else:
        versions = " · ".join(report.versions.values())
        out.print(f"[bold]{settings.stack.upper()}[/] — {versions}   {'' if report.running else '[red]not running[/]'}")
        rows = [
            (
                _health_dot(part.light),
                part.name,
                part.detail,
                part.pid or "",
                f"{part.memory_mb:.0f} MB" if part.pid else "",
            )
            for part in report.parts
        ]
        table(("", "component", "health", "pid", "memory"), rows)
        out.print(f"memory {report.memory_mb:.0f} MB in total   home {settings.home}", markup=False)
        for name, address in report.addresses.items():
            out.print(f"  {name:<9} {address}", markup=False)
        _print_settings(report.settings)
    if not report.ok:
        raise typer.Exit(1)


def logs(
    component: Annotated[
        str | None, typer.Argument(help="Component: broker, relay, notifications, api, source …")
    ] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Keep printing new lines.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="Number of last lines to print.")] = 50,
    stack: StackName = None,
) -> None:
    """Print the log of a component. Without a name, list the logs."""
    components = control(instance.find(stack))
    if component is None:
        for name in components.log_names():
            out.print(name, markup=False)
        return
    for line in components.log(component, lines, follow):
        print(line, end="", flush=follow)


def kill(
    component: Annotated[str, typer.Argument(help="Component to kill, by its name in `./alpes status`.")],
    hold: Annotated[float, typer.Option(min=0, max=faults.LONGEST_S, help="Keep it down for this many seconds.")] = 0.0,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Kill a component with SIGKILL. The supervisor starts it again, after the seconds of --hold."""
    settings = instance.find(stack)
    lease = faults.kill(settings, component, hold)
    if json:
        print_json({"ok": True, **{name: getattr(lease, name) for name in lease.__slots__}})
    else:
        out.print(f"{component} was killed" + (f" and stays down for {hold:g} s" if hold else "; it is starting again"))


def clean(
    stack: StackName = None,
    downloads: Annotated[bool, typer.Option(help="Remove the cache of downloads as well.")] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
) -> None:
    """Stop an instance and delete the files that it wrote. Other files in its home stay, and are listed."""
    settings = instance.find(stack)
    instance.require(settings)
    if settings.facts.servers_are_ours:  # there only local files are deleted, and no data
        require(settings, Action.RESET)
    if downloads:
        ownership.require(ownership.CACHE, cache())
    target = f"all data of the {settings.stack} stack in {settings.home}" + (f" and {cache()}" if downloads else "")
    if not yes and not typer.confirm(f"Delete {target}?"):
        raise typer.Exit(1)
    with operation.alone(settings, "clean", say):
        instance.down(settings, say)
        foreign_files = instance.remove(settings)
    if downloads:
        foreign_files += ownership.remove(ownership.CACHE, cache())
    out.print(f"deleted {target}", markup=False)
    if foreign_files:
        out.print(f"kept, because this program did not create them: {ownership.name_some(foreign_files)}", markup=False)


def _print_start(settings: Settings, seconds: float) -> None:
    versions = instance.versions(settings)
    out.print(f"[bold green]up[/] in {seconds:.1f} s: {settings.stack.upper()} — {' · '.join(versions.values())}")
    for name, address in state.addresses(settings).items():
        out.print(f"  {name:<9} {address}", markup=False)
    _print_settings(resolving.origins(settings))


def _print_settings(origins: resolving.Origins) -> None:
    """Print the settings that differ from the defaults, and how long they last."""
    for duration, values in (
        ("kept until changed", origins.kept),
        ("for this run only, from the environment", origins.of_this_run),
    ):
        if values:
            text = ", ".join(f"{name}={value}" for name, value in values.items())
            out.print(f"  {duration}: {text}", markup=False, soft_wrap=True)


def _health_dot(light: str) -> str:
    return {"ok": "[green]●[/]", "behind": "[yellow]●[/]"}.get(light, "[red]●[/]")
