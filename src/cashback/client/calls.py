"""What is asked of the API, as a value: made without asking anything, sent as often as need be."""

from datetime import datetime
from typing import Final, Generic, TypeVar
from urllib.parse import quote

import msgspec

T = TypeVar("T")
JSON: Final = "application/json"


class Call(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A request with all that it says, the idempotency key included, and the type of its good answer.

    `body` is a struct, which is written as JSON, or bytes of `content_type`. A good answer is JSON, or else a text of
    the media type `answer_as`, which is told as it is.
    """

    method: str
    path: str
    answer: type[T]
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: msgspec.Struct | bytes | None = None
    content_type: str = JSON
    answer_as: str = JSON

    @property
    def content(self) -> bytes | None:
        """Return the bytes of the body, None without one."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return msgspec.json.encode(self.body)


def path(template: str, **parts: str | int) -> str:
    """Return a path with its parts in their places, each quoted, so that nothing in it leads elsewhere.

    >>> path("/v1/users/{user_id}", user_id="usr_1?limit=2")
    '/v1/users/usr_1%3Flimit%3D2'
    """
    return template.format(**{name: _quoted(str(part)) for name, part in parts.items()})


def query(*given: tuple[str, object]) -> tuple[tuple[str, str], ...]:
    """Return parameters as a URL has them; None is left out, and an instant is told with its offset.

    >>> query(("is_active", True), ("cursor", None))
    (('is_active', 'true'),)
    """
    return tuple((name, _text(value)) for name, value in given if value is not None)


def headers(*given: tuple[str, str | None]) -> tuple[tuple[str, str], ...]:
    """Return headers, without those that are None."""
    return tuple((name, value) for name, value in given if value is not None)


def _quoted(part: str) -> str:
    """Return a part of a path, as one part wherever it is read.

    Servers take an escaped slash for one that divides, dots alone for steps, and nothing at all for the list of all. No
    id has any of these, nor U+0000, which stands in their place: the API knows nothing of that name.
    """
    is_a_name = part.strip(".") != "" and "/" not in part
    return quote(part, safe="") if is_a_name else "%00"


def _text(value: object) -> str:
    """Return a parameter's text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)
