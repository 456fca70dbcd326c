"""A request's body: bounded, JSON, and exactly of the documented form.

The framework would first decode to dictionaries and then convert leniently: a number would do for a time, a string for
a number. Here the bytes are decoded once, strictly, into the handler's own struct.
"""

from collections.abc import Iterable
from functools import cache
from itertools import islice
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.exceptions.http_exceptions import HTTPException, RequestEntityTooLarge
from litestar.types import Empty

from cashback.kernel import instants
from cashback.kernel.errors import Invalid, Rejected
from cashback.kernel.http.contents import NUL_IN_JSON, out_of_range, pointer_of, unstorable
from cashback.kernel.http.faults import Fault, depth_of, fault_told, faults_of
from cashback.kernel.http.repeated import is_each_named_once, named_twice
from cashback.kernel.mistakes import MISTAKES_MAX, gathered

_TEXT_MAX: Final = 300
_DEPTH_MAX: Final = 64


class UnsupportedMediaType(HTTPException):
    """The body is of a kind that no route takes."""

    status_code = 415


class JsonMalformed(Rejected):
    """The body is not well-formed JSON, or ended early."""

    code = "json_malformed"


class JsonMemberRepeated(Rejected):
    """An object of the body names a member twice, and its author may have meant either (RFC 8259, section 4).

    `pointer` names the member, or the first of several.
    """

    code = "json_member_repeated"


class BodyInvalid(Invalid):
    """The body is JSON of another form than the documented one; `pointer` names the place, or the first of several."""

    code = "request_invalid"


class JsonRequest(Request[Any, Any, Any]):
    """A request whose body, where its route has one, is strict JSON."""

    async def body(self) -> bytes:
        """Return the whole body; calling it again returns the same.

        Raises:
            UnsupportedMediaType: its headers say that it is no JSON, or that it is compressed.
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
            JsonMemberRepeated: it names members twice; with JSON pointers to these, and to whatever else is wrong.
            BodyInvalid: it has another form; with JSON pointers to the places that have.
        """
        wanted = self.route_handler.parsed_data_field
        return decode_body(await self.body(), Any if wanted is None else wanted.annotation)

    async def _read(self) -> bytes:
        """Read to the end, and no further than allowed."""
        if self.route_handler.parsed_data_field is not None:
            _check_media_type(self.headers.get("content-type", ""), self.headers.get("content-encoding", ""))
        most = self.route_handler.resolve_request_max_body_size() or 0
        if (self.content_length or 0) > most:
            raise _too_large(most)
        parts: list[bytes] = []
        size = 0
        has_more = True
        while has_more:
            message = await self.receive()
            if message["type"] != "http.request":
                raise JsonMalformed("the request ended before its body did")
            parts.append(message["body"])
            size += len(message["body"])
            if size > most:
                raise _too_large(most)
            has_more = message.get("more_body", False)
        if not size and self.route_handler.parsed_data_field is not None:
            raise JsonMalformed("the body is missing")
        return b"".join(parts)


def _check_media_type(media_type: str, encoding: str) -> None:
    """Return when a body that calls itself so is plain JSON; one that says nothing is taken for it (RFC 9110, 8.3).

    Raises:
        UnsupportedMediaType: it is not.
    """
    kind = media_type.partition(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMediaType("the body must be application/json")
    if encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("the body must not be compressed")


def decode_body(body: bytes, kind: Any, *, called: str = "the body") -> Any:  # noqa: ANN401  # whatever the handler asks for
    """Return a body as `kind`; `called` is what a person calls it, such as its file.

    Raises:
        JsonMalformed: it is not well-formed JSON in UTF-8.
        JsonMemberRepeated: its objects name members twice; with whatever else is wrong.
        BodyInvalid: it has another form, an instant out of range, or a text that cannot be stored.
    """
    try:
        decoded = _decoder(kind).decode(body)
        is_sound = is_each_named_once(body.decode())
    except msgspec.ValidationError as cause:
        raise _refused(_faults(str(cause), body, kind, called), body, called) from cause
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise _malformed(called) from cause
    faults = _unsound(body, decoded, kind)
    if faults or not is_sound:
        raise _refused(faults, body, called)
    return decoded


def _unsound(body: bytes, decoded: Any, kind: Any) -> list[Fault]:  # noqa: ANN401  # as above
    """Return the places of a body of the right form that say what cannot be stored and read again."""
    faults = [(place, instants.WANTED) for place in islice(out_of_range(decoded, kind), MISTAKES_MAX)]
    if NUL_IN_JSON in body:
        faults = [*_unstorable(msgspec.json.decode(body)), *faults]
    return faults


def _unstorable(document: Any) -> list[Fault]:  # noqa: ANN401  # any JSON
    """Return the faults of a JSON document whose texts cannot all be stored."""
    return [(place, "a text has no character U+0000") for place in islice(unstorable(document), MISTAKES_MAX)]


def _faults(message: str, body: bytes, kind: Any, called: str) -> list[Fault]:  # noqa: ANN401  # as above
    """Return what is wrong with a body that a typed decoder refused with a message, which tells of the first fault.

    Raises:
        JsonMalformed: it is not well-formed JSON in UTF-8.
    """
    try:
        body.decode()
        # An untyped decoder follows a stranger's brackets as deep as they go; nobody sound nests them so.
        if depth_of(body) > _DEPTH_MAX:
            return [fault_told(message, called=called)]
        document = msgspec.json.decode(body)
    except msgspec.ValidationError:
        # A number beyond any range is well-formed all the same.
        return [fault_told(message, called=called)]
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise _malformed(called) from cause
    # The two decoders may differ, as about a member that is named twice.
    faults = list(islice(faults_of(document, kind, called=called), MISTAKES_MAX))
    nuls = _unstorable(document) if NUL_IN_JSON in body else []
    return [*(faults or [fault_told(message, called=called)]), *nuls]


def _malformed(called: str) -> JsonMalformed:
    """Return the failure of a body that is no JSON."""
    return JsonMalformed(f"{called} is not well-formed JSON in UTF-8")


def _too_large(most: int) -> RequestEntityTooLarge:
    """Return the failure of a body of more than `most` bytes."""
    return RequestEntityTooLarge(f"the body is larger than {most >> 10} KiB")


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:  # noqa: ANN401  # as `decode_body`
    """Return the decoder of one handler's body; there are as many as routes."""
    return msgspec.json.Decoder(kind)


def _refused(faults: Iterable[Fault], body: bytes, called: str) -> Rejected:
    """Return the failure of a body: what it names twice, then its faults, each place once, and so many at most.

    What is named twice comes first: which of the two the faults are of nobody can say.
    """
    problems: list[Rejected] = []
    for pointer, name in _twice(body, called).items():
        problems.append(JsonMemberRepeated(f"{called} names the member {name} twice", **_pointed(pointer)))
    places: dict[str, str] = {}
    for place, what in faults:
        places.setdefault(pointer_of(place), what)
        if len(places) == MISTAKES_MAX:
            break
    problems += [BodyInvalid(what[:_TEXT_MAX], **_pointed(pointer)) for pointer, what in places.items()]
    # Nothing is gone through that nests too deep.
    return gathered(problems or [JsonMemberRepeated(f"{called} names a member of an object twice")])


def _twice(body: bytes, called: str) -> dict[str, str]:
    """Return the names that a body's objects have twice, by their pointers; none of one that nests too deep.

    Raises:
        JsonMalformed: it is no JSON behind what a decoder refused first.
    """
    if depth_of(body) > _DEPTH_MAX:
        return {}
    try:
        text = body.decode()
        found = [] if is_each_named_once(text) else list(islice(named_twice(text), MISTAKES_MAX))
    except ValueError as cause:
        raise _malformed(called) from cause
    return {pointer_of(place): str(place[-1])[:_TEXT_MAX] for place in found}


def _pointed(pointer: str) -> dict[str, str]:
    """Return a pointer as a problem has it; one of a stranger's endless names is left out."""
    return {"pointer": pointer} if len(pointer) <= _TEXT_MAX else {}
