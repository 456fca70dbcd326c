"""Every place of a body that is at fault: a decoder stops at the first one, and tells of that alone.

The body is gone through together with the struct that it should have been. What converts is sound; what does not is
taken apart, and where it cannot be taken apart it is the fault, in the decoder's own words. So nothing is called a
fault that the decoder would have taken. A sound body never comes here.

    body ──▶ members, items ──▶ members, items ──▶ ... no deeper than 16 ──▶ places, with what is wrong there
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import repeat
from types import UnionType
from typing import Annotated, Any, Final, TypeAlias, Union, get_args, get_origin

import msgspec

from cashback.kernel import entity, instants, money, patterns
from cashback.kernel.http.contents import Place, out_of_range

Fault: TypeAlias = tuple[Place, str]
"""A place, and what is wrong there."""

_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_WANTED: Final = money.WANTED | patterns.WANTED | entity.WANTED
_UNMATCHED: Final = {f"Expected `str` matching regex {pattern!r}": wanted for pattern, wanted in _WANTED.items()}
_PLACE: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP: Final = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>[0-9]{1,9})\]")
"""A member's name is the caller's, and may read like a place: no number of theirs is longer than one of ours."""
_TAKEN_APART_MAX: Final = 16
"""Each step down converts once more all that lies below: so deep a body is taken apart, and no deeper."""


def faults_of(document: Any, kind: Any, *, called: str) -> Iterator[Fault]:  # noqa: ANN401  # any JSON, any form
    """Return every fault of a JSON document that should be a `kind`, in its order; `called` is the document's name.

    An object's missing members come after those that it has.
    """
    return (fault for fault in faults_in_turns(document, kind, called=called) if fault is not None)


def faults_in_turns(document: Any, kind: Any, *, called: str) -> Iterator[Fault | None]:  # noqa: ANN401  # as above
    """Yield what `faults_of` does, and None whenever something was looked at: others may have their turn then."""
    yield from _faults(document, kind, (), called)


def fault_told(message: str, *, called: str) -> Fault:
    """Return the fault that a decoder's message tells of."""
    found = _PLACE.search(message)
    what = message[: found.start()] if found else message
    place: Place = ()
    if found:
        steps = _STEP.finditer(found["path"])
        place = tuple(int(step["index"]) if step["index"] else step["name"] for step in steps)
    named = _UNKNOWN.fullmatch(what) or _MISSING.fullmatch(what)
    if named:
        place = (*place, named["name"])
    return place, in_words(what, called=str(place[-1]) if place else called)


def in_words(what: str, *, called: str) -> str:
    """Return what a decoder says of a value; of a text that matches no pattern, in words, what it must be.

    >>> in_words(f"Expected `str` matching regex {money.CURRENCY_PATTERN!r}", called="currency")
    'currency must be a code of ISO 4217 in capital letters'
    """
    wanted = _UNMATCHED.get(what)
    return what if wanted is None else f"{called} must be {wanted}"


def _faults(value: Any, kind: Any, place: Place, called: str) -> Iterator[Fault | None]:  # noqa: ANN401  # as above
    """Yield the faults of what stands at a place and should be a `kind`."""
    try:
        sound = msgspec.convert(value, kind, str_keys=True)
    except msgspec.ValidationError as cause:
        message = str(cause)
    else:
        for stray in out_of_range(sound, kind):
            yield (*place, *stray), instants.WANTED
        yield None
        return
    yield None
    is_told = False
    for fault in _faults_within(value, kind, place, called) if len(place) < _TAKEN_APART_MAX else ():
        is_told = is_told or fault is not None
        yield fault
    if not is_told:
        below, what = fault_told(message, called=str(place[-1]) if place else called)
        yield (*place, *below), what


def _faults_within(
    value: Any,  # noqa: ANN401  # as above
    kind: Any,  # noqa: ANN401  # as above
    place: Place,
    called: str,
) -> Iterator[Fault | None]:
    """Yield the faults of the members or items of what stands at a place, as far as its kind has any.

    Of a list that is too long those are looked at that there may be: if they are sound, its length is the fault.
    """
    forms = _forms(kind)
    if isinstance(value, dict):
        struct = _struct_among([form for form, _ in forms], value)
        if struct is not None:
            yield from _faults_of_object(value, struct, place, called)
        for form, _ in forms:
            for name, item in value.items() if get_origin(form) is dict else ():
                yield from _faults(item, get_args(form)[1], (*place, name), called)
    elif isinstance(value, list):
        for form, most in forms:
            for index, (item, inner) in enumerate(zip(value[:most], _item_kinds(form), strict=False)):
                yield from _faults(item, inner, (*place, index), called)


def _faults_of_object(
    value: Mapping[str, Any], struct: type[msgspec.Struct], place: Place, called: str
) -> Iterator[Fault | None]:
    """Yield the faults of an object's members: those that it has, those that nobody knows, those that it lacks."""
    members, config = _members_of(struct), struct.__struct_config__
    for name, item in value.items():
        if name in members:
            yield from _faults(item, members[name].type, (*place, name), called)
        elif config.forbid_unknown_fields and name != config.tag_field:
            yield (*place, name), f"Object contains unknown field `{name}`"
    for name, member in members.items():
        if member.required and name not in value:
            yield (*place, name), f"Object missing required field `{name}`"


@cache
def _members_of(struct: type[msgspec.Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    """Return the members of a struct, by name; there are as many structs as bodies have parts."""
    return {member.encode_name: member for member in msgspec.structs.fields(struct)}


def _forms(kind: Any) -> tuple[tuple[Any, int | None], ...]:  # noqa: ANN401  # as above
    """Return the types that something of this kind may be of, and of how many parts, as far as that is said."""
    if get_origin(kind) is Annotated:
        inner, *said = get_args(kind)
        most = next((one.max_length for one in said if isinstance(one, msgspec.Meta)), None)
        return tuple((form, bound if most is None else most) for form, bound in _forms(inner))
    if get_origin(kind) in (Union, UnionType):
        return tuple(form for one in get_args(kind) for form in _forms(one))
    return ((kind, None),)


def _struct_among(forms: Iterable[Any], value: Mapping[str, Any]) -> type[msgspec.Struct] | None:
    """Return the struct that an object should be: of several, the one that its tag names."""
    for form in forms:
        if isinstance(form, type) and issubclass(form, msgspec.Struct):
            config = form.__struct_config__
            if config.tag_field is None or value.get(config.tag_field) == config.tag:
                return form
    return None


def _item_kinds(form: Any) -> Iterable[Any]:  # noqa: ANN401  # as above
    """Return of what kind the items of a list should be, one after the other; none where it should be no list."""
    arguments = get_args(form)
    if get_origin(form) is tuple and arguments[1:] != (...,):
        return arguments
    return repeat(arguments[0]) if get_origin(form) in (list, tuple, set, frozenset) else ()
