"""Exchange rates: whole units of `quote` for one whole unit of `base`, an exact ratio, from somewhere, as of then."""

from datetime import datetime

import msgspec

from cashback.kernel.errors import Conflict, Invalid, NotFound


class NewRate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rate to be; `is_confirmed` lets one pass that is far from the one before. No time means now."""

    base: str
    quote: str
    numerator: int
    denominator: int
    source: str
    as_of: datetime | None = None
    is_confirmed: bool = False


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """A rate as it is stored and told: in force from `as_of` until the next one of its pair."""

    base: str
    quote: str
    numerator: int
    denominator: int
    source: str
    as_of: datetime
    is_confirmed: bool
    recorded_at: datetime


class RateUnknown(NotFound):
    """There is no rate of this pair as of then.

    Two parameters and an instant name a rate together, so none of them is told as the one at fault; the pair is.
    """

    code = "rate_unknown"


class RateInvalid(Invalid):
    """A rate breaks a stated bound: zero, too large, of one currency, of none, from nowhere, or of the future."""

    code = "rate_invalid"


class RateAbsurd(Invalid):
    """The rate is far from the one before it, which `last` tells, or from the `next` one. Confirm it if it is meant."""

    code = "rate_absurd"


class RateExists(Conflict):
    """There is another rate of this pair as of the same instant."""

    code = "rate_exists"
