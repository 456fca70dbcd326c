"""Export: spans to a collector by OTLP over HTTP, in JSON (OpenTelemetry Protocol 1.x), beside the work.

    span ends ──put──▶ queue, 4,096 at most ──512, or what came in a second──▶ POST <endpoint>/v1/traces
                          └──full: dropped, counted                              └──no answer: again, five times at most

Nothing waits for a collector: what it does not take in time is dropped and counted, and a process ends without it.
"""

import asyncio
import os
import socket
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import httpx
import msgspec
from prometheus_client import Counter, Gauge

from cashback.kernel.backoff import delay_ms
from cashback.kernel.telemetry.context import span_of, trace_of
from cashback.kernel.telemetry.logs import logger
from cashback.kernel.telemetry.settings import TraceSettings
from cashback.kernel.telemetry.spans import Span, Value, record_with

QUEUE_MAX: Final = 4_096
BATCH_MAX: Final = 512
EVERY_S: Final = 1.0
TIMEOUT_S: Final = 5.0
TRIES_MAX: Final = 5
ENDS_WITHIN_S: Final = 0.75
"""What is left to the last spans once a process has ended its work, of the five seconds that it is given."""

_RETRIED: Final = frozenset({429, 502, 503, 504})
_ERROR: Final = 2
_ANSWER_BYTES_MAX: Final = 65_536

log = logger(__name__)
DROPPED: Final = Counter("cashback_trace_spans_dropped", "spans that no collector took, by why", ["reason"])
EXPORTED: Final = Counter("cashback_trace_spans_exported", "spans that a collector took")
QUEUED: Final = Gauge("cashback_trace_spans_queued", "spans that wait to be exported")


class Exporter:
    """Takes spans at once, and has the collector take them later."""

    def __init__(self, endpoint: str, *, process: str, every_s: float = EVERY_S) -> None:
        """Export to `endpoint` (`/v1/traces` is added), as the service `process`, at least every `every_s`."""
        self._url = f"{endpoint.rstrip('/')}/v1/traces"
        self._resource = resource(process)
        self._every_s = every_s
        self._queue: deque[Span] = deque()
        self._is_worthwhile = asyncio.Event()
        self._ends = asyncio.Event()
        self._fails = False

    def put(self, span: Span) -> None:
        """Take a span that has ended, or drop it when too many wait already."""
        if len(self._queue) >= QUEUE_MAX:
            DROPPED.labels("queue_full").inc()
            return
        self._queue.append(span)
        if len(self._queue) >= BATCH_MAX:
            self._is_worthwhile.set()

    async def run(self) -> None:
        """Export until `end` was called and nothing is left; cancelled it leaves the rest behind."""
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
            while not (self._ends.is_set() and not self._queue):
                await self._wait()
                while self._queue:
                    spans = self._next()
                    try:
                        await self._export(client, spans)
                    except Exception:  # the exporter outlives a batch that broke: nobody looks at its end
                        log.exception("traces.batch_broke", endpoint=self._url)
                        DROPPED.labels("unforeseen").inc(len(spans))

    def end(self) -> None:
        """Have `run` return once what waits is exported."""
        self._ends.set()
        self._is_worthwhile.set()

    def forget(self) -> None:
        """Drop what still waits, and count it."""
        DROPPED.labels("process_ended").inc(len(self._queue))
        self._queue.clear()

    async def _wait(self) -> None:
        """Return when there is a batch, or when what there is has waited long enough."""
        QUEUED.set(len(self._queue))
        if not self._ends.is_set():
            self._is_worthwhile.clear()
        if len(self._queue) < BATCH_MAX:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._is_worthwhile.wait()

    def _next(self) -> list[Span]:
        """Take the next batch out of the queue."""
        return [self._queue.popleft() for _ in range(min(BATCH_MAX, len(self._queue)))]

    async def _export(self, client: httpx.AsyncClient, spans: Sequence[Span]) -> None:
        """Have the collector take `spans`, with patience, or drop them."""
        body = encoded(spans, self._resource)
        reason = ""
        try:
            for tried in range(1, TRIES_MAX + 1):
                reason, rejected = await self._post(client, body)
                if not reason:
                    EXPORTED.inc(len(spans) - rejected)
                    DROPPED.labels("rejected").inc(rejected)
                    self._fails = False
                    return
                self._tell(reason)
                if reason == "refused" or tried == TRIES_MAX:
                    break
                await asyncio.sleep(delay_ms(tried, first_ms=200, longest_ms=2_000, jitter_per_mille=0) / 1_000)
        except asyncio.CancelledError:
            reason = "process_ended"
            raise
        finally:
            if reason:
                DROPPED.labels(reason).inc(len(spans))

    async def _post(self, client: httpx.AsyncClient, body: bytes) -> tuple[str, int]:
        """Return why the collector did not take a batch, "" if it did, and how many spans of it it rejected."""
        try:
            answer = await client.post(self._url, content=body, headers={"content-type": "application/json"})
        except httpx.HTTPError:
            return "unanswered", 0
        if answer.is_success:
            return "", rejected_in(answer.content)
        return "unanswered" if answer.status_code in _RETRIED else "refused", 0

    def _tell(self, reason: str) -> None:
        """Say once that the collector takes nothing, until it does again."""
        if not self._fails:
            log.warning("traces.unexported", reason=reason, endpoint=self._url)
        self._fails = True


@asynccontextmanager
async def exporting(settings: TraceSettings, *, process: str) -> AsyncIterator[None]:
    """Have what this process does inside be traced to the endpoint; the last spans get a moment at the end."""
    exporter = Exporter(settings.otlp_endpoint, process=process)
    running = asyncio.create_task(exporter.run(), name="traces")
    try:
        with record_with(exporter.put, ratio=settings.trace_ratio):
            yield
    finally:
        exporter.end()
        await asyncio.wait({running}, timeout=ENDS_WITHIN_S)
        running.cancel()
        await asyncio.wait({running})
        exporter.forget()


def resource(process: str) -> dict[str, Any]:
    """Return who speaks, by the semantic conventions: one service per kind of process, one instance per process."""
    named = {"service.namespace": "cashback", "service.name": process.replace(" ", "-")}
    named |= {"service.instance.id": f"{socket.gethostname()}:{os.getpid()}", "host.name": socket.gethostname()}
    return {"attributes": _attributes(named)}


def encoded(spans: Sequence[Span], who: dict[str, Any]) -> bytes:
    """Return an `ExportTraceServiceRequest` as OTLP writes it in JSON: ids in hex, 64-bit numbers as strings."""
    scope = {"scope": {"name": "cashback"}, "spans": [_span(one) for one in spans]}
    return msgspec.json.encode({"resourceSpans": [{"resource": who, "scopeSpans": [scope]}]})


def rejected_in(answer: bytes) -> int:
    """Return how many spans a collector that took a batch did not take; what cannot be read says nothing."""
    try:
        body = msgspec.json.decode(answer[:_ANSWER_BYTES_MAX])
        return max(0, int(body["partialSuccess"]["rejectedSpans"]))
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return 0


def _span(span: Span) -> dict[str, Any]:
    """Return one span."""
    told: dict[str, Any] = {
        "traceId": trace_of(span.traceparent),
        "spanId": span_of(span.traceparent),
        "flags": 1,
        "name": span.name,
        "kind": int(span.kind),
        "startTimeUnixNano": str(span.started_ns),
        "endTimeUnixNano": str(span.ended_ns),
        "attributes": _attributes(span.attributes),
    }
    if span.parent_id:
        told["parentSpanId"] = span.parent_id
    if span.links:
        told["links"] = [{"traceId": trace_of(link), "spanId": span_of(link), "flags": 1} for link in span.links]
    if span.error:
        told["attributes"].append(_attribute("error.type", span.error))
        told["status"] = {"code": _ERROR}
    return told


def _attributes(values: dict[str, Value] | dict[str, str]) -> list[dict[str, Any]]:
    """Return attributes as OTLP lists them."""
    return [_attribute(name, value) for name, value in values.items()]


def _attribute(name: str, value: Value) -> dict[str, Any]:
    """Return one attribute."""
    if isinstance(value, bool):
        return {"key": name, "value": {"boolValue": value}}
    if isinstance(value, int):
        return {"key": name, "value": {"intValue": str(value)}}
    return {"key": name, "value": {"stringValue": value}}
