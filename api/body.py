"""Reading a JSON body exactly: bounded, UTF-8, numbers as Decimal and never through a binary float."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from fastapi import HTTPException, Request

LARGEST_BYTES = 64 * 1024


async def json_body(request: Request) -> Any:
    """The parsed body. Raises HTTPException 400, 413 or 415."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "send the body as Content-Type: application/json")
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LARGEST_BYTES:
            raise HTTPException(413, f"the body may have at most {LARGEST_BYTES} bytes")
    try:
        return json.loads(bytes(raw).decode("utf-8"), parse_float=Decimal, parse_int=_integer, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the body is not JSON: {error}"[:300]) from None


def _integer(text: str) -> Any:
    # A number too long for any field is kept as a Decimal: cheap to compare, and refused by its field's own rule.
    return int(text) if len(text) <= 40 else Decimal(text)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
