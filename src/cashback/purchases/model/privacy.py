"""Personal data: that it is erased, and who had it told or erased."""

from datetime import datetime
from enum import StrEnum

import msgspec

from cashback.purchases.model import Signed


class Erasure(Signed, frozen=True, kw_only=True):
    """The data that makes a user a person is to be erased, in the name of whoever answers for it."""

    user_id: str


class ErasureAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """That a user's data is erased, since when, and who had it done first and why; the user stays blocked."""

    user_id: str
    erased_at: datetime
    is_news: bool
    person: str
    reason: str


class Disclosed(StrEnum):
    """What was done with a user's data as a whole."""

    EXPORT = "export"
    ERASURE = "erasure"


class Disclosure(msgspec.Struct, frozen=True, kw_only=True):
    """That a user's data was told as a whole, or erased: when, with which API key (null: with none), in which trace."""

    at: datetime
    what: Disclosed
    key_id: str | None
    trace_id: str | None


class OwnedMerchant(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant that the user owns; who else does is nothing of theirs."""

    id: str
    name: str


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for a user's data: with which API key, in which trace context."""

    key_id: str | None
    traceparent: str | None
