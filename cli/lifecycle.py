"""up, down, status, doctor, logs, kill, clean, test."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli import foreground
from cli.doctor import doctor
from cli.download_bar import DownloadBar
from cli.output import AsJson, Failed, StackName, out, print_json, say, table
from settings import Settings
from stacks import faults, instance, operation, ownership, resolving
from stacks import status as state
from stacks.controls import control
from stacks.native.artifacts import cache

STACKS = ("embedded", "native", "compose", "external")


def register(app: typer.Typer) -> None:
    for command in (up, down, status, doctor, logs, kill, clean):
        app.command()(command)


def up(
    stack: Annotated[
        str,
        typer.Option(
            help="embedded (default, nothing to install), native (real MySQL, Debezium, Pulsar), compose (Docker)"
            " or external (yours)."
        ),
    ] = "embedded",
    detach: Annotated[
        bool, typer.Option("-d", "--detach", help="Return once everything is up; `./alpes down` stops it.")
    ] = False,
    nar: Annotated[str | None, typer.Option(help="Connector version of native and compose: 4.0.8 or 3.1.2.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=16, help="Notification workers on the one subscription.")
    ] = None,
    secure: Annotated[
        bool | None,
        typer.Option("--secure/--plain", help="native: TLS, tokens and roles on Pulsar, TLS on MySQL."),
    ] = None,
    partitions: Annotated[
        int | None, typer.Option(min=0, max=64, help="Of the topics of events and commands; order holds by commission.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Start everything and wait until every part is well. Ctrl-C stops all of it.

    Every port and URL is a setting, for this run: ALPES_DASHBOARD_PORT=9000 ./alpes up. What --nar, --workers, --secure and
    --partitions say is kept for later runs until it is changed; `./alpes status` shows both.
    """
    if stack not in STACKS:
        raise Failed(f"there is no stack {stack!r}; there are {', '.join(STACKS)}")
    if stack == "compose" and workers not in (None, 1):
        raise Failed("the compose stack has one notifications worker; --stack embedded and native take --workers")
    if secure and stack != "native":
        raise Failed(f"--secure is for the native stack; the {stack} one has no broker that knows roles")
    given = {"nar": nar, "workers": workers, "secure": secure, "partitions": partitions}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
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
        _announce(settings, started.seconds)
    if detach:
        return
    if not json:
        out.print("Ctrl-C stops everything.", style="dim")
    foreground.wait(settings, say)


def down(stack: StackName = None, json: AsJson = False) -> None:
    """Stop every process of an instance. Its data stays; `./alpes clean` removes it."""
    settings = instance.find(stack)
    was = instance.down(settings, say)
    if json:
        print_json({"ok": True, "stack": settings.stack, "was_running": was})
    else:
        out.print(f"the {settings.stack} stack is stopped" if was else f"the {settings.stack} stack was not running")


def status(stack: StackName = None, json: AsJson = False) -> None:
    """How every part is: judged by whether it answers and how far it is behind. Memory is the proportional set size."""
    settings = instance.find(stack)
    found = state.status(settings)
    if json:
        print_json(found)
    else:
        versions = " · ".join(found.versions.values())
        out.print(f"[bold]{settings.stack.upper()}[/] — {versions}   {'' if found.running else '[red]not running[/]'}")
        rows = [
            (_dot(part.light), part.name, part.detail, part.pid or "", f"{part.memory_mb:.0f} MB" if part.pid else "")
            for part in found.parts
        ]
        table(("", "part", "how it is", "pid", "memory"), rows)
        out.print(f"memory {found.memory_mb:.0f} MB in all   home {settings.home}", markup=False)
        for name, address in found.addresses.items():
            out.print(f"  {name:<9} {address}", markup=False)
        _tell_settings(found.settings)
    if not found.ok:
        raise typer.Exit(1)


def logs(
    part: Annotated[str | None, typer.Argument(help="Part: broker, relay, notifications, api, source …")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on printing what is added.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the last lines.")] = 50,
    stack: StackName = None,
) -> None:
    """Print a part's log; without a name, list the logs there are."""
    parts = control(instance.find(stack))
    if part is None:
        for name in parts.log_names():
            out.print(name, markup=False)
        return
    for line in parts.log(part, lines, follow):
        print(line, end="", flush=follow)


def kill(
    part: Annotated[str, typer.Argument(help="Part to kill, as `./alpes status` names it.")],
    hold: Annotated[float, typer.Option(min=0, max=faults.LONGEST_S, help="Keep it down for so many seconds.")] = 0.0,
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """SIGKILL a part. It is started again by itself, after the time it is held down."""
    settings = instance.find(stack)
    lease = faults.kill(settings, part, hold)
    if json:
        print_json({"ok": True, **{name: getattr(lease, name) for name in lease.__slots__}})
    else:
        out.print(f"{part} was killed" + (f" and stays down for {hold:g} s" if hold else "; it is being started again"))


def clean(
    stack: StackName = None,
    downloads: Annotated[bool, typer.Option(help="Remove the cache of downloaded parts as well.")] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
) -> None:
    """Stop an instance and delete what it wrote. Other files in its folder stay, and are named."""
    settings = instance.find(stack)
    instance.require(settings)
    if downloads:
        ownership.require(ownership.CACHE, cache())
    what = f"all data of the {settings.stack} stack in {settings.home}" + (f" and {cache()}" if downloads else "")
    if not yes and not typer.confirm(f"Delete {what}?"):
        raise typer.Exit(1)
    with operation.alone(settings, "clean", say):
        instance.down(settings, say)
        left = instance.remove(settings)
    if downloads:
        left += ownership.remove(ownership.CACHE, cache())
    out.print(f"deleted {what}", markup=False)
    if left:
        out.print(f"not made by this program, so they stay: {ownership.named(left)}", markup=False)


def _announce(settings: Settings, seconds: float) -> None:
    found = instance.versions(settings)
    out.print(f"[bold green]up[/] in {seconds:.1f} s: {settings.stack.upper()} — {' · '.join(found.values())}")
    for name, address in state.addresses(settings).items():
        out.print(f"  {name:<9} {address}", markup=False)
    _tell_settings(resolving.origins(settings))


def _tell_settings(found: resolving.Origins) -> None:
    """What differs from the defaults, and for how long."""
    for what, values in (
        ("kept until changed", found.kept),
        ("for this run only, from the environment", found.of_this_run),
    ):
        if values:
            text = ", ".join(f"{name}={value}" for name, value in values.items())
            out.print(f"  {what}: {text}", markup=False, soft_wrap=True)


def _dot(light: str) -> str:
    return {"ok": "[green]●[/]", "behind": "[yellow]●[/]"}.get(light, "[red]●[/]")
