"""Return the other ways to do what a button does, with SQL, HTTP, pulsar-admin and `./alpes`: plain text to copy."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from domain.changes.approve import CommissionApproved
from domain.changes.calculate import CommissionCalculated
from settings import Settings
from settings.stack_facts import DatabaseKind

Ways = Mapping[str, str]
"""Name of the tool → what to type."""


def calculate(settings: Settings, conversion: str, affiliate: str, campaign: str, gross: str, currency: str) -> Ways:
    body = {
        "conversionId": conversion,
        "affiliateId": affiliate,
        "campaignId": campaign,
        "grossAmount": gross,
        "currency": currency,
    }
    return {
        "./alpes": f"./alpes calculate {shlex.quote(gross)} --currency {shlex.quote(currency)} --conversion {shlex.quote(conversion)}"
        f" --affiliate {shlex.quote(affiliate)} --campaign {shlex.quote(campaign)}",
        "HTTP": _post(settings, "calculate", body),
        "SQL": "BEGIN;\nINSERT INTO commission (id, conversion_id, affiliate_id, campaign_id, gross_amount, rate, amount,"
        " currency, status, version, created_at, updated_at)\n  VALUES (…, 'CALCULATED', 1, …);\n"
        "INSERT INTO outbox_event (id, aggregate_type, aggregate_id, aggregate_version, type, version, payload,"
        f" correlation_id, occurred_at)\n  VALUES (…, 'commission', …, 1, '{CommissionCalculated.type}', 1, …);\nCOMMIT;",
        "pulsar-admin": _peek(settings),
    }


def approve(settings: Settings, commission_id: str) -> Ways:
    name = commission_id or "COMMISSION_ID"
    return {
        "./alpes": f"./alpes approve {shlex.quote(name)}",
        "HTTP": _post(settings, "approve", {"commissionId": name}),
        "SQL": "BEGIN;\nUPDATE commission SET status = 'APPROVED', version = version + 1, updated_at = …\n"
        f"  WHERE id = '{_literal(name)}' AND version = …;\nINSERT INTO outbox_event (…)"
        f" VALUES (…, '{CommissionApproved.type}', …);\nCOMMIT;",
        "pulsar-admin": _peek(settings),
    }


def load(settings: Settings, total: int, rate: int) -> Ways:
    pause = f"{1 / max(rate, 1):.4f}"
    return {
        "./alpes": f"# as fast as it goes, with the time everything needs to arrive\n./alpes bench throughput --commands {max(total, 10)}",
        "HTTP": f"for i in $(seq {total}); do\n  curl -s -X POST http://{settings.bind}:{settings.api_port}/commissions/calculate \\\n"
        "    -H 'Content-Type: application/json' \\\n"
        '    -d "{\\"conversionId\\":\\"$(uuidgen)\\",\\"affiliateId\\":\\"aff-load\\",\\"campaignId\\":\\"cmp-1\\",'
        f'\\"grossAmount\\":120.5,\\"currency\\":\\"USD\\"}}" &\n  sleep {pause}\ndone',
        "SQL": "SELECT COUNT(*) FROM outbox_event;\nSELECT COUNT(*) FROM notification;",
    }


def database(settings: Settings) -> Ways:
    client = "sqlite3 -readonly " + str(settings.data / "alpes.db")
    if settings.facts.database is DatabaseKind.MYSQL:
        client = f"mysql -h {settings.bind} -P {settings.mysql_port} -u alpes -p alpes"
    return {
        "SQL": "SELECT * FROM commission ORDER BY updated_at DESC LIMIT 20;\n"
        "SELECT * FROM outbox_event ORDER BY seq DESC LIMIT 20;",
        "shell": client,
        "HTTP": f"curl -s http://{settings.bind}:{settings.api_port}/commissions/by-conversion/CONVERSION_ID",
        "./alpes": "./alpes query CONVERSION_ID",
    }


def feed(settings: Settings, topic: str | None, search: str | None) -> Ways:
    options = (f" --topic {shlex.quote(topic)}" if topic else "") + (
        f" --search {shlex.quote(search)}" if search else ""
    )
    return {
        "./alpes": f"./alpes feed --follow{options}\n./alpes topics",
        "pulsar-admin": f"pulsar-admin topics stats {topic or settings.topics.events}\n{_peek(settings)}",
        "SQL": f"-- {settings.observer_store}\nSELECT * FROM message ORDER BY n DESC LIMIT 30;",
    }


def reconcile() -> Ways:
    return {
        "./alpes": "./alpes reconcile",
        "SQL": "SELECT o.id FROM outbox_event o LEFT JOIN notification n ON n.event_id = o.id\n"
        "  WHERE n.event_id IS NULL ORDER BY o.seq DESC;",
        "shell": "wc -l data/events.jsonl",
    }


def repair() -> Ways:
    return {"./alpes": "./alpes repair --dry-run\n./alpes repair"}


def trace(settings: Settings, event_id: str, commission_id: str) -> Ways:
    event, commission = _literal(event_id), _literal(commission_id)
    return {
        "SQL": f"SELECT * FROM commission WHERE id = '{commission}';\nSELECT * FROM outbox_event WHERE id = '{event}';\n"
        f"SELECT * FROM event_timing WHERE event_id = '{event}';\n"
        f"SELECT * FROM notification WHERE event_id = '{event}';\n"
        f"SELECT * FROM processed_message WHERE event_id = '{event}';",
        "./alpes": f"./alpes feed --search {shlex.quote(event_id)} --json",
        "shell": f"grep {shlex.quote(event_id)} data/events.jsonl",
        "pulsar-admin": _peek(settings),
    }


def latency() -> Ways:
    return {
        "./alpes": "./alpes bench latency --n 300\n./alpes bench throughput --commands 5000",
        "SQL": "SELECT event_id, (persisted_us - committed_us) / 1000.0 AS ms\n"
        "  FROM event_timing WHERE persisted_us IS NOT NULL ORDER BY persisted_us DESC LIMIT 1000;",
    }


def peers() -> Ways:
    return {"./alpes": "./alpes bench peers\n./alpes bench peers --only debezium --only polling"}


def admin_curl(settings: Settings) -> str:
    """Return the `curl` command for Pulsar's admin REST, with the token if the broker requires one."""
    token = settings.pulsar_admin_token_file or settings.pulsar_token_file
    return f'curl -H "Authorization: Bearer $(cat {shlex.quote(str(token))})"' if token else "curl"


def kill(part: str, hold_s: int = 20) -> Ways:
    return {"./alpes": f"./alpes kill {part} --hold {hold_s}"}


def source_restart(settings: Settings) -> Ways:
    return {
        "./alpes": "./alpes source restart",
        "pulsar-admin": f"pulsar-admin sources restart --name {settings.source_name}",
        "HTTP": f"{admin_curl(settings)} -X POST {settings.pulsar_admin_url}/admin/v3/sources/{settings.pulsar_namespace}/{settings.source_name}/restart",
    }


def _post(settings: Settings, verb: str, body: Mapping[str, str]) -> str:
    address = f"http://{settings.bind}:{settings.api_port}/commissions/{verb}"
    return (
        f"curl -s -X POST {address} \\\n  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(json.dumps(body))}"
    )


def _peek(settings: Settings) -> str:
    return _admin(
        settings,
        f"pulsar-admin topics peek-messages {settings.topics.events} \\\n  --subscription {settings.subscription} --count 1",
    )


def _admin(settings: Settings, command: str) -> str:
    """Return the command; for pulsar-lite, which has no admin REST, with a comment that names the stack that has it."""
    return command if settings.pulsar_admin_url else f"# pulsar-lite has no admin REST; on --stack native:\n{command}"


def _literal(text: str) -> str:
    """Escape a text for use between single quotes in SQL."""
    return text.replace("'", "''")
