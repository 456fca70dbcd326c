"""Logs, traces and metrics: what a process tells about itself.

Log events are `noun.past_verb` constants with values as keys. The trace context (W3C `traceparent`) travels from the
HTTP request through outbox, NATS and gRPC to the chain attempt.

    context ◀── spans ──put──▶ export ──OTLP/HTTP──▶ a collector      only where CASHBACK_OTLP_ENDPOINT names one
       ▲
     logs                                                             every line names the trace it belongs to
"""

from cashback.kernel.telemetry.context import current_traceparent, trace
from cashback.kernel.telemetry.logs import Logger, configure, logger, write_info
from cashback.kernel.telemetry.spans import (
    Kind,
    Moment,
    Span,
    Value,
    batch,
    each,
    heir_of,
    is_tracing,
    record_with,
    span,
)

__all__ = [
    "Kind",
    "Logger",
    "Moment",
    "Span",
    "Value",
    "batch",
    "configure",
    "current_traceparent",
    "each",
    "heir_of",
    "is_tracing",
    "logger",
    "record_with",
    "span",
    "trace",
    "write_info",
]
