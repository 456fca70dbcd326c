"""What every HTTP edge shares: problems (RFC 9457), the caller's principal, observation of requests, pages of lists."""

from cashback.kernel.http.auth import ApiKeyAuth, Principal, Scope, principal_of, require_operator
from cashback.kernel.http.observe import Observe
from cashback.kernel.http.page import Page, cursor_of, place_of
from cashback.kernel.http.problems import EXCEPTION_HANDLERS, Problem

__all__ = [
    "EXCEPTION_HANDLERS",
    "ApiKeyAuth",
    "Observe",
    "Page",
    "Principal",
    "Problem",
    "Scope",
    "cursor_of",
    "place_of",
    "principal_of",
    "require_operator",
]
