"""What a form cannot tell: which ids there are, and that each command has a key of its own."""

import json
import os
import re
import threading
import time
from collections import Counter, defaultdict, deque
from itertools import count, cycle
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin
from uuid import uuid4

import requests
import schemathesis

KNOWN: Final[dict[str, Any]] = json.loads(Path(os.environ["CASHBACK_FUZZING_KNOWN"]).read_bytes())
"""What members and parameters are called, with something of that name that there is."""

KEPT_KEYS: Final = frozenset(KNOWN.pop("kept_key_ids"))
"""Those that are drawn with: none of them is to be taken away."""

WORKED: Final[dict[str, dict[str, Any]]] = KNOWN.pop("worked")
"""Bodies that are taken, by the command: `<turn>` in them is a new number each time, of `one_of` it is the next."""

FILLED: Final[dict[str, dict[str, Any]]] = KNOWN.pop("filled")
"""Which operations name what an operation made in their bodies, and how, by their names."""

ENDED: Final[dict[str, dict[str, Any]]] = KNOWN.pop("ended")
"""How what a command made is ended, where only so many may be at the same time, by the command."""

LASTING_MAX: Final = 15
"""So many of each of those live: more than a chain makes, and fewer than may be."""

OPENING: Final = frozenset(
    header["value"]
    for one in json.loads(Path(os.environ["CASHBACK_FUZZING_KEYS"]).read_bytes())["auth"]
    for header in one["fixedHeaders"]
)
"""What opens something; whatever else is presented is a guess."""

ANSWERED_WITHIN_S: Final = 30
GUESS_EVERY_S: Final = 1 / 18
"""Faster than that an address is told to wait (429), which is no answer to what is tried out by a guess."""

GUESSING: Final = tuple(f"127.0.0.{number}" for number in range(2, 10))
"""Addresses of this machine that guesses come from in turns: a run makes 600, and from one it waits for 11 s of 79."""

_ID: Final = re.compile(r'"([a-z]{3}_[0-9a-z]{26})"')
_turns: Final = count()
_turns_of: Final[Counter[str]] = Counter()
_told: Final[set[str]] = set()
"""Ids of what chains made, which stay where a link has put them."""

_lasting: Final[defaultdict[str, deque[str]]] = defaultdict(deque)
_send: Final = requests.Session.send


class _Guesser(requests.adapters.HTTPAdapter):
    """Sends guesses from an address, no faster than that one may guess."""

    def __init__(self, address: str) -> None:
        """Send nothing yet."""
        self._address = address
        self._guessed_s = 0.0
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  # as requests has it
        """Have connections come from the address."""
        super().init_poolmanager(*args, source_address=(self._address, 0), **options)

    def send(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401  # as requests has it
        """Send a guess as soon as the address may guess again."""
        now_s = time.monotonic()
        self._guessed_s = max(now_s, self._guessed_s + GUESS_EVERY_S)
        # The beat of what is sent, as `pause` keeps it elsewhere: there is no fact to wait for.
        threading.Event().wait(self._guessed_s - now_s)
        return super().send(*args, **options)


_guessers: Final = cycle([_Guesser(address) for address in GUESSING])


def _patiently(self: Any, request: Any, **options: Any) -> Any:  # noqa: ANN401  # as requests has it
    """Send a request; guesses, those among them that the tool's checks make by themselves, from addresses in turns."""
    if request.headers.get("Authorization") in OPENING:
        return _send(self, request, **options)
    own, self.adapters = self.adapters, {"http://": next(_guessers)}
    try:
        return _send(self, request, **options)
    finally:
        self.adapters = own


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


@schemathesis.hook  # type: ignore[untyped-decorator]  # as above
def before_load_schema(ctx: Any, raw_schema: Any) -> None:  # noqa: ANN401  # schemathesis' own
    """Have answers lead to what names them in its body as well, which the document's own links cannot say."""
    del ctx
    answers = {one["operationId"]: one["responses"] for item in raw_schema["paths"].values() for one in item.values()}
    for source, targets in FILLED.items():
        links = answers[source]["201"].setdefault("links", {})
        for target, body in targets.items():
            links[f"{source}-{target}"] = {"operationId": target, "requestBody": body}


@schemathesis.hook  # type: ignore[untyped-decorator]  # as above
def after_call(ctx: Any, case: Any, response: Any) -> None:  # noqa: ANN401  # schemathesis' own
    """Remember what a chain made, and end what one long before made, so that there is always room for more."""
    del ctx
    if response.status_code != requests.codes.created or not _is_chained(case):
        return
    _told.update(_ID.findall(response.content.decode()))
    if case.operation.label in ENDED:
        end = ENDED[case.operation.label]
        lasting = _lasting[end["path"]]
        lasting.append(response.json()["id"])
        if len(lasting) > LASTING_MAX:
            url = urljoin(response.request.url, end["path"].replace("{id}", lasting.popleft()))
            headers = {"Authorization": response.request.headers["Authorization"], "Idempotency-Key": uuid4().hex}
            requests.post(url, json=end["body"], headers=headers, timeout=ANSWERED_WITHIN_S)


def _name_what_there_is(case: Any, turn: int) -> None:  # noqa: ANN401  # schemathesis' own
    """Have every other request name what there is; in a chain all of them, and say what is taken where we know that.

    What an answer before has told stays, in a chain's path and in its body. A chain must come out as it did when it is
    begun the same way again: the tool gives up its chains, and says nothing, when a step is taken once, then refused.
    """
    label = case.operation.label
    if _is_chained(case) and label in WORKED:
        case.body = _said(WORKED[label], case.body, _turns_of[label])
        _turns_of[label] += 1
    elif _is_chained(case):
        _fill(case.body)
    elif turn % 2:
        for part in (case.path_parameters, case.query, case.body):
            _fill(part)


def _is_chained(case: Any) -> bool:  # noqa: ANN401  # schemathesis' own
    """Tell whether a request is one of a chain."""
    return case.meta is not None and case.meta.phase.name.value == "stateful"


def _said(told: Any, drawn: Any, turn: int) -> Any:  # noqa: ANN401  # any JSON
    """Return a body that is taken, with what an answer before has told at the places where a link has put that."""
    if isinstance(told, dict) and set(told) != {"one_of"}:
        drawn = drawn if isinstance(drawn, dict) else {}
        linked = {name: value for name, value in drawn.items() if isinstance(value, str) and value in _told}
        return linked | {name: _said(value, drawn.get(name), turn) for name, value in told.items()}
    if isinstance(told, list):
        drawn = drawn if isinstance(drawn, list) else []
        return [_said(value, drawn[at] if at < len(drawn) else None, turn) for at, value in enumerate(told)]
    return drawn if isinstance(drawn, str) and drawn in _told else _of_turn(told, turn)


def _of_turn(value: Any, turn: int) -> Any:  # noqa: ANN401  # any JSON
    """Return what a member is this time."""
    if isinstance(value, dict):
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
