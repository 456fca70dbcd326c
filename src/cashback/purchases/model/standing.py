"""Who may earn at present, as people say it: blocks of users, deactivations of merchants; commands like any other."""

from datetime import datetime

import msgspec

from cashback.purchases.model import Signed


class UserBlock(Signed, frozen=True, kw_only=True):
    """A user to be blocked, or no longer, in a person's name."""

    user_id: str
    is_blocked: bool


class MerchantActivity(Signed, frozen=True, kw_only=True):
    """A merchant to be active, or not, in a person's name."""

    merchant_id: str
    is_active: bool


class BlockItem(msgspec.Struct, frozen=True, kw_only=True):
    """A block of a user, or the end of one: who said so, why and when."""

    is_blocked: bool
    person: str
    reason: str
    at: datetime


class ActivityItem(msgspec.Struct, frozen=True, kw_only=True):
    """A deactivation of a merchant, or the end of one: who said so, why and when."""

    is_active: bool
    person: str
    reason: str
    at: datetime


class BlockAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a user is blocked now, and who said so first; nulls where nobody ever had to."""

    user_id: str
    is_blocked: bool
    is_news: bool
    person: str | None
    reason: str | None
    at: datetime | None


class ActivityAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a merchant is active now, and who said so first; nulls where nobody ever had to."""

    merchant_id: str
    is_active: bool
    is_news: bool
    person: str | None
    reason: str | None
    at: datetime | None
