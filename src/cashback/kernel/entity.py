"""Entity tags (RFC 9110, section 8.8.3): by which edition of a document somebody knows it, and edits it.

    "3f0c2a9d51b7e846"            the whole of it, by the first 64 bits of its SHA-256
    "3f0c2a9d51b7e846-91d2a07c"   what people set of it, and behind the dash what moves by itself

Whoever reads compares the whole. An edit is made for what people set: that something has moved by itself outdates none.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

TAG_PATTERN: Final = r'^"[0-9a-f]{16}(-[0-9a-f]{8})?"$'
REVISION_PATTERN: Final = r'^"[1-9][0-9]{0,8}"$'
"""The tag of what counts how often it was changed."""

WANTED: Final = {
    TAG_PATTERN: 'the one `ETag` of what is edited, as reading it told: in quotation marks, such as "3f0c2a9d51b7e846"',
    REVISION_PATTERN: 'the one `ETag` of what is edited, as reading it told: in quotation marks, such as "3"',
}
"""What each pattern wants, in the words of somebody who never saw it."""

_SET_DIGITS: Final = 16
_MOVING_DIGITS: Final = 8
_encoder: Final = msgspec.json.Encoder(order="deterministic")


def tag_of(document: msgspec.Struct, *, moving: Collection[str] = ()) -> str:
    """Return the strong tag of a document, of which the members `moving` are those that nobody sets.

    >>> class Shop(msgspec.Struct):
    ...     name: str
    >>> tag_of(Shop("Corner")) == tag_of(Shop("Corner")), tag_of(Shop("Corner")) == tag_of(Shop("Comer"))
    (True, False)
    """
    members = msgspec.structs.asdict(document)
    tag = _digits({name: value for name, value in members.items() if name not in moving}, _SET_DIGITS)
    if moving:
        tag += "-" + _digits({name: members[name] for name in moving}, _MOVING_DIGITS)
    return f'"{tag}"'


def is_same_edition(seen: str, tag: str) -> bool:
    """Tell whether two tags are of the same edition: what people set is the same, whatever has moved since.

    >>> is_same_edition('"3f0c2a9d51b7e846-91d2a07c"', '"3f0c2a9d51b7e846-00000000"')
    True
    """
    return _set_part(seen) == _set_part(tag)


def _set_part(tag: str) -> str:
    """Return what a tag says of what people set."""
    return tag.strip('"').partition("-")[0]


def _digits(members: Mapping[str, object], count: int) -> str:
    """Return the first hexadecimal digits of what these members amount to."""
    return hashlib.sha256(_encoder.encode(members)).hexdigest()[:count]
