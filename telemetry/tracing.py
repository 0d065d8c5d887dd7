"""Record traces with OpenTelemetry if `ALPES_OTLP_ENDPOINT` or `ALPES_TRACES_FILE` is set; else each call costs one test.

W3C `traceparent` texts carry the trace, as in the outbox row, and not the library's context, because an event leaves the
process that wrote it.
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
    """Start to send this process's spans where the settings say; without such a setting, load no library."""
    global _provider, _tracer
    if _provider is not None or not (settings.otlp_endpoint or settings.traces_file):
        return
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("ALPES_PART", part)
    _provider = TracerProvider(resource=Resource.create({"service.name": f"alpes-{name}"}))
    for exporter in _create_exporters(settings):
        _provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    _tracer = _provider.get_tracer("alpes")


def stop() -> None:
    """Send the remaining spans and stop."""
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
    """Record a span around a piece of work and give its `traceparent`; give `parent` while traces are off."""
    new_span = begin(name, parent, attributes, kind=kind)
    if new_span is None:
        yield parent
        return
    try:
        yield traceparent(new_span)
    except BaseException as error:
        from opentelemetry.trace import StatusCode

        new_span.set_status(StatusCode.ERROR, f"{type(error).__name__}: {error}"[:200])
        raise
    finally:
        new_span.end()


def begin(
    name: str,
    parent: str | None,
    attributes: Attributes | None = None,
    start_us: int | None = None,
    kind: str = "internal",
) -> Span | None:
    """Return a new span, which the caller must end; None while traces are off. `start_us`: microseconds since the epoch."""
    if _tracer is None:
        return None
    from opentelemetry.trace import SpanKind

    return _tracer.start_span(
        name,
        context=_create_context(parent),
        kind=SpanKind[kind.upper()],
        attributes=dict(attributes or {}),
        start_time=None if start_us is None else start_us * 1000,
    )


def record_past(
    name: str, parent: str | None, start_us: int, end_us: int, attributes: Attributes, kind: str = "internal"
) -> str | None:
    """Record a span of past work from its measured times. Return its `traceparent`, or `parent` while traces are off.

    Clocks differ in resolution. A span that would end before it began has no length and the attribute `alpes.negative_us`.
    """
    if end_us < start_us:
        attributes = {**attributes, "alpes.negative_us": start_us - end_us}
    new_span = begin(name, parent, attributes, start_us, kind)
    if new_span is None:
        return parent
    new_span.end(max(start_us, end_us) * 1000)
    return traceparent(new_span)


def traceparent(span: Span) -> str:
    """Return the `traceparent` text of a span."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _create_context(parent: str | None) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    if parent is None or not TRACEPARENT.fullmatch(parent):
        return Context()
    _, trace_id, span_id, flags = parent.split("-")
    remote = SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))
    return set_span_in_context(NonRecordingSpan(remote), Context())


def _create_exporters(settings: Settings) -> list[Any]:
    exporters: list[Any] = []
    if settings.otlp_endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporters.append(OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces", timeout=5))
    if settings.traces_file is not None:
        exporters.append(FileExporter(settings.traces_file))
    return exporters


class FileExporter:
    """Appends spans as JSON lines, each batch in one write, because several processes may write the same file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> Any:
        from opentelemetry.sdk.trace.export import SpanExportResult

        lines = "".join(f"{span.to_json(indent=None)}\n" for span in spans)
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
