"""The verbs calculate, approve and query: commands and a query without HTTP."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Annotated

import typer

from application import Application
from application.permissions import Action, require
from cli.output import AsJson, Failed, StackName, out, print_json
from db import queries
from domain.commands import ApproveCommission, CalculateCommission, CommissionResult
from settings import Settings
from stacks import instance


def register(app: typer.Typer) -> None:
    for command in (calculate, approve, query):
        app.command()(command)


def calculate(
    gross: Annotated[str, typer.Argument(help="Gross amount of the conversion, for example 120.50.")] = "120.50",
    currency: Annotated[str, typer.Option(help="ISO 4217 code.")] = "USD",
    conversion: Annotated[str | None, typer.Option(help="Conversion id; a new one by default.")] = None,
    affiliate: Annotated[str, typer.Option(help="Affiliate id.")] = "aff-1",
    campaign: Annotated[str, typer.Option(help="Campaign id; it decides the rate.")] = "cmp-1",
    stack: StackName = None,
    json: AsJson = False,
) -> None:
    """Calculate the commission of a conversion: the commission and its outbox row in one transaction."""
    command = CalculateCommission(conversion or str(uuid.uuid4()), affiliate, campaign, gross, currency)
    with Application(_find_writable(stack), pool_size=1) as application:
        _print_result(application.send(command), json)


def approve(
    commission: Annotated[str, typer.Argument(help="Commission id.")], stack: StackName = None, json: AsJson = False
) -> None:
    """Approve a commission. Approving it again changes nothing."""
    with Application(_find_writable(stack), pool_size=1) as application:
        _print_result(application.send(ApproveCommission(commission)), json)


def query(
    conversion: Annotated[str, typer.Argument(help="Conversion id.")], stack: StackName = None, json: AsJson = False
) -> None:
    """Print the commission of a conversion, read directly from the database."""
    with Application(_find_settings(stack), pool_size=1) as application, application.reading() as connection:
        row = queries.commission_by_conversion(connection, conversion)
    if row is None:
        raise Failed(f"no commission for conversion {conversion}")
    if json:
        print_json(row)
    else:
        for name, value in asdict(row).items():
            out.print(f"{name:<14} {value}", markup=False)


def _find_settings(stack: str | None) -> Settings:
    settings = instance.find(stack)
    if not settings.database_url:
        raise Failed("there is no database yet; `./alpes up` creates it")
    return settings


def _find_writable(stack: str | None) -> Settings:
    settings = _find_settings(stack)
    require(settings, Action.ISSUE_COMMANDS)
    return settings


def _print_result(result: CommissionResult, json: bool) -> None:
    if json:
        print_json(result)
        return
    out.print(f"commission {result.commission_id}", markup=False)
    out.print(
        f"  {result.status}, {result.amount} {result.currency} at {result.rate}, version {result.version}", markup=False
    )
    if result.changed:
        out.print(f"  with outbox row {', '.join(result.event_ids)} in the same transaction", markup=False)
    else:
        out.print("  the command had been applied before; nothing was written", markup=False)
