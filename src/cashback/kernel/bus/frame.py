"""NATS client protocol, outgoing side: the bytes of a message, built once and sent in bulk.

https://docs.nats.io/reference/reference-protocols/nats-protocol (PUB and HPUB)
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, unquote

from cashback.kernel.errors import Broken

_LINE: Final = b"NATS/1.0\r\n"
_SUBJECT: Final = re.compile(r"[!-~]{1,255}")
_DENSE: Final = re.compile(r"[!#-$&-~]*")
_PLAIN: Final = re.compile(r"[!#-$&-~]([ !#-$&-~]*[!#-$&-~])?")
_SAFE: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Return the headers as lines, values encoded by `header_value`."""
    # One look at all of them first: it is true of nearly every event, and the relay writes thousands a second.
    if not are_dense(headers.values()):
        headers = {name: header_value(value) for name, value in headers.items()}
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()]).encode("ascii")


def are_dense(values: Iterable[str]) -> bool:
    """Tell whether all these values may be written into headers as they are, no space among them.

    >>> are_dense(["evt_1", "a key"])
    False
    """
    return _DENSE.fullmatch("".join(values)) is not None


def header_value(value: str) -> str:
    """Return `value` as one header may carry it: printable ASCII, all else percent-encoded.

    CloudEvents HTTP binding 1.0, section 3.1.3.2; a space between words stays as it is.
    """
    return value if _PLAIN.fullmatch(value) else quote(value, safe=_SAFE)


def plain_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return received headers with what `header_value` encoded made plain again."""
    # One look at all of them: in nearly every event nothing is.
    if "%" not in "".join(headers.values()):
        return dict(headers)
    return {name: unquote(value) if "%" in value else value for name, value in headers.items()}


def publish_frame(subject: str, data: bytes, *, headers: bytes = b"", reply: str = "") -> bytes:
    """Return the protocol bytes that publish `data`; `headers` are lines as `header_lines` makes them.

    Raises:
        Broken: a subject contains what would break the protocol's line.
    """
    target = subject_bytes(subject)
    if reply:
        target = b"%b %b" % (target, reply.encode())
    if not headers:
        return b"PUB %b %d\r\n%b\r\n" % (target, len(data), data)
    size = len(_LINE) + len(headers) + 2
    return b"HPUB %b %d %d\r\n%b%b\r\n%b\r\n" % (target, size, size + len(data), _LINE, headers, data)


def subject_bytes(subject: str) -> bytes:
    """Return a subject as it stands in the protocol's line.

    Raises:
        Broken: it contains what would break that line.
    """
    if not _SUBJECT.fullmatch(subject):
        raise Broken(f"{subject!r} cannot be a subject")
    return subject.encode()
