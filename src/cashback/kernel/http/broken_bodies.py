"""Bodies that are nothing that could be read: no JSON, or not whole."""

from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException

from cashback.kernel.errors import Rejected
from cashback.kernel.lifecycle.bounds import GAVE_UP


class JsonMalformed(Rejected):
    """The body is not well-formed JSON, or ended early."""

    code = "json_malformed"


class RequestUnfinished(HTTPException):
    """The body did not come on in time; the connection's end has told so, and this is what is written down of it."""

    status_code = 408


def ended_early(request: Request[Any, Any, Any]) -> JsonMalformed | RequestUnfinished:
    """Return the failure of a request that ended before its body did: its sender went away, or was given up."""
    if request.scope.get(GAVE_UP):
        return RequestUnfinished("the request did not come on in time")
    return JsonMalformed("the request ended before its body did")
