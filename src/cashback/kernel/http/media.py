"""What a body calls itself: JSON or lines of it, in UTF-8, and not compressed."""

from typing import Final

from litestar.exceptions.http_exceptions import HTTPException

JSON: Final = "application/json"
"""What a body is: others that end in `+json` have rules of their own, which nobody here would keep."""


class UnsupportedMediaType(HTTPException):
    """The body is of a kind that no route takes."""

    status_code = 415


def is_called(media_type: str, kind: str) -> bool:
    """Tell whether a `Content-Type` is `kind` and nothing more, in UTF-8 if it says in what (RFC 8259, section 8.1).

    That RFC knows no other parameters; refusing them is our own rule, for what they say would not be heeded.

    >>> is_called("Application/JSON; charset=UTF-8", "application/json"), is_called("a/b; charset=latin1", "a/b")
    (True, False)
    """
    named, *parameters = [part.strip().lower() for part in media_type.split(";")]
    return named == kind and {*parameters} <= {"", "charset=utf-8", 'charset="utf-8"'}


def check_json(media_type: str, encoding: str) -> None:
    """Return when a body that calls itself so is plain JSON; one that says nothing is taken for it (RFC 9110, 8.3).

    Raises:
        UnsupportedMediaType: it is not.
    """
    if media_type.strip() and not is_called(media_type, JSON):
        raise UnsupportedMediaType(f"the body must be {JSON}")
    if encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("the body must not be compressed")
