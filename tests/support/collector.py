"""A tiny OpenTelemetry collector: takes what is exported to it, and holds it against OTLP's rules for JSON."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec

_TRACE_ID: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_ID: Final = re.compile(r"(?!0{16})[0-9a-f]{16}")
_VALUES: Final = {"stringValue": str, "intValue": str, "boolValue": bool}


class Told(msgspec.Struct, frozen=True):
    """One span as a collector knows it."""

    service: str
    name: str
    kind: int
    trace_id: str
    id: str
    parent_id: str
    links: tuple[tuple[str, str], ...]
    attributes: dict[str, Any]
    started_ns: int
    ended_ns: int
    is_error: bool


class Collector:
    """What was taken so far, and what to answer next."""

    def __init__(self, endpoint: str) -> None:
        """Be reached at `endpoint`."""
        self.endpoint = endpoint
        self.spans: list[Told] = []
        self.problems: list[str] = []
        self.requests = 0
        self.answers: list[tuple[int, bytes]] = []

    def of_trace(self, trace_id: str) -> list[Told]:
        """Return the spans of one trace."""
        return [one for one in self.spans if one.trace_id == trace_id]

    def take(self, path: str, kind: str | None, body: bytes) -> tuple[int, bytes]:
        """Read a request and return the answer to it; what breaks a rule is kept as a problem."""
        self.requests += 1
        status, answer = self.answers.pop(0) if self.answers else (200, b"{}")
        if (path, kind) != ("/v1/traces", "application/json"):
            self.problems.append(f"{path} of {kind}")
        if status == 200:
            try:
                self.spans += read(body)
            except (AssertionError, KeyError, ValueError) as cause:
                self.problems.append(repr(cause))
        return status, answer


def read(body: bytes) -> list[Told]:
    """Return the spans of a request.

    Raises:
        AssertionError, KeyError, ValueError: it is not what OTLP says that JSON is.
    """
    spans = []
    for resource in msgspec.json.decode(body)["resourceSpans"]:
        service = _read_attributes(resource["resource"]["attributes"])["service.name"]
        spans += [_read(one, service) for scope in resource["scopeSpans"] for one in scope["spans"]]
    return spans


def _read(one: dict[str, Any], service: str) -> Told:
    """Return one span."""
    links = tuple((link["traceId"], link["spanId"]) for link in one.get("links", ()))
    for trace_id, span_id in ((one["traceId"], one["spanId"]), *links):
        assert _TRACE_ID.fullmatch(trace_id), trace_id
        assert _SPAN_ID.fullmatch(span_id), span_id
    parent = one.get("parentSpanId", "")
    assert not parent or _SPAN_ID.fullmatch(parent), parent
    times = one["startTimeUnixNano"], one["endTimeUnixNano"]
    assert all(isinstance(time, str) for time in times), times
    assert 0 < int(times[0]) <= int(times[1]), times
    assert one["kind"] in range(1, 6)
    return Told(
        service=service,
        name=one["name"],
        kind=one["kind"],
        trace_id=one["traceId"],
        id=one["spanId"],
        parent_id=parent,
        links=links,
        attributes=_read_attributes(one["attributes"]),
        started_ns=int(times[0]),
        ended_ns=int(times[1]),
        is_error=one.get("status", {}).get("code") == 2,
    )


def _read_attributes(listed: list[dict[str, Any]]) -> dict[str, Any]:
    """Return attributes by name, each of one type and none twice."""
    for one in listed:
        [(kind, value)] = one["value"].items()
        assert type(value) is _VALUES[kind], one
    values = {one["key"]: next(iter(one["value"].values())) for one in listed}
    assert len(values) == len(listed), listed
    return values


@contextmanager
def collecting() -> Iterator[Collector]:
    """Yield a collector that listens on a free port."""

    class Handler(BaseHTTPRequestHandler):
        """Hands requests on."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Answer an export."""
            body = self.rfile.read(int(self.headers["content-length"]))
            status, answer = collector.take(self.path, self.headers["content-type"], body)
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    serving.start()
    try:
        yield collector
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
