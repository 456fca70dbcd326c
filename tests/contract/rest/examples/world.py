"""A world that is always the same: ids in an order, one clock, and what the machine's clock says set afterwards."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any, Final, TypeVar
from unittest.mock import patch

import msgspec

from cashback.kernel import ids
from tests.integration.ledger.world import START

T = TypeVar("T")

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
_TAG: Final = re.compile(r"\b[0-9a-f]{16}\b")
_TOLD_TAG: Final = "3f0c2a9d51b7e846"
_AROUND: Final = timedelta(days=3)
"""Whatever lies within that of the recording was told by the machine's clock: the world's own is behind it."""


class _Chance:
    """What ids and secrets are made of, in an order that is always the same: `time`, `os` and `secrets` of theirs."""

    def __init__(self) -> None:
        """Begin at the beginning."""
        self._milliseconds = count(int(START.timestamp()) * 1_000)
        self._numbers = count(1)

    def time_ns(self) -> int:
        """Return an instant a millisecond behind the one before."""
        return next(self._milliseconds) * 1_000_000

    def urandom(self, length: int) -> bytes:
        """Return bytes that look like any others."""
        return sha256(str(next(self._numbers)).encode()).digest()[:length]

    def token_urlsafe(self, length: int) -> str:
        """Return a secret that is none."""
        return ("example" * length)[: -(-length * 4 // 3)]


@contextmanager
def same_ids() -> Iterator[None]:
    """Have ids and secrets of this process come in an order that is always the same."""
    chance = _Chance()

    def tail() -> str:
        """Return the end of an id that was made of one drawing."""
        [drawn] = ids._tails(chance.urandom(16))
        return drawn

    with patch.multiple(ids, time=chance, _tail=tail, os=chance, secrets=chance):
        yield


def settled(recorded: T, kind: type[T], *, began: datetime) -> T:
    """Return what was recorded, with the machine's time and traces as in every recording."""
    told = msgspec.json.decode(msgspec.json.encode(recorded))
    return msgspec.convert(_settled(told, began), type=kind)


def _settled(value: Any, began: datetime) -> Any:  # noqa: ANN401  # any JSON
    """Return JSON so."""
    if isinstance(value, dict):
        return {name: _named(name, inner, began) for name, inner in value.items()}
    if isinstance(value, list):
        return [_settled(inner, began) for inner in value]
    return _text(value, began) if isinstance(value, str) else value


def _named(name: str, value: Any, began: datetime) -> Any:  # noqa: ANN401  # any JSON
    """Return a member so; a tag is one of all that is told, the machine's time included."""
    if name == "If-Match":
        return _TAG.sub(_TOLD_TAG, value)
    return _TRACE if name == "trace_id" else _settled(value, began)


def _text(text: str, began: datetime) -> str:
    """Return a text so."""

    def instant(found: re.Match[str]) -> str:
        at = datetime.fromisoformat(found[0])
        hours = (at - began + timedelta(minutes=30)) // timedelta(hours=1)
        is_of_machine = abs(at - began) < _AROUND and at > began - timedelta(hours=1)
        return (START + timedelta(hours=hours)).isoformat().replace("+00:00", "Z") if is_of_machine else found[0]

    return _INSTANT.sub(instant, text)
