"""What a form cannot tell: which ids there are, and that each command has a key of its own."""

import json
import os
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import requests
import schemathesis

KNOWN: Final[dict[str, Any]] = json.loads(Path(os.environ["CASHBACK_FUZZING_KNOWN"]).read_bytes())
"""What members and parameters are called, with something of that name that there is."""

KEPT_KEYS: Final = frozenset(KNOWN.pop("kept_key_ids"))
"""Those that are drawn with: none of them is to be taken away."""

WORKED: Final[dict[str, dict[str, Any]]] = KNOWN.pop("worked")
"""Bodies that are taken, by the command: `<turn>` in them is a new number each time, of `one_of` it is the next."""

OPENING: Final = frozenset(
    header["value"]
    for one in json.loads(Path(os.environ["CASHBACK_FUZZING_KEYS"]).read_bytes())["auth"]
    for header in one["fixedHeaders"]
)
"""What opens something; whatever else is presented is a guess."""

GUESS_EVERY_S: Final = 1 / 18
"""Faster than that an address is told to wait (429), which is no answer to what is tried out by a guess."""

_turns: Final = count()
_send: Final = requests.Session.send
_guessed_s: Final = [0.0]


def _patiently(self: Any, request: Any, **options: Any) -> Any:  # noqa: ANN401  # as requests has it
    """Send a request; guesses, those among them that the tool's checks make by themselves, no faster than allowed."""
    if request.headers.get("Authorization") not in OPENING:
        now_s = time.monotonic()
        _guessed_s[0] = max(now_s, _guessed_s[0] + GUESS_EVERY_S)
        # The beat of what is sent, as `pause` keeps it elsewhere: there is no fact to wait for.
        threading.Event().wait(_guessed_s[0] - now_s)
    return _send(self, request, **options)


requests.Session.send = _patiently  # type: ignore[method-assign]  # there is no hook that all requests come through


@schemathesis.hook  # type: ignore[untyped-decorator]  # as seen without its environment
def before_call(ctx: Any, case: Any, kwargs: Any) -> None:  # noqa: ANN401  # schemathesis' own
    """Give a command a key of its own, and a sound request what there is; keep our own API keys."""
    del ctx, kwargs
    if _is_sound(case):
        if case.headers and "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = uuid4().hex
        _name_what_there_is(case, next(_turns))
    for name, value in dict(case.path_parameters or {}).items():
        if isinstance(value, str) and value in KEPT_KEYS:
            case.path_parameters[name] = value[:-1] + ("0" if value[-1] != "0" else "1")


def _name_what_there_is(case: Any, turn: int) -> None:  # noqa: ANN401  # schemathesis' own
    """Have every other request name what there is; in a chain all of them, and say what is taken where we know that.

    What a chain's path names is what an answer before has told, and stays. A chain must come out as it did when it is
    begun the same way again: the tool gives up its chains, and says nothing, when a step is taken once, then refused.
    """
    is_chained = case.meta is not None and case.meta.phase.name.value == "stateful"
    if is_chained and case.operation.label in WORKED:
        case.body = {name: _of_turn(value, turn) for name, value in WORKED[case.operation.label].items()}
    if is_chained:
        _fill(case.body)
    elif turn % 2:
        for part in (case.path_parameters, case.query, case.body):
            _fill(part)


def _of_turn(value: Any, turn: int) -> Any:  # noqa: ANN401  # any JSON
    """Return what a member is this time."""
    if isinstance(value, dict) and set(value) == {"one_of"}:
        return value["one_of"][turn % len(value["one_of"])]
    return value.replace("<turn>", str(turn)) if isinstance(value, str) else value


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
            if name in KNOWN and isinstance(part[name], type(KNOWN[name])):
                part[name] = KNOWN[name]
