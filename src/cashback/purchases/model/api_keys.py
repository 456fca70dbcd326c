"""API keys, as they are told: who made them knows the secret, nobody reads it here."""

from datetime import datetime

import msgspec

from cashback.kernel.principal import Rate


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret; `merchant_id` is set exactly when `scope` is `merchant`."""

    id: str
    scope: str
    merchant_id: str | None
    label: str
    created_at: datetime
    revoked_at: datetime | None


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is looked up when somebody presents it: its secret's HMAC, and what it may do how often.

    Without `scopes` it may do all that its kind may, without a `rate` as often as its kind may.
    """

    key: ApiKey
    hmac: bytes
    scopes: frozenset[str] | None
    rate: Rate | None
