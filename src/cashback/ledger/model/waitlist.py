"""The words of the waitlist: who stands in line for a campaign's budget, and what became of those who did."""

from datetime import datetime

import msgspec

from cashback.kernel.money import Minor


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback in line: for which campaign, how much of its budget it wants, and until when it waits."""

    cashback_id: str
    campaign_id: str
    wanted: Minor
    waits_until: datetime


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback in line, locked, with its first decision and what was returned of its purchase since.

    `is_due` when there is a reason to decide it again, `is_aged` when it has waited for as long as anybody does.
    """

    cashback_id: str
    purchase_id: str
    user_id: str
    currency: str
    traceparent: str | None
    document: bytes
    returned: bytes | None
    is_due: bool
    is_aged: bool


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign's line came to in one batch: how many were taken up, and how many of them left the line."""

    taken: int
    left: int
