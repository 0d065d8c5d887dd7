"""Parse commands from messages of the topic `commands`; their contract is docs/contracts/commands.schema.json."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain import contract
from domain.commands import ApproveCommission, CalculateCommission, Command

FIELDS = {
    "calculate": ("conversionId", "affiliateId", "campaignId", "grossAmount", "currency"),
    "approve": ("commissionId",),
}
OPTIONAL_FIELDS = ("correlationId", "traceparent")


class Malformed(ValueError):
    """The message is no command; `str(error)` says why, in ASCII."""


def parse(value: bytes) -> Command:
    """Return the command of a message. Raise Malformed."""
    if len(value) > contract.BODY_BYTES:
        raise Malformed(f"a command has at most {contract.BODY_BYTES} bytes, not {len(value)}")
    try:
        body = contract.read_command(value)
    except contract.ContractError as error:
        raise Malformed(str(error)) from None
    if not isinstance(body, dict) or not isinstance(body.get("command"), str) or body["command"] not in FIELDS:
        raise Malformed('needs "command": "calculate" or "approve"')
    required = FIELDS[body["command"]]
    unknown = set(body) - {"command", *required, *OPTIONAL_FIELDS}
    if unknown:
        raise Malformed(f"unknown fields: {sorted(unknown)!a:.300}")
    for name in (*required, *OPTIONAL_FIELDS):
        _check_field(name, body.get(name), name in required)
    shared = {"correlation_id": body.get("correlationId"), "traceparent": body.get("traceparent")}
    if body["command"] == "approve":
        return ApproveCommission(body["commissionId"], **shared)
    return CalculateCommission(
        conversion_id=body["conversionId"],
        affiliate_id=body["affiliateId"],
        campaign_id=body["campaignId"],
        gross_amount=body["grossAmount"],
        currency=body["currency"],
        **shared,
    )


def _check_field(name: str, value: Any, required: bool) -> None:
    if value is None:
        if required:
            raise Malformed(f"{name} is required")
        return
    if isinstance(value, contract.UnusableNumber):
        raise Malformed(f"{name} is no usable number: {value.literal}")
    types = (str, int, Decimal) if name == "grossAmount" else (str,)
    if not isinstance(value, types) or isinstance(value, bool):
        raise Malformed(f"{name} has the wrong type")
    if name == "traceparent" and not contract.is_traceparent(str(value)):
        # Over HTTP a malformed header is ignored, as W3C asks; here it is a field of the command like any other.
        raise Malformed("traceparent is no W3C traceparent, such as 00-<32 hex digits>-<16 hex digits>-01")
