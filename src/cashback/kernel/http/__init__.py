"""What every HTTP edge shares, from the outside in.

Observe ─▶ Admission ─▶ Head ─▶ ApiKeyAuth ─▶ RateLimit ─▶ the framework's router ─▶ KnownParameters ─▶ JsonRequest
   └───────────┴──────────┴─────────┴─────────────┴─ whatever fails is a problem (RFC 9457) ─┴── handler ─▶ Page ◀─┘
"""

from cashback.kernel.http.access import AccessLog
from cashback.kernel.http.admission import Admission, held_by, left_behind, may_take
from cashback.kernel.http.auth import ApiKeyAuth, principal_of
from cashback.kernel.http.body import JsonRequest
from cashback.kernel.http.documentation import StructDocumentation
from cashback.kernel.http.entity import TAG_HEADER, Held, Seen, SeenIfTold, tagged, tagged_problems
from cashback.kernel.http.head import Head, is_head, no_body
from cashback.kernel.http.limits import Guesses, Limits, RateLimit, charge, charge_in_turn
from cashback.kernel.http.listing import InOrder, Terms, expanded, page_of, period
from cashback.kernel.http.observe import Observe
from cashback.kernel.http.parameters import Cursor, IdempotencyKey, KnownParameters, Limit, Reference
from cashback.kernel.http.problems import EXCEPTION_HANDLERS, problems
from cashback.kernel.page import PAGE_DEFAULT, PAGE_MAX, Page, cursor_of, place_of
from cashback.kernel.principal import Principal, Scope
from cashback.kernel.problem import Problem

__all__ = [
    "EXCEPTION_HANDLERS",
    "PAGE_DEFAULT",
    "PAGE_MAX",
    "TAG_HEADER",
    "AccessLog",
    "Admission",
    "ApiKeyAuth",
    "Cursor",
    "Guesses",
    "Head",
    "Held",
    "IdempotencyKey",
    "InOrder",
    "JsonRequest",
    "KnownParameters",
    "Limit",
    "Limits",
    "Observe",
    "Page",
    "Principal",
    "Problem",
    "RateLimit",
    "Reference",
    "Scope",
    "Seen",
    "SeenIfTold",
    "StructDocumentation",
    "Terms",
    "charge",
    "charge_in_turn",
    "cursor_of",
    "expanded",
    "held_by",
    "is_head",
    "left_behind",
    "may_take",
    "no_body",
    "page_of",
    "period",
    "place_of",
    "principal_of",
    "problems",
    "tagged",
    "tagged_problems",
]
