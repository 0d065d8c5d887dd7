"""Test how the API reads a body: its type, its size, and numbers as they were written."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from fastapi import HTTPException, Request

from api.body import read_json_body
from domain import contract


def read(*chunks: bytes, kind: str = "application/json; charset=utf-8") -> Any:
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind.encode())]}
    return asyncio.run(read_json_body(Request(scope, receive)))


def test_a_number_is_read_as_it_was_written_also_when_it_arrives_in_two_chunks() -> None:
    assert read(b'{"grossAmount": 0.', b"1}") == {"grossAmount": Decimal("0.1")}


@pytest.mark.parametrize(
    ("chunks", "kind", "status"),
    [
        ((b"{}",), "text/plain", 415),
        ((b"{}",), "", 415),
        ((b"x" * contract.BODY_BYTES, b"x"), "application/json", 413),
        ((b"{",), "application/json", 400),
        ((b"\xff",), "application/json", 400),
        ((b'{"a":1,"a":2}',), "application/json", 400),
    ],
)
def test_a_body_that_cannot_be_used_has_its_status(chunks: tuple[bytes, ...], kind: str, status: int) -> None:
    with pytest.raises(HTTPException) as refused:
        read(*chunks, kind=kind)
    assert refused.value.status_code == status


def test_the_largest_body_is_read() -> None:
    text = b'"' + b"x" * (contract.BODY_BYTES - 2) + b'"'
    assert len(read(text)) == contract.BODY_BYTES - 2
