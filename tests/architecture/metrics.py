"""Every metric that the sources declare, by the name that a probe shows, and the table of them in docs/metrics.md.

`python -m tests.architecture.metrics` writes the tables anew.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from tests.architecture.documents import ROOT, SOURCES

DOCUMENT: Final = ROOT / "docs" / "metrics.md"
KINDS: Final = {
    "Counter": "counter",
    "Gauge": "gauge",
    "Histogram": "histogram",
    "GaugeMetricFamily": "gauge",
    "CounterMetricFamily": "counter",
}

CONVENTIONS: Final = {
    "http_server_request_duration_seconds": {"http_request_method", "http_response_status_code", "http_route"},
    "rpc_server_call_duration_seconds": {"rpc_system_name", "rpc_method", "rpc_response_status_code"},
    "messaging_client_sent_messages_total": {"messaging_system", "messaging_operation_name"},
    "messaging_client_consumed_messages_total": {"messaging_system", "messaging_operation_name"},
    "messaging_client_operation_duration_seconds": {"messaging_system", "messaging_operation_name", "error_type"},
    "messaging_process_duration_seconds": {"messaging_system", "messaging_operation_name", "error_type"},
    "db_client_operation_duration_seconds": {"db_system_name", "error_type"},
    "db_client_connection_count": {"db_client_connection_pool_name", "db_client_connection_state"},
    "db_client_connection_max": {"db_client_connection_pool_name"},
    "db_client_connection_pending_requests": {"db_client_connection_pool_name"},
    "db_client_connection_timeouts_total": {"db_client_connection_pool_name"},
}
"""The names of OpenTelemetry's semantic conventions used here, as Prometheus writes them, and labels of theirs."""

LABELS: Final = {
    "answer": "what a node may answer to a send",
    "consumer": "the durable consumers",
    "db_client_connection_pool_name": "one per process",
    "db_client_connection_state": "`idle`, `used`",
    "db_system_name": "`postgresql`",
    "end": "how a reconciliation ends",
    "endpoint": "the nodes in the adapter's settings, by place, host and port",
    "error_type": "classes of exceptions; empty for success",
    "found": "what the sweep finds",
    "http_request_method": "the methods of HTTP; all others are `_OTHER`",
    "http_response_status_code": "the statuses of HTTP",
    "http_route": "the routes of docs/openapi.json; empty where none was come to",
    "kind": "the kinds of docs/runbooks/reconcile.md",
    "messaging_consumer_group_name": "the durable consumers",
    "messaging_destination_name": "`cashback.v1`",
    "messaging_operation_name": "`send`, `receive`, `process`",
    "messaging_system": "`nats`",
    "method": "the methods of JSON-RPC that the adapter calls",
    "mode": "`incremental`, `whole`",
    "outcome": "what may become of a command, a delivery or a try",
    "patience": "the two lengths of a wait",
    "reason": "codes, each a constant in the sources",
    "result": "what may become of a request or an answer",
    "rpc_method": "the methods of proto/, and of reflection and health",
    "rpc_response_status_code": "the statuses of gRPC",
    "rpc_system_name": "`grpc`",
    "schema": "the schemas that have an outbox",
    "signer": "the signers in the adapter's settings",
    "step": "the steps of a cashback's life",
    "stream": "`CASHBACK`, `CASHBACK_DLQ`",
    "to": "the states of a cashback",
    "way": "`atomic`, `single`",
}
"""Every label with what bounds its values: nobody's id, key, address or words are one."""

GROUPS: Final = (
    ("HTTP and gRPC", r"http_|rpc_|cashback_http_"),
    ("Broker and consumers", r"messaging_|cashback_(bus|consumer)_"),
    ("Outbox", r"cashback_outbox_"),
    ("Database", r"db_|cashback_database_"),
    ("Purchases", r"cashback_purchases_"),
    ("Ledger", r"cashback_ledger_"),
    ("Minting", r"cashback_minting_"),
    ("Chain", r"cashback_chain_"),
    ("Webhooks", r"cashback_webhook_"),
    ("Processes", r"cashback_(trace|failpoints)_"),
)


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A metric by the name that a probe shows; a histogram is there as `_bucket`, `_count` and `_sum`."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str
    module: str

    @property
    def series(self) -> frozenset[str]:
        """Return the names under which a probe has samples of it."""
        ends = ("_bucket", "_count", "_sum") if self.kind == "histogram" else ("",)
        return frozenset(self.name + end for end in ends)


@cache
def declared(sources: Path = SOURCES) -> tuple[Metric, ...]:
    """Return every metric of the sources, by name."""
    found = [metric for path in sources.rglob("*.py") for metric in _declared_in(path, path.relative_to(sources))]
    return tuple(sorted(found, key=lambda metric: metric.name))


def _declared_in(path: Path, place: Path) -> Iterator[Metric]:
    """Yield the metrics of one module."""
    source = path.read_text()
    if "prometheus_client" not in source:
        return
    lists = {
        target.id: node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in KINDS:
            continue
        texts = [one.value for one in node.args[:2] if isinstance(one, ast.Constant)]
        if len(texts) < len(("name", "text")):
            continue
        kind, (name, text) = KINDS[node.func.id], map(str, texts)
        labels = [*node.args[2:3], *(one.value for one in node.keywords if one.arg == "labels")]
        names = lists[labels[0].id] if labels and isinstance(labels[0], ast.Name) else labels[0] if labels else None
        yield Metric(
            name=name.removesuffix("_total") + "_total" if kind == "counter" else name,
            kind=kind,
            labels=() if names is None else tuple(ast.literal_eval(names)),
            text=text,
            module=place.as_posix(),
        )


def tables() -> str:
    """Return the tables of docs/metrics.md: of the metrics by what they are about, and of the labels."""
    metrics = declared()
    parts = []
    for heading, pattern in GROUPS:
        lines = [_row(metric) for metric in metrics if re.match(pattern, metric.name)]
        parts.append(
            "\n".join([f"### {heading}", "", "| metric | kind | labels | says | in |", "|---|---|---|---|---|", *lines])
        )
    used = sorted({label for metric in metrics for label in metric.labels})
    lines = [f"| `{label}` | {LABELS[label]} |" for label in used]
    parts.append("\n".join(["### Labels", "", "| label | its values are |", "|---|---|", *lines]))
    return "\n\n".join(parts) + "\n"


def _row(metric: Metric) -> str:
    """Return a metric's row."""
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {in_a_cell(metric.text)} | `{metric.module}` |"


def in_a_cell(text: str) -> str:
    """Return a sentence as a part of a line; an abbreviation keeps its capital.

    >>> in_a_cell("Outcomes written."), in_a_cell("SQL statements"), in_a_cell("JSON-RPC requests.")
    ('outcomes written', 'SQL statements', 'JSON-RPC requests')
    """
    first = text[0].lower() if text[1].islower() or text[1] == " " else text[0]
    return f"{first}{text[1:].rstrip('.')}"


def document() -> str:
    """Return docs/metrics.md with the tables as they are to be."""
    head, mark, _ = DOCUMENT.read_text().partition("## All of them\n")
    assert mark
    return f"{head}{mark}\n{tables()}"


if __name__ == "__main__":
    DOCUMENT.write_text(document())
