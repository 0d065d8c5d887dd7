"""The verbs `compose check`, which checks the Docker files and types the original description's commands on Docker, and
`compose secrets`, which makes the folder that compose.prod.yml mounts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import AsJson, Failed, out, print_json, say, table

if TYPE_CHECKING:
    from stacks.compose.description import Outcome

compose_app = typer.Typer(help="The Docker Compose stack's files.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    compose_app.command("check")(check)
    compose_app.command("secrets")(make_secrets)
    app.add_typer(compose_app, name="compose")


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


def make_secrets(
    folder: Annotated[Path, typer.Argument(help="The folder; it is created, and open to its owner only.")],
    json: AsJson = False,
) -> None:
    """Make the secrets of compose.prod.yml: passwords, a certificate authority, two servers' certificates and a token per role.

    Run again, it keeps passwords and tokens, and renews certificates that expire within 30 days.
    """
    from stacks.compose import secrets_folder

    try:
        files = secrets_folder.make(folder.resolve())
    except OSError as error:
        raise Failed(f"the secrets cannot be written: {error}. Name a folder that you may write") from error
    if json:
        print_json({"ok": True, "folder": folder.resolve(), "files": len(files)})
    else:
        out.print(f"{len(files)} files are in {folder.resolve()}; use them with:")
        print(f"ALPES_SECRETS={folder.resolve()} docker compose -f docker-compose.yml -f compose.prod.yml up -d")


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
