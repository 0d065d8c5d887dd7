"""Pulsar's admin REST: sources, namespaces and topics. Standalone serves the functions worker's paths on the same port."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from settings import Settings


class AdminUnavailable(Exception):
    """The admin REST does not answer, or the broker has none; `str(error)` says what to do."""


class AdminRefused(Exception):
    """The admin REST answered with an error."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"Pulsar's admin REST refused: {reason} (HTTP {status})")
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SourceStatus:
    running: bool
    error: str
    restarts: int
    received: int
    """Records the source's instance read since it started (`numReceivedFromSource`)."""
    written: int


class Admin:
    """Close it, or use it in a `with`. Every method raises AdminUnavailable or AdminRefused."""

    def __init__(self, settings: Settings, timeout_s: float = 10) -> None:
        if not settings.pulsar_admin_url:
            raise AdminUnavailable(
                "this stack's broker has no admin REST; the native one has: ./alpes up --stack native"
            )
        token = settings.pulsar_token.get_secret_value()
        self._namespace = settings.pulsar_namespace
        self._http = httpx.Client(
            base_url=settings.pulsar_admin_url,
            timeout=timeout_s,
            trust_env=False,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            verify=str(settings.pulsar_tls_ca) if settings.pulsar_tls_ca else True,
        )

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def version(self) -> str:
        return self._call("GET", "/admin/v2/brokers/version").text.strip()

    def functions_ready(self) -> bool:
        """Whether the functions worker takes sources: asked for its leader, it names one."""
        return bool(self._call("GET", "/admin/v2/worker/cluster/leader").content)

    def connectors(self) -> list[str]:
        """Names under which builtin sources can be created."""
        return [row["name"] for row in self._call("GET", "/admin/v3/sources/builtinsources").json()]

    def namespace_exists(self) -> bool:
        return self._exists(f"/admin/v2/namespaces/{self._namespace}")

    def keep_messages(self) -> None:
        """Retention without limit: without it a namespace keeps nothing that no subscription waits for."""
        body = {"retentionTimeInMinutes": -1, "retentionSizeInMB": -1}
        self._call("POST", f"/admin/v2/namespaces/{self._namespace}/retention", json=body)

    def accept_any_schema(self) -> None:
        """Let a producer raise its schema: the Debezium source registers bytes first, and JSON with its first event."""
        path = f"/admin/v2/namespaces/{self._namespace}/schemaCompatibilityStrategy"
        self._call("PUT", path, json="ALWAYS_COMPATIBLE")

    def create_topic(self, topic: str) -> None:
        """Raises nothing when it is there already."""
        try:
            self._call("PUT", f"/admin/v2/{_path(topic)}")
        except AdminRefused as error:
            if error.status != 409:
                raise

    def topics(self) -> list[str]:
        return sorted(self._call("GET", f"/admin/v2/persistent/{self._namespace}").json())

    def topic_statistics(self, topic: str) -> dict[str, Any]:
        found: dict[str, Any] = self._call("GET", f"/admin/v2/{_path(topic)}/stats").json()
        return found

    def delete_topic(self, topic: str) -> None:
        try:
            self._call("DELETE", f"/admin/v2/{_path(topic)}", params={"force": "true"})
        except AdminRefused as error:
            if error.status != 404:
                raise

    def source_exists(self, name: str) -> bool:
        return self._exists(self._source(name))

    def source_config(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._call("GET", self._source(name)).json()
        return found

    def source_status(self, name: str) -> SourceStatus:
        """Of its one instance. AdminRefused with status 404 when there is no such source."""
        body = self._call("GET", f"{self._source(name)}/status").json()
        instances = body.get("instances") or [{}]
        status = instances[0].get("status", {})
        return SourceStatus(
            running=bool(status.get("running")),
            error=str(status.get("error") or ""),
            restarts=int(status.get("numRestarts", 0)),
            received=int(status.get("numReceivedFromSource", 0)),
            written=int(status.get("numWritten", 0)),
        )

    def create_source(self, config: dict[str, Any]) -> None:
        self._send_source("POST", config)

    def update_source(self, config: dict[str, Any]) -> None:
        self._send_source("PUT", config)

    def source(self, name: str, action: str) -> None:
        """`restart`, `stop` or `start`."""
        self._call("POST", f"{self._source(name)}/{action}")

    def delete_source(self, name: str) -> None:
        self._call("DELETE", self._source(name))

    def _send_source(self, method: str, config: dict[str, Any]) -> None:
        # One multipart field of JSON: a builtin archive is named in it, nothing is uploaded. A file of the broker's own
        # is named in a second field.
        part = {"sourceConfig": (None, json.dumps(config), "application/json")}
        if str(config["archive"]).startswith("file://"):
            part["url"] = (None, config["archive"], "text/plain")
        self._call(method, self._source(config["name"]), files=part, timeout=60)

    def _source(self, name: str) -> str:
        return f"/admin/v3/sources/{self._namespace}/{quote(name, safe='')}"

    def _exists(self, path: str) -> bool:
        try:
            self._call("GET", path)
        except AdminRefused as error:
            if error.status == 404:
                return False
            raise
        return True

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, follow_redirects=True, **options)
        except httpx.HTTPError as error:
            raise AdminUnavailable(f"Pulsar's admin REST at {self._http.base_url} does not answer: {error}") from error
        if answer.is_error:
            raise AdminRefused(answer.status_code, _reason(answer))
        return answer


def _path(topic: str) -> str:
    kind, _, rest = topic.partition("://")
    namespace, _, name = rest.rpartition("/")
    return f"{kind}/{namespace}/{quote(name, safe='')}"


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["reason"])
    except (ValueError, KeyError, TypeError):
        plain = not answer.headers.get("content-type", "").startswith("text/html")
        return (plain and answer.text.strip()[:300]) or answer.reason_phrase
