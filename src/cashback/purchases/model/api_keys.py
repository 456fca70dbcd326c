"""API keys, as they are told: who made them knows the secret, nobody reads it here."""

from datetime import datetime

import msgspec

from cashback.kernel.principal import Rate


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret; `merchant_id` is set exactly when `scope` is `merchant`.

    Without `scopes` it may do all that its kind may, without an end it opens until it is revoked. `replaces` is the key
    that it was rotated from, `created_by` the one that asked for it over REST.
    """

    id: str
    scope: str
    merchant_id: str | None
    label: str
    created_at: datetime
    revoked_at: datetime | None
    scopes: tuple[str, ...] | None = None
    expires_at: datetime | None = None
    replaces: str | None = None
    created_by: str | None = None

    def is_live(self, now: datetime) -> bool:
        """Tell whether it still opens something."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is looked up when somebody presents it: with its secret's HMAC, and how often it may ask.

    Without a `rate` it may as often as its kind may.
    """

    key: ApiKey
    hmac: bytes
    rate: Rate | None
