"""Define the English templates of what Pulsar's admin REST says, or why it says nothing."""

from __future__ import annotations

from domain.message import register

ADMIN = {
    "admin.none": "this stack's broker has no admin REST; the native one has: ./alpes up --stack native",
    "admin.token_unreadable": "the token of Pulsar's admin REST cannot be read: {why}",
    "admin.silent": "Pulsar's admin REST at {where} does not answer: {why}",
    "admin.refused": "Pulsar's admin REST refused: {why}",
    "admin.answer": "{reason} (HTTP {status})",
    "admin.answer_401": (
        "{reason} (HTTP {status});"
        " set ALPES_PULSAR_TOKEN_FILE, or ALPES_PULSAR_ADMIN_TOKEN_FILE, to a token the cluster issued"
    ),
    "admin.answer_403": (
        "{reason} (HTTP {status});"
        " the token's role lacks this right: use an administrator's by ALPES_PULSAR_ADMIN_TOKEN_FILE"
    ),
}

register(ADMIN)
