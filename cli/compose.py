"""The verb `compose check`: compare the Docker files with their schema, our rules and the native stack."""

from __future__ import annotations

import typer

from cli.output import AsJson, Failed, print_json, table

compose_app = typer.Typer(help="The Docker Compose stack's files.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    compose_app.callback()(_group)
    compose_app.command("check")(check)
    app.add_typer(compose_app, name="compose")


def _group() -> None:
    """Keep the name `check`: typer drops the name of a group's only command unless the group has a callback."""


def check(json: AsJson = False) -> None:
    """Check docker-compose.yml, compose.prod.yml and the Dockerfile, without Docker. Fails when any check fails."""
    try:
        from stacks.compose.checks import run  # its dependencies are installed for this command only
    except ModuleNotFoundError as error:
        raise Failed(f"{error.name} is not installed: run this through ./alpes, which installs it") from None
    checks = run()
    ok = all(row.ok for row in checks)
    if json:
        print_json({"ok": ok, "checks": checks})
    else:
        table(
            ("", "check", "detail"),
            [("[green]✓[/]" if row.ok else "[red]✗[/]", row.name, row.detail) for row in checks],
        )
    if not ok:
        raise typer.Exit(1)
