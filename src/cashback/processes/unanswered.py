"""Why an HTTP server gave no answer, in words of ours: httpx has one class for what is odd and what was cut off."""

from typing import Final

import httpx

from cashback.kernel.unreached import UNREADABLE, why_unanswered

_SCHEMELESS: Final = "its address begins with neither http:// nor https://"
_CUT_OFF: Final = ("disconnected", "closed connection")
"""What httpx and h11 say of a connection that ended too early, and of nothing else."""


def why_no_answer(cause: httpx.HTTPError) -> str:
    """Return why there was no answer; that it is not known, and then the log has the error's class."""
    if isinstance(cause, httpx.UnsupportedProtocol):
        return _SCHEMELESS
    is_odd = isinstance(cause, httpx.RemoteProtocolError) and not any(words in str(cause) for words in _CUT_OFF)
    if is_odd or isinstance(cause, httpx.DecodingError):
        return UNREADABLE
    return why_unanswered(cause, ended=httpx.RemoteProtocolError)
