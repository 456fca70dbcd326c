"""A request's body: bounded, JSON, and exactly of the documented form.

The framework would first decode to dictionaries and then convert leniently: a number would do for a time, a string for
a number. Here the bytes are decoded once, strictly, into the handler's own struct.
"""

import re
from functools import cache
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.types import Empty

from cashback.kernel.errors import Invalid, Rejected

_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_PLACE: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP: Final = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>[0-9]+)\]")
_TEXT_MAX: Final = 300


class JsonMalformed(Rejected):
    """The body is not well-formed JSON, or ended early."""

    code = "json_malformed"


class BodyInvalid(Invalid):
    """The body is JSON of another form than the documented one; `pointer` names the place."""

    code = "request_invalid"


class JsonRequest(Request[Any, Any, Any]):
    """A request whose body, where its route has one, is strict JSON."""

    async def body(self) -> bytes:
        """Return the whole body; calling it again returns the same.

        Raises:
            RequestEntityTooLarge: it has more bytes than the route allows.
            JsonMalformed: it is missing, or the caller went away before its end.
        """
        if self._body is Empty:
            self._body = await self._read()
        return self._body

    async def json(self) -> Any:  # noqa: ANN401  # a struct of the handler's own
        """Return the body as the struct that the handler asks for.

        Raises:
            JsonMalformed: it is not well-formed JSON.
            BodyInvalid: it has another form; with a JSON pointer to the first place that has.
        """
        wanted = self.route_handler.parsed_data_field
        return decode_body(await self.body(), Any if wanted is None else wanted.annotation)

    async def _read(self) -> bytes:
        """Read to the end, and no further than allowed."""
        most = self.route_handler.resolve_request_max_body_size() or 0
        if (self.content_length or 0) > most:
            raise RequestEntityTooLarge
        body = b""
        has_more = True
        while has_more:
            message = await self.receive()
            if message["type"] != "http.request":
                raise JsonMalformed("the request ended before its body did")
            body += message["body"]
            if len(body) > most:
                raise RequestEntityTooLarge
            has_more = message.get("more_body", False)
        if not body and self.route_handler.parsed_data_field is not None:
            raise JsonMalformed("the body is missing")
        return body


def decode_body(body: bytes, kind: Any) -> Any:  # noqa: ANN401  # whatever the handler asks for
    """Return a body as `kind`.

    Raises:
        JsonMalformed: it is not well-formed JSON in UTF-8.
        BodyInvalid: it has another form.
    """
    try:
        return _decoder(kind).decode(body)
    except msgspec.ValidationError as cause:
        raise _invalid(str(cause)) from cause
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise JsonMalformed("the body is not well-formed JSON in UTF-8") from cause


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:  # noqa: ANN401  # as `decode_body`
    """Return the decoder of one handler's body; there are as many as routes."""
    return msgspec.json.Decoder(kind)


def _invalid(message: str) -> BodyInvalid:
    """Return the failure that a decoder's message tells of, its place as a JSON pointer (RFC 6901)."""
    place = _PLACE.search(message)
    what = message[: place.start()] if place else message
    steps = [step["name"] or step["index"] for step in _STEP.finditer(place["path"])] if place else []
    named = _UNKNOWN.fullmatch(what) or _MISSING.fullmatch(what)
    if named:
        steps.append(named["name"])
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    return BodyInvalid(what[:_TEXT_MAX], **({"pointer": pointer} if len(pointer) <= _TEXT_MAX else {}))
