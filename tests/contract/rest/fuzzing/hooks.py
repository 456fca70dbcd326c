"""What a form cannot tell: which ids there are, and that each command has a key of its own."""

import json
import os
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import schemathesis

KNOWN: Final[dict[str, Any]] = json.loads(Path(os.environ["CASHBACK_FUZZING_KNOWN"]).read_bytes())
"""What members and parameters are called, with something of that name that there is."""

OWN_KEY: Final = str(KNOWN.pop("own_key_id"))
_turns: Final = count()


@schemathesis.hook  # type: ignore[untyped-decorator]  # as seen without its environment
def before_call(ctx: Any, case: Any, kwargs: Any) -> None:  # noqa: ANN401  # schemathesis' own
    """Give a command a key of its own, and every other sound request what there is; keep our own API key."""
    del ctx, kwargs
    if case.headers and "Idempotency-Key" in case.headers and _is_sound(case):
        case.headers["Idempotency-Key"] = uuid4().hex
    if _is_sound(case) and next(_turns) % 2:
        for part in (case.path_parameters, case.query, case.body):
            _fill(part)
    for name, value in dict(case.path_parameters or {}).items():
        if value == OWN_KEY:
            case.path_parameters[name] = OWN_KEY[:-1] + ("0" if OWN_KEY[-1] != "0" else "1")


@schemathesis.serializer("application/x-ndjson")  # type: ignore[untyped-decorator]  # as above
def lines(ctx: Any, value: Any) -> bytes:  # noqa: ANN401  # schemathesis' own
    """Send a text as it is, and whatever else as JSON."""
    del ctx
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def _is_sound(case: Any) -> bool:  # noqa: ANN401  # schemathesis' own
    """Tell whether a request is meant to be taken."""
    return case.meta is None or case.meta.generation.mode.is_positive


def _fill(part: Any) -> None:  # noqa: ANN401  # any JSON
    """Have members name what there is."""
    if isinstance(part, dict):
        for name in part:
            if name in KNOWN and isinstance(part[name], str):
                part[name] = KNOWN[name]
