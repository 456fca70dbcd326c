"""Why somebody could not be reached, in words that stay the same, whichever library found it out.

    | what went wrong                          | the words                                            |
    |------------------------------------------|------------------------------------------------------|
    | the connection was refused               | nothing listens at its address                       |
    | no way there, the name                   | no way leads to its address; its name leads nowhere  |
    | the connection ended before an answer    | it ended the connection                              |
    | nothing came in time                     | it did not answer in time                            |
    | TLS, by what is wrong with a certificate | its certificate is ..., or: no TLS came about with it |
    | what came is no answer                   | what it said cannot be read                          |
    | anything else                            | it is not known why; the log names the error's class |

Libraries have classes and numbers for it, which are for logs, and their own words, which may quote an address.
"""

import errno
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Final

from cashback.kernel.telemetry import logger

REFUSED: Final = "nothing listens at its address"
TOO_LATE: Final = "it did not answer in time"
NAMELESS: Final = "its name leads nowhere"
ENDED: Final = "it ended the connection"
UNREADABLE: Final = "what it said cannot be read"
UNKNOWN: Final = "it is not known why"
_NO_WAY: Final = "no way leads to its address"

_BY_NUMBER: Final[Mapping[int, str]] = {
    errno.ECONNREFUSED: REFUSED,
    errno.ECONNRESET: ENDED,
    errno.ECONNABORTED: ENDED,
    errno.EPIPE: ENDED,
    errno.EHOSTUNREACH: _NO_WAY,
    errno.ENETUNREACH: _NO_WAY,
    errno.ETIMEDOUT: TOO_LATE,
}
_UNTRUSTED: Final = "its certificate is of no authority that is trusted here"
_CERTIFICATE: Final[Mapping[int, str]] = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: _UNTRUSTED,  # signed by itself
    19: _UNTRUSTED,  # a root that is not trusted
    20: _UNTRUSTED,  # nobody knows who signed it
    21: _UNTRUSTED,  # its signature is of nobody known
    62: "its certificate is for another name",
    64: "its certificate is for another address",
}
"""By OpenSSL's numbers (x509_vfy.h)."""
_UNUSABLE: Final = "its certificate cannot be used"
_BY_KIND: Final[Mapping[type[Exception], str]] = {
    ssl.SSLError: "no TLS came about with it",
    socket.gaierror: NAMELESS,
    TimeoutError: TOO_LATE,
    EOFError: ENDED,
}

_NUMBER: Final = re.compile(r"\[Errno (\d+)\]")
_ERRORS_MAX: Final = 16
"""Errors that are looked at: one has been made of another, or of several."""

log = logger(__name__)


def why_unanswered(cause: Exception, *, ended: type[Exception] | tuple[type[Exception], ...] = ()) -> str:
    """Return why nobody answered; that it is not known where nothing tells, and then the log has the error's class.

    `ended` are the classes by which a library says that the connection ended before an answer.
    """
    words = why_unreached(cause) or (ENDED if isinstance(cause, ended) else "")
    if not words:
        kind = type(cause)
        log.warning("failure.not_understood", kind=f"{kind.__module__}.{kind.__qualname__}")
    return words or UNKNOWN


def why_unreached(cause: BaseException) -> str:
    """Return why nobody answered, by an error or by what it was made of, the nearest first; empty when neither tells.

    >>> why_unreached(ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"))
    'nothing listens at its address'
    """
    return next((words for one in _behind(cause) if (words := _words(one))), "")


def _behind(cause: BaseException) -> Iterator[BaseException]:
    """Yield an error, then what it was made of; of the errors of several addresses each."""
    waiting = [cause]
    for _ in range(_ERRORS_MAX):
        if not waiting:
            return
        one = waiting.pop(0)
        yield one
        made_of = (
            # HTTP clients keep it there, and nowhere else.
            *one.args,
            one.__cause__ if one.__suppress_context__ else one.__context__,
            *getattr(one, "exceptions", ()),
        )
        waiting += [each for each in made_of if isinstance(each, BaseException)]


def _words(one: BaseException) -> str:
    """Return what a single error tells, or nothing."""
    if isinstance(one, ssl.SSLCertVerificationError):
        return _CERTIFICATE.get(getattr(one, "verify_code", 0), _UNUSABLE)
    by_kind = next((words for kind, words in _BY_KIND.items() if isinstance(one, kind)), "")
    if by_kind or not isinstance(one, OSError):
        return by_kind
    return _BY_NUMBER.get(one.errno or _first_number(one), "")


def _first_number(one: OSError) -> int:
    """Return the number of the first of several addresses' errors, which asyncio puts into one text; else 0."""
    found = _NUMBER.search(str(one))
    return int(found[1]) if found else 0
