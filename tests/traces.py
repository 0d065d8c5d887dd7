"""Reading the spans that the parts wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from settings import Settings


def spans(file: Path, trace_id: str) -> dict[str, dict[str, Any]]:
    """{name: span} of one trace; each name may stand once."""
    found: dict[str, dict[str, Any]] = {}
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    for span in map(json.loads, lines):
        if span["context"]["trace_id"] == f"0x{trace_id}":
            assert span["name"] not in found, f"{span['name']} twice"
            found[span["name"]] = span
    return found


def calculate(settings: Settings, conversion: str, traceparent: str | None = None) -> dict[str, Any]:
    token = settings.api_token.get_secret_value()
    headers = {"traceparent": traceparent} if traceparent else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    body = {"conversionId": conversion, "affiliateId": "aff-1", "campaignId": "cmp-1", "grossAmount": 120.5}
    url = f"http://{settings.bind}:{settings.api_port}/commissions/calculate"
    answer = httpx.post(url, json={**body, "currency": "USD"}, headers=headers, timeout=10)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def parent(span: dict[str, Any]) -> str:
    return str(span["parent_id"]).removeprefix("0x")


def own(span: dict[str, Any]) -> str:
    return str(span["context"]["span_id"]).removeprefix("0x")


def assert_whole(found: dict[str, dict[str, Any]], caller: str) -> None:
    """HTTP → SQL → capture → publish and receive → notification, each following from the one before."""
    chain = ["HTTP POST", "sql transaction", "capture", "publish and receive", "notification"]
    before = caller
    for name in chain:
        assert parent(found[name]) == before, name
        before = own(found[name])
    assert found["capture"]["attributes"]["alpes.derived"] is True
    assert found["publish and receive"]["attributes"]["alpes.derived"] is True
    assert found["HTTP POST"]["attributes"]["http.response.status_code"] == 201
    services = {found[name]["resource"]["attributes"]["service.name"] for name in chain}
    assert {"alpes-api"} < services
    for name in chain:
        assert found[name]["start_time"] <= found[name]["end_time"]
