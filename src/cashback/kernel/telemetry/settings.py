"""What a process is told about tracing; apart from the export, which loads an HTTP client that most do without."""

from typing import Annotated

import msgspec

from cashback.kernel.config import HttpUrl


class TraceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where traces go, and how many: without an endpoint nowhere.

    The ratio is that of traces that begin in this process; one that was begun elsewhere is recorded if it is there.
    """

    otlp_endpoint: HttpUrl = ""
    trace_ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
