"""Read a JSON body exactly: numbers become Decimal and never binary floats. Its size is limited, and it must be UTF-8."""

from __future__ import annotations

from typing import Any

from fastapi import HTTPException, Request

from domain import contract


async def read_json_body(request: Request) -> Any:
    """Return the parsed body. Raise HTTPException 400, 413 or 415."""
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type != "application/json":
        raise HTTPException(415, "send the body as Content-Type: application/json")
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > contract.BODY_BYTES:
            raise HTTPException(413, f"the body may have at most {contract.BODY_BYTES} bytes")
    try:
        return contract.read_command(bytes(raw))
    except contract.ContractError as error:
        raise HTTPException(400, f"the body cannot be read: {error}"[:300]) from None
