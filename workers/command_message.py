"""Parse commands from messages of the topic `commands`; their contract is docs/contracts/commands.schema.json."""

from __future__ import annotations

from typing import Any

from domain import contract
from domain.change import Command, CommandField, fields_of
from domain.changes import changes


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
    name = body.get("command") if isinstance(body, dict) else None
    if not isinstance(name, str) or name not in changes():
        raise Malformed('needs "command": ' + " or ".join(f'"{command_name}"' for command_name in changes()))
    command = changes()[name].command
    command_fields = fields_of(command)
    unknown = set(body) - {"command", *(field.name for field in command_fields)}
    if unknown:
        raise Malformed(f"unknown fields: {sorted(unknown)!a:.300}")
    for field in command_fields:
        _check_field(field, body.get(field.name))
    return command(
        **{field.attribute: body[field.name] for field in command_fields if body.get(field.name) is not None}
    )


def _check_field(field: CommandField, value: Any) -> None:
    name = field.name
    if value is None:
        if field.required:
            raise Malformed(f"{name} is required")
        return
    if isinstance(value, contract.UnusableNumber):
        raise Malformed(f"{name} is no usable number: {value.literal}")
    if not isinstance(value, field.types) or isinstance(value, bool):
        raise Malformed(f"{name} has the wrong type")
    if name == "traceparent" and not contract.is_traceparent(str(value)):
        # Over HTTP a malformed header is ignored, as W3C asks; here it is a field of the command like any other.
        raise Malformed("traceparent is no W3C traceparent, such as 00-<32 hex digits>-<16 hex digits>-01")
