"""Entity tags over HTTP: told with what is read, asked by whoever has it already, and named by whoever edits it."""

import re
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from litestar import Response
from litestar.datastructures import ResponseHeader
from litestar.openapi import ResponseSpec
from litestar.params import HeaderParameter

from cashback.kernel.entity import TAG_PATTERN
from cashback.kernel.http.problems import problems

_SEEN: Final = (
    "The `ETag` of what is edited, as the caller has seen it: where people have changed it since, nothing is done."
)

Seen: TypeAlias = Annotated[str, HeaderParameter(name="If-Match", pattern=TAG_PATTERN, description=_SEEN)]
SeenIfTold: TypeAlias = Annotated[
    str | None,
    HeaderParameter(name="If-Match", pattern=TAG_PATTERN, description=f"{_SEEN} Without it, it is done in any case."),
]
Held: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="If-None-Match",
        description="The `ETag` of what the caller has already, or several: if it is still that, 304 and no body.",
    ),
]
TAG_HEADER: Final = ResponseHeader(
    name="ETag", value='"3f0c2a9d51b7e846"', description="By which to know this edition of it.", documentation_only=True
)
_OPAQUE: Final = re.compile(r'(?:W/)?("[^"]*")')
_UNCHANGED: Final = ResponseSpec(
    data_container=None, generate_examples=False, description="It is still what `If-None-Match` names."
)


def tagged_problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return what a route documents that tells a tag: its problems, and that there is nothing new."""
    return {HTTPStatus.NOT_MODIFIED: _UNCHANGED, **problems(*statuses)}


def tagged(document: msgspec.Struct, tag: str, held: str | None) -> Response[Any]:
    """Return a document with its tag, or, to whoever holds it already, the tag alone (RFC 9110, section 15.4.5)."""
    headers = {"ETag": tag}
    if held is not None and _is_held(tag, held):
        return Response(content=None, status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content=document, headers=headers)


def _is_held(tag: str, held: str) -> bool:
    """Tell whether a list of tags has this one, by the weak comparison (RFC 9110, section 13.1.2)."""
    return held.strip() == "*" or tag in _OPAQUE.findall(held)
