"""Traces by OpenTelemetry, off unless `ALPES_OTLP_ENDPOINT` or `ALPES_TRACES_FILE` is set; off, each call costs a test.

The trace is carried by W3C `traceparent` texts, as the outbox row keeps it, not by the library's context: an event
leaves the process that made it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.trace import Span, Tracer

TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
Attributes = Mapping[str, str | int | bool]

_provider: TracerProvider | None = None
_tracer: Tracer | None = None


def start(settings: Settings, part: str) -> None:
    """Send this process's spans where the settings say; without any such setting, nothing is loaded."""
    global _provider, _tracer
    if _provider is not None or not (settings.otlp_endpoint or settings.traces_file):
        return
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("ALPES_PART", part)
    _provider = TracerProvider(resource=Resource.create({"service.name": f"alpes-{name}"}))
    for exporter in _exporters(settings):
        _provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    _tracer = _provider.get_tracer("alpes")


def stop() -> None:
    """Send what waits."""
    global _provider, _tracer
    if _provider is not None:
        _provider.shutdown()
    _provider = _tracer = None


def enabled() -> bool:
    return _tracer is not None


@contextmanager
def span(
    name: str, parent: str | None, attributes: Attributes | None = None, kind: str = "internal"
) -> Iterator[str | None]:
    """Around a piece of work; gives the `traceparent` for what follows from it: the given one while traces are off."""
    made = begin(name, parent, attributes, kind=kind)
    if made is None:
        yield parent
        return
    try:
        yield traceparent(made)
    except BaseException as error:
        from opentelemetry.trace import StatusCode

        made.set_status(StatusCode.ERROR, f"{type(error).__name__}: {error}"[:200])
        raise
    finally:
        made.end()


def begin(
    name: str,
    parent: str | None,
    attributes: Attributes | None = None,
    start_us: int | None = None,
    kind: str = "internal",
) -> Span | None:
    """A span that its maker ends; None while traces are off. `start_us`: microseconds since the epoch."""
    if _tracer is None:
        return None
    from opentelemetry.trace import SpanKind

    return _tracer.start_span(
        name,
        context=_context(parent),
        kind=SpanKind[kind.upper()],
        attributes=dict(attributes or {}),
        start_time=None if start_us is None else start_us * 1000,
    )


def past(
    name: str, parent: str | None, start_us: int, end_us: int, attributes: Attributes, kind: str = "internal"
) -> str | None:
    """A span of what has happened already, by its measured times; its `traceparent`, or the parent's while off.

    Clocks differ in resolution: one that would end before it began is kept, with no length and the difference told.
    """
    if end_us < start_us:
        attributes = {**attributes, "alpes.negative_us": start_us - end_us}
    made = begin(name, parent, attributes, start_us, kind)
    if made is None:
        return parent
    made.end(max(start_us, end_us) * 1000)
    return traceparent(made)


def traceparent(of: Span) -> str:
    context = of.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _context(parent: str | None) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    if parent is None or not TRACEPARENT.fullmatch(parent):
        return Context()
    _, trace_id, span_id, flags = parent.split("-")
    remote = SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))
    return set_span_in_context(NonRecordingSpan(remote), Context())


def _exporters(settings: Settings) -> list[Any]:
    found: list[Any] = []
    if settings.otlp_endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        found.append(OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces", timeout=5))
    if settings.traces_file is not None:
        found.append(FileExporter(settings.traces_file))
    return found


class FileExporter:
    """One JSON object a line, appended whole: several processes may write the same file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> Any:
        from opentelemetry.sdk.trace.export import SpanExportResult

        lines = "".join(f"{one.to_json(indent=None)}\n" for one in spans)
        try:
            with self._lock:
                descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                try:
                    os.write(descriptor, lines.encode("utf-8"))
                finally:
                    os.close(descriptor)
        except OSError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True
