"""Call Pulsar's admin REST: sources, namespaces and topics. Standalone has the functions worker's paths on the same port."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from connectors.refusals import create_ssl_context, tls_problem
from domain.errors import ExpectedError
from domain.message import Message
from settings import Settings


class AdminUnavailable(ExpectedError):
    """The admin REST does not answer, or the broker has none; `str(error)` says what to do."""


class PartitionsDiffer(ExpectedError):
    """A topic exists with another number of partitions. Changing it would move keys and break their order."""

    def __init__(self, topic: str, actual: int, expected: int) -> None:
        super().__init__(
            f"{topic} has {actual} partitions, not {expected}: set ALPES_PARTITIONS={actual}, or name a new topic"
            " (ALPES_EVENTS_TOPIC, ALPES_COMMANDS_TOPIC)"
        )


class AdminRefused(ExpectedError):
    """The admin REST answered with an error."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(Message("admin.refused", why=_describe_answer(status, reason)))
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SourceStatus:
    running: bool
    error: str
    restarts: int
    received: int
    """Records that the source's instance has read since it started (`numReceivedFromSource`)."""
    written: int


class Admin:
    """The client of the admin REST. Close it or use it in a `with`. Every method raises AdminUnavailable or AdminRefused."""

    def __init__(self, settings: Settings, timeout_s: float = 10) -> None:
        if not settings.pulsar_admin_url:
            raise AdminUnavailable(Message("admin.none"))
        try:
            token = settings.admin_token()
        except OSError as error:
            raise AdminUnavailable(Message("admin.token_unreadable", why=str(error))) from error
        self._settings = settings
        self._namespace = settings.pulsar_namespace
        self._http = httpx.Client(
            base_url=settings.pulsar_admin_url,
            timeout=timeout_s,
            trust_env=False,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            verify=create_ssl_context(settings) if settings.pulsar_admin_url.startswith("https") else False,
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

    def message_limit(self) -> int | None:
        """Return the bytes of the largest message that the broker accepts, None when it does not say.

        Needs an administrator's token.
        """
        limit = self._call("GET", "/admin/v2/brokers/configuration/runtime").json().get("maxMessageSize")
        return int(limit) if str(limit).isdigit() else None

    def functions_ready(self) -> bool:
        """Return whether the functions worker accepts sources: it must name its leader."""
        return bool(self._call("GET", "/admin/v2/worker/cluster/leader").content)

    def connectors(self) -> list[str]:
        """Return the names of the builtin sources."""
        return [row["name"] for row in self._call("GET", "/admin/v3/sources/builtinsources").json()]

    def namespace_exists(self) -> bool:
        return self._exists(f"/admin/v2/namespaces/{self._namespace}")

    def keep_messages(self) -> None:
        """Set retention without limit, because a namespace otherwise deletes messages that no subscription needs."""
        body = {"retentionTimeInMinutes": -1, "retentionSizeInMB": -1}
        self._call("POST", f"/admin/v2/namespaces/{self._namespace}/retention", json=body)

    def keep_briefly(self, topic: str) -> None:
        """Let a topic keep its messages for an hour only. Does nothing where the cluster has no policies of topics."""
        body = {"retentionTimeInMinutes": 60, "retentionSizeInMB": 1}
        try:
            self._call("POST", f"/admin/v2/{_topic_path(topic)}/retention", json=body)
        except AdminRefused as error:
            if error.status not in (401, 403, 405):
                raise

    def limit_publishing(self, topic: str, messages_per_s: int) -> None:
        """Let the topic accept so many messages a second; a producer that has more waits."""
        body = {"publishThrottlingRateInMsg": messages_per_s, "publishThrottlingRateInByte": -1}
        self._call("POST", f"/admin/v2/{_topic_path(topic)}/publishRate", json=body)

    def unlimit_publishing(self, topic: str) -> None:
        """Remove the limit of `limit_publishing`."""
        self._call("DELETE", f"/admin/v2/{_topic_path(topic)}/publishRate")

    def read_last_message(self, topic: str) -> bytes:
        """Return the body of the newest message of a topic without partitions; empty when it has none."""
        path = f"/admin/v2/{_topic_path(topic)}/examinemessage?initialPosition=latest&messagePosition=1"
        try:
            return self._call("GET", path).content
        except AdminRefused as error:
            if error.status in (404, 412):
                return b""
            raise

    def accept_any_schema(self) -> None:
        """Allow producers to change the schema: the Debezium source registers bytes first and JSON with its first event."""
        path = f"/admin/v2/namespaces/{self._namespace}/schemaCompatibilityStrategy"
        self._call("PUT", path, json="ALWAYS_COMPATIBLE")

    def create_topic(self, topic: str, partitions: int = 0) -> None:
        """Create a topic; 0 partitions: not partitioned. Raise PartitionsDiffer when it exists with another number."""
        try:
            if partitions:
                self._call("PUT", f"/admin/v2/{_topic_path(topic)}/partitions", json=partitions)
            else:
                self._call("PUT", f"/admin/v2/{_topic_path(topic)}")
        except AdminRefused as error:
            if error.status != 409:
                raise
        actual = self.partitions(topic)
        if actual != partitions:
            raise PartitionsDiffer(topic, actual, partitions)

    def partitions(self, topic: str) -> int:
        """Return the number of partitions, 0 when the topic is not partitioned or does not exist."""
        return int(self._call("GET", f"/admin/v2/{_topic_path(topic)}/partitions").json()["partitions"])

    def topics(self) -> list[str]:
        """Return the topics of the namespace, partitioned ones once."""
        names = self._call("GET", f"/admin/v2/persistent/{self._namespace}").json()
        partitioned = self._call("GET", f"/admin/v2/persistent/{self._namespace}/partitioned").json()
        plain = [name for name in names if name.rpartition("-partition-")[0] not in partitioned]
        return sorted({*plain, *partitioned})

    def topic_statistics(self, topic: str) -> dict[str, Any]:
        """Return the statistics of a topic, summed over its partitions."""
        kind = "partitioned-stats" if self.partitions(topic) else "stats"
        statistics: dict[str, Any] = self._call("GET", f"/admin/v2/{_topic_path(topic)}/{kind}").json()
        return statistics

    def permit(self, topic: str, role: str, actions: list[str]) -> None:
        """Allow a role to `produce` or `consume` on one topic and its partitions."""
        self._call("POST", f"/admin/v2/{_topic_path(topic)}/permissions/{quote(role, safe='')}", json=actions)

    def permit_namespace(self, role: str, actions: list[str]) -> None:
        """Allow a role these actions on every topic of the namespace; `sources`: manage its sources."""
        path = f"/admin/v2/namespaces/{self._namespace}/permissions/{quote(role, safe='')}"
        self._call("POST", path, json=actions)

    def answers_without_token(self) -> bool:
        """Return whether the admin REST answers without a token."""
        try:
            answer = self._http.get("/admin/v2/brokers/version", headers={"Authorization": ""})
        except httpx.HTTPError as error:
            where = str(self._http.base_url)
            raise AdminUnavailable(Message("admin.silent", where=where, why=str(error))) from error
        return answer.status_code != 401

    def permissions(self, topic: str) -> dict[str, list[str]]:
        """Return {role: allowed actions}, without the superusers, who may do everything."""
        permissions: dict[str, list[str]] = self._call("GET", f"/admin/v2/{_topic_path(topic)}/permissions").json()
        return permissions

    def permit_subscription(self, subscription: str, roles: list[str]) -> None:
        """Allow only these roles to read through a subscription of this name, on any topic of the namespace."""
        path = f"/admin/v2/namespaces/{self._namespace}/permissions/subscription/{quote(subscription, safe='')}"
        self._call("POST", path, json=roles)

    def delete_topic(self, topic: str) -> None:
        try:
            suffix = "/partitions" if self.partitions(topic) else ""
            self._call("DELETE", f"/admin/v2/{_topic_path(topic)}{suffix}", params={"force": "true"})
        except AdminRefused as error:
            if error.status != 404:
                raise

    def source_exists(self, name: str) -> bool:
        return self._exists(self._source_path(name))

    def source_config(self, name: str) -> dict[str, Any]:
        config: dict[str, Any] = self._call("GET", self._source_path(name)).json()
        return config

    def source_status(self, name: str) -> SourceStatus:
        """Return the status of the source's only instance. Raise AdminRefused with status 404 when there is no such source."""
        body = self._call("GET", f"{self._source_path(name)}/status").json()
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
        """Restart, stop or start a source; `action` is `restart`, `stop` or `start`."""
        self._call("POST", f"{self._source_path(name)}/{action}")

    def delete_source(self, name: str) -> None:
        self._call("DELETE", self._source_path(name))

    def _send_source(self, method: str, config: dict[str, Any]) -> None:
        # One multipart field of JSON names a builtin archive, so nothing is uploaded. A second field names a file on the
        # broker's host.
        fields = {"sourceConfig": (None, json.dumps(config), "application/json")}
        if str(config["archive"]).startswith("file://"):
            fields["url"] = (None, config["archive"], "text/plain")
        self._call(method, self._source_path(config["name"]), files=fields, timeout=60)

    def _source_path(self, name: str) -> str:
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
            where = str(self._http.base_url)
            problem = tls_problem(self._settings, where, "PULSAR_TLS")
            raise AdminUnavailable(problem or Message("admin.silent", where=where, why=str(error))) from error
        if answer.is_error:
            raise AdminRefused(answer.status_code, _read_reason(answer))
        return answer


def _describe_answer(status: int, reason: str) -> Message:
    if status == 401:
        return Message("admin.answer_401", reason=reason, status=status)
    if status == 403:
        return Message("admin.answer_403", reason=reason, status=status)
    return Message("admin.answer", reason=reason, status=status)


def _topic_path(topic: str) -> str:
    kind, _, rest = topic.partition("://")
    namespace, _, name = rest.rpartition("/")
    return f"{kind}/{namespace}/{quote(name, safe='')}"


def _read_reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["reason"])
    except (ValueError, KeyError, TypeError):
        plain = not answer.headers.get("content-type", "").startswith("text/html")
        return (plain and answer.text.strip()[:300]) or answer.reason_phrase
