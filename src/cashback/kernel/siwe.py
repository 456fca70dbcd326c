"""Messages by which a person signs in with an account of a chain (ERC-4361), read and written by its grammar.

    [scheme "://"] domain " wants you to sign in with your Ethereum account:" LF
    address LF LF [statement LF] LF
    "URI: " ... "Version: 1" ... "Chain ID: " ... "Nonce: " ... "Issued At: " ...
    ["Expiration Time: " ...] ["Not Before: " ...] ["Request ID: " ...] ["Resources:" (LF "- " URI)...]

One message is one text: what is read is written again character for character, so that what is compared field by
field is what was signed. Therefore instants stay as they are written. Narrower than the grammar are: addresses, which
need their checksum (ERC-55); domains, which need a host; chain ids, which begin with no zero and stay below 2^63;
instants, which are days of the calendar, among those of `kernel.instants`; and the whole, which has at most
`CHARS_MAX` characters.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from ipaddress import AddressValueError, IPv6Address
from typing import Final

import msgspec

from cashback.kernel.addresses import checksum_address, keccak256
from cashback.kernel.instants import is_in_range
from cashback.kernel.money import INT63_MAX

CHARS_MAX: Final = 4_096
"""The standard leaves it to whoever reads them; a wallet shows all of it to a person."""

_UNRESERVED: Final = r"A-Za-z0-9\-._~"
_SUB_DELIMS: Final = r"!$&'()*+,;="
_ENCODED: Final = "%[0-9A-Fa-f]{2}"
_SCHEME: Final = r"[A-Za-z][A-Za-z0-9+\-.]*"
_PCHAR: Final = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}:@]|{_ENCODED})"
_USER: Final = rf"(?:(?:[{_UNRESERVED}{_SUB_DELIMS}:]|{_ENCODED})*@)?"
_NAME: Final = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}]|{_ENCODED})"
_LITERAL: Final = rf"\[(?:(?P<ipv6>[0-9A-Fa-f:.]+)|[vV][0-9A-Fa-f]+\.[{_UNRESERVED}{_SUB_DELIMS}:]+)\]"
_PORT: Final = "(?::[0-9]*)?"
_SEGMENTS: Final = rf"(?:/{_PCHAR}*)*"
_TIME: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"

DOMAIN: Final = re.compile(rf"{_USER}(?:{_LITERAL}|{_NAME}+){_PORT}")
"""RFC 3986, `authority`, with a host that is not empty."""
URI: Final = re.compile(
    rf"{_SCHEME}:(?://{_USER}(?:{_LITERAL}|{_NAME}*){_PORT}{_SEGMENTS}|/?(?:{_PCHAR}+{_SEGMENTS})?)"
    rf"(?:\?(?:{_PCHAR}|[/?])*)?(?:\#(?:{_PCHAR}|[/?])*)?"
)
"""RFC 3986, `URI`; what stands between brackets is looked at further."""
DATE_TIME: Final = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[Tt]{_TIME}:[0-5][0-9](?:\.[0-9]+)?(?:[Zz]|[+-]{_TIME})"
)
"""RFC 3339, `date-time`, without leap seconds."""

_MESSAGE: Final = re.compile(
    rf"(?:(?P<scheme>{_SCHEME})://)?(?P<domain>[^\n ]+) wants you to sign in with your Ethereum account:\n"
    r"(?P<address>[^\n]*)\n\n(?:(?P<statement>[^\n]*)\n)?\n"
    r"URI: (?P<uri>[^\n]*)\nVersion: 1\nChain ID: (?P<chain_id>[1-9][0-9]{0,18})\nNonce: (?P<nonce>[^\n]*)\n"
    r"Issued At: (?P<issued_at>[^\n]*)(?:\nExpiration Time: (?P<expiration_time>[^\n]*))?"
    r"(?:\nNot Before: (?P<not_before>[^\n]*))?(?:\nRequest ID: (?P<request_id>[^\n]*))?"
    r"(?P<resources>\nResources:(?:\n- [^\n]*)*)?"
)
_ADDRESS: Final = re.compile("0x[0-9a-fA-F]{40}")
_STATEMENT: Final = re.compile(rf"[{_UNRESERVED}{_SUB_DELIMS}:/?#\[\]@ ]*")
_NONCE: Final = re.compile("[A-Za-z0-9]{8,}")
_REQUEST_ID: Final = re.compile(f"{_PCHAR}*")
_PREFIX: Final = b"\x19Ethereum Signed Message:\n"


class SignInMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What an account is asked to sign, field by field; what is None is not there, which is not the same as empty.

    `issued_at`, `expiration_time` and `not_before` are as `date_time` writes them, or others do.
    """

    domain: str
    address: str
    uri: str
    chain_id: int
    nonce: str
    issued_at: str
    scheme: str | None = None
    statement: str | None = None
    expiration_time: str | None = None
    not_before: str | None = None
    request_id: str | None = None
    resources: tuple[str, ...] | None = None

    def is_current(self, now: datetime) -> bool:
        """Tell whether it holds at an instant: from `not_before` on, and up to and without `expiration_time`."""
        begins, ends = self.not_before, self.expiration_time
        return (begins is None or instant_of(begins) <= now) and (ends is None or now < instant_of(ends))


def parse(text: str) -> SignInMessage:
    """Return the message that a text is; `write` makes the same text of it.

    Raises:
        ValueError: it is none; the words name the field at fault, and quote nothing of the text.
    """
    found = _MESSAGE.fullmatch(text) if len(text) <= CHARS_MAX else None
    if found is None:
        raise ValueError(f"no message to sign in with, of at most {CHARS_MAX} characters")
    fields = found.groupdict()
    listed, chain_id = fields.pop("resources"), int(fields.pop("chain_id"))
    resources = None if listed is None else tuple(listed.split("\n- ")[1:])
    message = SignInMessage(**fields, chain_id=chain_id, resources=resources)
    _check(message)
    return message


def write(message: SignInMessage) -> str:
    """Return the text to sign; `parse` makes the same message of it.

    Raises:
        ValueError: a field is not what the grammar has there, or it grows too long.
    """
    _check(message)
    origin = "" if message.scheme is None else f"{message.scheme}://"
    lines = [f"{origin}{message.domain} wants you to sign in with your Ethereum account:", message.address, ""]
    lines += [] if message.statement is None else [message.statement]
    lines += ["", f"URI: {message.uri}", "Version: 1", f"Chain ID: {message.chain_id}", f"Nonce: {message.nonce}"]
    further = {
        "Issued At": message.issued_at,
        "Expiration Time": message.expiration_time,
        "Not Before": message.not_before,
        "Request ID": message.request_id,
    }
    lines += [f"{label}: {value}" for label, value in further.items() if value is not None]
    if message.resources is not None:
        lines += ["Resources:", *(f"- {resource}" for resource in message.resources)]
    text = "\n".join(lines)
    if len(text) > CHARS_MAX:
        raise ValueError(f"a message to sign in with has at most {CHARS_MAX} characters")
    return text


def digest(text: str) -> bytes:
    """Return the 32 bytes that a wallet signs for a text (ERC-191, version 0x45): its length in bytes goes before it.

    >>> digest("Hello World").hex()
    'a1de988600a42c4b4ab089b619297c17d53cffae5d5120d82d8a92d0bb3b78f2'
    """
    octets = text.encode()
    return keccak256(_PREFIX + str(len(octets)).encode() + octets)


def instant_of(text: str) -> datetime:
    """Return the instant that a text tells, to the microsecond.

    Raises:
        ValueError: it is no date and time of RFC 3339, or none of ours.
    """
    instant = datetime.fromisoformat(text.upper()) if DATE_TIME.fullmatch(text) else None
    if instant is None or not is_in_range(instant):
        raise ValueError("no date and time of RFC 3339 within our range")
    return instant


def _check(message: SignInMessage) -> None:
    """Raise `ValueError` unless every field is what the grammar has there; it names the first that is not."""
    at_fault = next(_faults(message), None)
    if at_fault is not None:
        raise ValueError(f"no message to sign in with: {at_fault}")


def _faults(message: SignInMessage) -> Iterator[str]:
    """Yield the names of fields that are not what the grammar has there."""
    fields = {
        "scheme": message.scheme is None or re.fullmatch(_SCHEME, message.scheme) is not None,
        "domain": _is_named(DOMAIN, message.domain),
        "address": _ADDRESS.fullmatch(message.address) is not None and _has_checksum(message.address),
        "statement": message.statement is None or _STATEMENT.fullmatch(message.statement) is not None,
        "uri": _is_named(URI, message.uri),
        "chain_id": 0 < message.chain_id <= INT63_MAX,
        "nonce": _NONCE.fullmatch(message.nonce) is not None,
        "issued_at": _is_instant(message.issued_at),
        "expiration_time": message.expiration_time is None or _is_instant(message.expiration_time),
        "not_before": message.not_before is None or _is_instant(message.not_before),
        "request_id": message.request_id is None or _REQUEST_ID.fullmatch(message.request_id) is not None,
        "resources": all(_is_named(URI, one) for one in message.resources or ()),
    }
    yield from (name for name, is_sound in fields.items() if not is_sound)


def _is_named(grammar: re.Pattern[str], text: str) -> bool:
    """Tell whether a text is a domain or a URI, its host in brackets included, where it has one."""
    found = grammar.fullmatch(text)
    if found is None:
        return False
    host = found["ipv6"]
    try:
        return host is None or bool(IPv6Address(host).version)
    except AddressValueError:
        return False


def _has_checksum(address: str) -> bool:
    """Tell whether the case of an address's letters is that of ERC-55."""
    return address == checksum_address(address)


def _is_instant(text: str) -> bool:
    """Tell whether a text is an instant that can be told from others."""
    try:
        return bool(instant_of(text))
    except ValueError:
        return False
