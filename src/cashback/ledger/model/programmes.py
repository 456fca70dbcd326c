"""A programme's words: what is paid for, from which budget, at which rate."""

from datetime import datetime

import msgspec

from cashback.kernel.errors import Conflict, Invalid, NotFound
from cashback.kernel.money import Amount, Bps, Currency, Minor, TokenRate, TokenUnits
from cashback.ledger.model.decisions import Conversion, Ruleset


class Conditions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a programme keeps time, what becomes of refunds, and which currencies it takes beside its own.

    Days and months are those of `time_zone`. `expire_after_days` is how long an approved cashback waits for a wallet,
    `write_off_after_days` how long a debt is open at most; None: for ever. Grants above `review_above` are reviewed by
    a person, those above `second_above` by two once they are reviewed; None: none are. While it is in force, up to
    `users_per_wallet` users may have one wallet, or more where another programme in force lets them.
    """

    time_zone: str = "UTC"
    hold_days: int = 0
    refund_policy: str = "net_future"
    expire_after_days: int | None = None
    write_off_after_days: int | None = None
    accepts: tuple[str, ...] = ()
    review_above: Minor | None = None
    second_above: Minor | None = None
    users_per_wallet: int = 1


class NewProgramme(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of a programme to be.

    With a rate and a budget it starts with a campaign `base` of that budget and one percentage as its first ruleset;
    with neither it starts empty, and campaigns and rulesets are made for it.
    """

    name: str
    currency: str
    rate: Bps | None
    token_rate: TokenRate
    budget: Minor | None
    conditions: Conditions = Conditions()


class Programme(msgspec.Struct, frozen=True, kw_only=True):
    """A programme with the percentage it was started with, if any, and what is left of its campaigns' budgets.

    `started_with` is the first budget of its campaign `base`.
    """

    id: str
    name: str
    ruleset: Ruleset | None
    conversion: Conversion
    budget: Minor
    budget_left: Minor
    created_at: datetime
    ended_at: datetime | None
    currency: Currency
    started_with: Minor | None = None
    conditions: Conditions = Conditions()


class LargestGrant(msgspec.Struct, frozen=True, kw_only=True):
    """The most base units that one purchase can earn by a version of a programme's rules; `version` None is a draft."""

    programme: str
    version: int | None
    units: TokenUnits


class ProgrammeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A programme with what is left of its budget, in the words that leave the house."""

    id: str
    name: str
    currency: str
    exponent: int
    rate_bps: int | None
    ruleset_id: str | None
    ruleset_version: int | None
    token_rate_numerator: int
    token_rate_denominator: int
    budget_minor: Amount
    budget_left_minor: Amount
    created_at: datetime
    ended_at: datetime | None
    time_zone: str
    hold_days: int
    refund_policy: str
    expire_after_days: int | None
    write_off_after_days: int | None
    accepts: tuple[str, ...]
    review_above_minor: Amount | None
    second_above_minor: Amount | None
    users_per_wallet: int = 1


class Commitments(msgspec.Struct, frozen=True, kw_only=True):
    """What all programmes so far may pay: their budgets in one currency, and in tokens those of every currency."""

    budget: Minor = Minor(0)
    token_units: TokenUnits = TokenUnits(0)


class ProgrammeUnknown(NotFound):
    """There is no such programme, or none is in force."""

    code = "programme_unknown"


class ProgrammeInvalid(Invalid):
    """The terms of a programme break a stated bound; `pointer` names the place."""

    code = "programme_invalid"


class ProgrammeEnded(Conflict):
    """The programme has ended already."""

    code = "programme_ended"


class CurrencyUnknown(Invalid):
    """The currency is no code of ISO 4217."""

    code = "currency_unknown"


class CurrencyWithdrawn(Invalid):
    """The currency was withdrawn: nobody pays with it any more."""

    code = "currency_withdrawn"


class TimeZoneUnknown(Invalid):
    """The IANA time zone database has no zone of this name."""

    code = "time_zone_unknown"


class TokenRateAbsurd(Invalid):
    """A unit of money would be worth more than a million tokens, or less than a millionth of one."""

    code = "token_rate_absurd"


class GrantAboveLimit(Conflict):
    """One purchase may earn more than the minter mints at once: that mint would wait for ever."""

    code = "grant_above_limit"


class ProgrammeExists(Conflict):
    """Another programme is in force, or the name stands for other terms already."""

    code = "programme_exists"
