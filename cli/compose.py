"""The verb `compose check`: check the Docker files, then type the original description's commands on Docker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import AsJson, Failed, print_json, say, table

if TYPE_CHECKING:
    from stacks.compose.description import Outcome

compose_app = typer.Typer(help="The Docker Compose stack's files.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    compose_app.callback()(_group)
    compose_app.command("check")(check)
    app.add_typer(compose_app, name="compose")


def _group() -> None:
    """Keep the name `check`: typer drops the name of a group's only command unless the group has a callback."""


def check(
    json: AsJson = False,
    files: Annotated[bool, typer.Option("--files", help="Check the files only, even if Docker is available.")] = False,
) -> None:
    """Check docker-compose.yml, compose.prod.yml and the Dockerfile. Fails when any check fails.

    If Docker answers, the original description's commands are then typed as they stand, in a copy of the project with its
    own containers; that takes some minutes.
    """
    try:
        from stacks.compose.checks import run  # its dependencies are installed for this command only
    except ModuleNotFoundError as error:
        raise Failed(f"{error.name} is not installed: run this through ./alpes, which installs it") from None
    checks = run()
    ok = all(row.ok for row in checks)
    typed = _type_description() if ok and not files else None
    if json:
        print_json({"ok": ok and (typed is None or typed["ok"]), "checks": checks, "description": typed})
    else:
        table(
            ("", "check", "detail"),
            [("[green]✓[/]" if row.ok else "[red]✗[/]", row.name, row.detail) for row in checks],
        )
        if typed is not None:
            print(
                f"{typed['passed']} of {typed['lines']} commands of the original description passed, {typed['run']} ran"
            )
    if not ok or (typed is not None and not typed["ok"]):
        raise typer.Exit(1)


def _type_description() -> dict[str, Any] | None:
    """Run the commands of the description and return their outcomes; None without Docker."""
    from stacks.compose import description
    from stacks.compose.cli import DockerUnavailable, require

    try:
        require()
        outcomes = description.run(_tell)
    except DockerUnavailable as error:
        say(f"the original description's commands were not typed: {error}")
        return None
    total, own = len(description.lines()), [outcome for outcome in outcomes if not outcome.added]
    return {
        "ok": len(outcomes) == total and all(outcome.ok for outcome in outcomes),
        "lines": sum(not line.added for line in description.lines()),
        "run": len(own),
        "passed": sum(outcome.ok for outcome in own),
        "outcomes": outcomes,
    }


def _tell(outcome: Outcome) -> None:
    say(
        f"{'✓' if outcome.ok else '✗'} {outcome.seconds:6.1f} s  {outcome.typed.splitlines()[0][:90]}  {outcome.detail}"
    )
