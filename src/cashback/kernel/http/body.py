"""A request's body: bounded, JSON, and exactly of the documented form.

The framework would first decode to dictionaries and then convert leniently: a number would do for a time, a string for
a number. Here the bytes are decoded once, strictly, into the handler's own struct.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.types import Empty

from cashback.kernel import instants
from cashback.kernel.errors import Invalid, Rejected
from cashback.kernel.http.broken_bodies import JsonMalformed, ended_early
from cashback.kernel.http.contents import NUL_IN_JSON, out_of_range, pointer_of, unstorable_in_turns
from cashback.kernel.http.faults import Fault, fault_told, faults_in_turns
from cashback.kernel.http.media import check_json
from cashback.kernel.http.nesting import depth_in_turns
from cashback.kernel.http.repeated import is_each_named_once, named_twice
from cashback.kernel.http.turns import LargeBodies, Steps, at_once
from cashback.kernel.mistakes import MISTAKES_MAX, gathered

_TEXT_MAX: Final = 300
_DEPTH_MAX: Final = 64

LARGE_BYTES: Final = 2**16
"""What is larger is read step by step, one body at a time; most routes take no such body."""

LARGE_BODIES: Final = "cashback.large_bodies"
"""Where a request's scope has the `LargeBodies` of its process."""

_NOTHING: Final = b"{}"

F = TypeVar("F")


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
        """Return the whole body, or `{}` where it may be left out and is; calling it again returns the same.

        Raises:
            UnsupportedMediaType: it has bytes, and its headers say that they are no JSON, or compressed.
            RequestEntityTooLarge: it has more bytes than the route allows.
            JsonMalformed: it is missing, though it has to say something, or the caller went away before its end.
            RequestUnfinished: it did not come on in time.
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
            Overloaded: it is large, and too many such bodies are being read.
        """
        wanted = self.route_handler.parsed_data_field
        body, kind = await self.body(), Any if wanted is None else wanted.annotation
        scope: Any = self.scope
        large: LargeBodies | None = scope.get(LARGE_BODIES)
        if large is None or len(body) <= LARGE_BYTES:
            return decode_body(body, kind)
        caller = scope.get("user")
        with large.seat(None if caller is None else caller.party):
            return await large.work(_decoded(body, kind, "the body"))

    async def _read(self) -> bytes:
        """Read to the end, and no further than allowed."""
        wanted = self.route_handler.parsed_data_field
        if self.content_length:
            self._check_media()
        most = self.route_handler.resolve_request_max_body_size() or 0
        if (self.content_length or 0) > most:
            raise _too_large(most)
        parts: list[bytes] = []
        size = 0
        has_more = True
        while has_more:
            message = await self.receive()
            if message["type"] != "http.request":
                raise ended_early(self)
            if message["body"] and not size:
                self._check_media()
            parts.append(message["body"])
            size += len(message["body"])
            if size > most:
                raise _too_large(most)
            has_more = message.get("more_body", False)
        if size or wanted is None:
            return b"".join(parts)
        if not may_be_left_out(wanted.annotation):
            raise JsonMalformed("the body is missing")
        return _NOTHING

    def _check_media(self) -> None:
        """Return when the body calls itself JSON, or the route takes none.

        A body without bytes is not judged: curl says `application/x-www-form-urlencoded` of each that it sends, of
        `-d ''` as well.

        Raises:
            UnsupportedMediaType: it calls itself something else.
        """
        if self.route_handler.parsed_data_field is not None:
            check_json(self.headers.get("content-type", ""), self.headers.get("content-encoding", ""))


def may_be_left_out(kind: Any) -> bool:  # noqa: ANN401  # as `decode_body`
    """Tell whether a body of this kind need not be there: it has no member that anybody could have meant to send."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct) and not kind.__struct_fields__


def decode_body(body: bytes, kind: Any, *, called: str = "the body") -> Any:  # noqa: ANN401  # whatever the handler asks for
    """Return a body as `kind`; `called` is what a person calls it, such as its file.

    Raises:
        JsonMalformed: it is not well-formed JSON in UTF-8.
        JsonMemberRepeated: its objects name members twice; with whatever else is wrong.
        BodyInvalid: it has another form, an instant out of range, or a text that cannot be stored.
    """
    return at_once(_decoded(body, kind, called))


def _decoded(body: bytes, kind: Any, called: str) -> Steps[Any]:  # noqa: ANN401  # as above
    """Return what `decode_body` does, step by step.

    Raises:
        JsonMalformed, JsonMemberRepeated, BodyInvalid: as it does.
    """
    try:
        decoded = _decoder(kind).decode(body)
        yield
        is_sound = is_each_named_once(body.decode())
        yield
    except msgspec.ValidationError as cause:
        raise (yield from _misformed(str(cause), body, kind, called)) from cause
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise _malformed(called) from cause
    faults = yield from _unsound(body, decoded, kind)
    if faults or not is_sound:
        twice = {} if is_sound or (yield from _is_too_much(body)) else (yield from _twice(body.decode(), called))
        raise _refused(faults, twice, called)
    return decoded


def _is_too_much(body: bytes) -> Steps[bool]:
    """Tell whether a body nests deeper, or has more parts, than anybody sound writes: nobody goes through that."""
    return (yield from depth_in_turns(body)) > _DEPTH_MAX


def _unsound(body: bytes, decoded: Any, kind: Any) -> Steps[list[Fault]]:  # noqa: ANN401  # as above
    """Return the places of a body of the right form that say what cannot be stored and read again."""
    faults = [(place, instants.WANTED) for place in islice(out_of_range(decoded, kind), MISTAKES_MAX)]
    if NUL_IN_JSON in body:
        yield
        faults = [*(yield from _unstorable(msgspec.json.decode(body))), *faults]
    return faults


def _unstorable(document: Any) -> Steps[list[Fault]]:  # noqa: ANN401  # any JSON
    """Return the faults of a JSON document whose texts cannot all be stored."""
    places = yield from _first(unstorable_in_turns(document))
    return [(place, "a text has no character U+0000") for place in places]


def _first(found: Iterator[F | None]) -> Steps[list[F]]:
    """Return as many of what is found as are told, giving way wherever whoever looks does."""
    told: list[F] = []
    for one in found:
        if one is None:
            yield
            continue
        told.append(one)
        if len(told) == MISTAKES_MAX:
            break
    return told


def _misformed(message: str, body: bytes, kind: Any, called: str) -> Steps[Rejected]:  # noqa: ANN401  # as above
    """Return the failure of a body that a typed decoder refused with a message, which tells of the first fault.

    Raises:
        JsonMalformed: it is not well-formed JSON in UTF-8.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as cause:
        raise _malformed(called) from cause
    try:
        # An untyped decoder follows a stranger's brackets as deep as they go; nobody sound nests them so.
        if (yield from _is_too_much(body)):
            return _refused([fault_told(message, called=called)], {}, called)
        document = msgspec.json.decode(body)
    except msgspec.ValidationError:
        # A number beyond any range is well-formed all the same.
        faults = [fault_told(message, called=called)]
    except msgspec.DecodeError as cause:
        raise _malformed(called) from cause
    else:
        yield
        # The two decoders may differ, as about a member that is named twice.
        faults = (yield from _first(faults_in_turns(document, kind, called=called))) or [
            fault_told(message, called=called)
        ]
        if NUL_IN_JSON in body:
            faults += yield from _unstorable(document)
    return _refused(faults, (yield from _twice(text, called)), called)


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


def _refused(faults: Iterable[Fault], twice: Mapping[str, str], called: str) -> Rejected:
    """Return the failure of a body: what it names twice, then its faults, each place once, and so many at most.

    What is named twice comes first: which of the two the faults are of nobody can say.
    """
    problems: list[Rejected] = []
    for pointer, name in twice.items():
        problems.append(JsonMemberRepeated(f"{called} names the member {name} twice", **_pointed(pointer)))
    places: dict[str, str] = {}
    for place, what in faults:
        places.setdefault(pointer_of(place), what)
        if len(places) == MISTAKES_MAX:
            break
    problems += [BodyInvalid(what[:_TEXT_MAX], **_pointed(pointer)) for pointer, what in places.items()]
    # Nothing is gone through that nests too deep.
    return gathered(problems or [JsonMemberRepeated(f"{called} names a member of an object twice")])


def _twice(text: str, called: str) -> Steps[dict[str, str]]:
    """Return the names that a body's objects have twice, by their pointers; it nests no deeper than may be.

    Raises:
        JsonMalformed: it is no JSON behind what a decoder refused first.
    """
    yield
    try:
        is_sound = is_each_named_once(text)
        yield
        found = [] if is_sound else list(islice(named_twice(text), MISTAKES_MAX))
    except ValueError as cause:
        raise _malformed(called) from cause
    return {pointer_of(place): str(place[-1])[:_TEXT_MAX] for place in found}


def _pointed(pointer: str) -> dict[str, str]:
    """Return a pointer as a problem has it; one of a stranger's endless names is left out."""
    return {"pointer": pointer} if len(pointer) <= _TEXT_MAX else {}
