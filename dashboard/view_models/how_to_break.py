"""Return the other ways to do what the scenarios and operations pages do: plain text to copy."""

from __future__ import annotations

import shlex

from application.components import find_component
from dashboard.view_models.how import Ways, admin_curl
from settings import SOURCE_NAME, Settings

NO_ADMIN = "# pulsar-lite has no admin REST; on --stack native:\n"


def scenario(settings: Settings, name: str, seed: int | None = None, minutes: float | None = None) -> Ways:
    options = f" --seed {seed}" if seed is not None else ""
    words = f"chaos --minutes {minutes or 1:g}" if name == "chaos" else f"run {shlex.quote(name)}"
    body = {"seed": seed, "minutes": minutes}
    fields = ", ".join(f'"{key}": {value:g}' for key, value in body.items() if value is not None)
    return {
        "./alpes": f"./alpes scenario {words}{options}",
        "HTTP": _control(settings, f"scenarios/{name}", f"{{{fields}}}"),
        "Python": f"from scenarios import runner\nfrom stacks import instance\nrunner.run(instance.find(), {name!r}, seed={seed})",
    }


def run(settings: Settings, run_id: str) -> Ways:
    return {
        "./alpes": f"./alpes scenario show {run_id[:8]}\n./alpes scenario export {run_id[:8]} --to .\n./alpes scenario stop",
        "HTTP": f'{_token(settings)}\ncurl -sN -H "Authorization: Bearer $TOKEN" {_base(settings)}/runs/{run_id}/events',
        "SQL": f"SELECT name, seed, state, verdict, result FROM scenario_run WHERE id = '{run_id}';",
    }


def history(settings: Settings) -> Ways:
    return {
        "./alpes": "./alpes scenario runs",
        "HTTP": f'{_token(settings)}\ncurl -s -H "Authorization: Bearer $TOKEN" {_base(settings)}/runs',
        "SQL": "SELECT id, name, seed, state, verdict, started_at FROM scenario_run ORDER BY started_at DESC LIMIT 20;",
    }


def kill(settings: Settings, part: str, hold_s: float) -> Ways:
    return {
        "./alpes": f"./alpes kill {part} --hold {hold_s:g}",
        "HTTP": _control(settings, f"parts/{part}/kill", f'{{"holdSeconds": {hold_s:g}}}')
        + f'\n# let it come back now\ncurl -s -X DELETE -H "Authorization: Bearer $TOKEN" {_base(settings)}/parts/{part}/kill',
        "shell": f"# the page, too, sends SIGKILL; the lease keeps it down\n./alpes status   # tells the pid of {part}\nkill -9 PID",
    }


def restart(settings: Settings, part: str) -> Ways:
    if find_component(part).is_connector:
        return source(settings, "restart")
    return {"HTTP": _control(settings, f"parts/{part}/restart", "{}"), "./alpes": f"./alpes kill {part} --hold 0"}


def source(settings: Settings, action: str) -> Ways:
    admin = f"{settings.pulsar_admin_url}/admin/v3/sources/{settings.pulsar_namespace.replace('persistent://', '')}"
    capture = settings.facts.capture
    if capture.is_process:
        return {**restart(settings, capture.component), "shell": f"./alpes logs {capture.component} -f"}
    curl = admin_curl(settings)
    verbs = {
        "status": f"{curl} -s {admin}/{SOURCE_NAME}/status",
        "delete": f"{curl} -X DELETE {admin}/{SOURCE_NAME}",
        "create": f"# multipart, part sourceConfig; see connectors/pulsar/debezium-mysql-outbox.json\n{curl} -X POST {admin}/{SOURCE_NAME} -F sourceConfig=@config.json",
    }
    return {
        "./alpes": f"./alpes source {action}",
        "pulsar-admin": f"pulsar-admin sources {action} --name {SOURCE_NAME}",
        "HTTP": verbs.get(action, f"{curl} -X POST {admin}/{SOURCE_NAME}/{action}"),
    }


def resnapshot() -> Ways:
    return {"./alpes": "./alpes source resnapshot\n./alpes source doctor"}


def parts() -> Ways:
    return {"./alpes": "./alpes status\n./alpes doctor", "shell": "./alpes logs notifications -f"}


def logs(part: str) -> Ways:
    return {"./alpes": f"./alpes logs {shlex.quote(part)} -f -n 50"}


def topics(settings: Settings) -> Ways:
    events = settings.topics.events
    admin = f"pulsar-admin topics list {settings.pulsar_namespace}\npulsar-admin topics stats {events}"
    ways = {"./alpes": "./alpes topics", "pulsar-admin": admin if settings.pulsar_admin_url else NO_ADMIN + admin}
    if settings.pulsar_admin_url:
        name = events.removeprefix("persistent://")
        ways["HTTP"] = f"{admin_curl(settings)} -s {settings.pulsar_admin_url}/admin/v2/persistent/{name}/stats"
    else:
        ways["SQL"] = f"-- {settings.observer_store}\nSELECT topic, COUNT(*) FROM message GROUP BY topic;"
    return ways


def dead_letters(settings: Settings) -> Ways:
    admin = f"pulsar-admin topics peek-messages {settings.topics.dead_letter} \\\n  --subscription observer --count 5"
    return {
        "./alpes": "./alpes dead-letters list\n./alpes dead-letters requeue SEQ\n./alpes dead-letters discard SEQ --note WHY",
        "SQL": "SELECT seq, reason, detail, event_id, attempts, requeued_at, discarded_at FROM dead_letter ORDER BY seq DESC LIMIT 20;",
        "pulsar-admin": admin if settings.pulsar_admin_url else NO_ADMIN + admin,
    }


def reset(everything: bool) -> Ways:
    return {"./alpes": "./alpes reset --all --yes" if everything else "./alpes reset --yes"}


def _control(settings: Settings, path: str, body: str) -> str:
    return (
        f'{_token(settings)}\ncurl -s -X POST {_base(settings)}/{path} \\\n  -H "Authorization: Bearer $TOKEN"'
        f" -H 'Content-Type: application/json' \\\n  -d '{body}'"
    )


def _base(settings: Settings) -> str:
    return f"http://{settings.bind}:{settings.api_port}/control"


def _token(settings: Settings) -> str:
    """Return the shell command that reads the control token, and not the token itself."""
    return f"TOKEN=$(python3 -c \"import json; print(json.load(open('{settings.instance_file}'))['control_token'])\")"
