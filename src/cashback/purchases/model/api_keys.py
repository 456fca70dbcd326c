"""API keys, as they are told: who made them knows the secret, nobody reads it here."""

from datetime import datetime
from typing import Any, Final

import msgspec

from cashback.kernel.principal import Rate

KEYS_MAX: Final = 100
"""So many keys of one owner may open something at a time, before it makes another over REST."""

OVERLAP_DEFAULT_S: Final = 86_400
OVERLAP_MAX_S: Final = 604_800
"""For how long a key that is replaced goes on, unless told otherwise and at most: a day, a week."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret; `merchant_id` is set exactly when `scope` is `merchant`.

    Without `scopes` it may do all that its kind may, without an end it opens until it is revoked. `replaces` is the key
    that it was rotated from, `created_by` the one that asked for it over REST. Without a `rate` it may ask as often as
    its kind may. `last_used_at` is when it let somebody in, as far as that is written down.
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
    rate: Rate | None = None
    last_used_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Tell whether it still opens something."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is looked up when somebody presents it: with its secret's HMAC."""

    key: ApiKey
    hmac: bytes


class NewKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key to be; without a merchant it is the operator's, without scopes or an end it has those of who asks."""

    label: str
    merchant_id: str | None = None
    scopes: tuple[str, ...] | None = None
    expires_at: datetime | None = None


class Rotation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key to be replaced by another one, beside which it goes on for a while; `expires_at` is the new one's end."""

    key_id: str
    overlap_s: int
    expires_at: datetime | None = None


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """A key that is to open nothing any more."""

    key_id: str


class ApiKeyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret: whose it is, what it was made for (null is all that its kind may), until when.

    `replaces` is the key that it was rotated from, `created_by` the one that asked for it; null is the command line.
    `rate_per_s` and `burst` are how often it may ask, where it has a rate of its own; both are null where it has none.
    `last_used_at` is when it let somebody in the last time, written down within a minute; null is never so far.
    """

    id: str
    kind: str
    merchant_id: str | None
    label: str
    scopes: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    replaces: str | None
    created_by: str | None
    # Answers that were stored before these were told have none of them: so they may be missing.
    rate_per_s: int | None = None
    burst: int | None = None
    last_used_at: datetime | None = None


class NewApiKeyAnswer(ApiKeyAnswer, frozen=True, kw_only=True):
    """A new API key; `secret` is told in the first answer alone, and null in every other: who lost it rotates."""

    secret: str | None


def told(key: ApiKey) -> ApiKeyAnswer:
    """Return a key as it is told over REST."""
    return ApiKeyAnswer(**_told(key))


def told_new(key: ApiKey, secret: str | None) -> NewApiKeyAnswer:
    """Return a new key as it is told over REST, with its secret or without."""
    return NewApiKeyAnswer(**_told(key), secret=secret)


def _told(key: ApiKey) -> dict[str, Any]:
    """Return what is told of every key."""
    alike = set(ApiKeyAnswer.__struct_fields__) & set(ApiKey.__struct_fields__)
    rate = {"rate_per_s": key.rate and key.rate.per_s, "burst": key.rate and key.rate.burst}
    return {"kind": key.scope, **rate, **{name: getattr(key, name) for name in alike}}
