"""Define the English templates of the refusals of commands: what each says about a field."""

from __future__ import annotations

from domain.message import register

FIELDS = {
    "field.invalid": "{field}: {why}",
    "field.required": "is required",
    "field.too_long": "must have at most {n} characters",
    "field.identifier": "may hold letters, digits and . _ : @ / + - and starts with a letter or digit",
    "field.currency": "must be an ISO 4217 code such as USD",
    "field.traceparent": "must be a W3C traceparent such as 00-<32 hex digits>-<16 hex digits>-01",
    "field.decimal_such_as": "must be a decimal number such as 120.50",
    "field.decimal": "must be a decimal number",
    "field.finite": "must be a finite number",
    "field.positive": "must be greater than zero",
    "field.at_most": "must be at most {n}",
    "field.decimal_places": "{code} has {n} decimal places, not more",
    "field.text": "must be a text of at most {n} characters",
    "field.integer": "must be an integer of at most {n}",
    "field.finite_decimal": "must be a finite decimal number",
    "field.digits": "must have at most {n} digits before and {m} after the point",
}

register(FIELDS)
