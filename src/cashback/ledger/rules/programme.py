"""What the terms of a programme must be like, alone and beside all programmes before it."""

from typing import Final

import msgspec

from cashback.kernel.money import INT63_MAX, Bps, Currency, Minor, TokenRate, TokenUnits, share, to_token
from cashback.ledger.model import (
    Commitments,
    Conditions,
    CurrencyUnknown,
    CurrencyWithdrawn,
    GrantAboveLimit,
    NewProgramme,
    Programme,
    ProgrammeInvalid,
    TimeZoneUnknown,
    TokenRateAbsurd,
)
from cashback.ledger.model.engine import ProgrammeFacts
from cashback.ledger.model.rulesets import Percent, Rule, Rules
from cashback.ledger.rules.currencies import currency_of
from cashback.ledger.rules.linting.values import RATE_ABSURD_BPS
from cashback.ledger.rules.withdrawn import withdrawn_in
from cashback.ledger.rules.zones import is_zone

NAME_LENGTH_MAX: Final = 200
ACCEPTS_MAX: Final = 50
USERS_PER_WALLET_MAX: Final = 1_000
RATIO_MAX: Final = 10**6
REFUND_POLICIES: Final = ("net_future", "write_off")
_encoder: Final = msgspec.json.Encoder(order="deterministic")


def check_terms(terms: NewProgramme) -> Currency:
    """Return the currency of sound terms.

    Raises:
        ProgrammeInvalid: with a pointer to the first term that is not.
        CurrencyUnknown, CurrencyWithdrawn, TimeZoneUnknown, TokenRateAbsurd: likewise, for what has a code of its own.
    """
    currency = known_currency(terms.currency, pointer="/currency")
    bounds = [
        ("/name", len(terms.name), NAME_LENGTH_MAX),
        ("/token_rate/numerator", terms.token_rate.numerator, INT63_MAX),
        ("/token_rate/denominator", terms.token_rate.denominator, INT63_MAX),
    ]
    # What no ruleset may pay no programme starts with: its first version is one.
    bounds += [("/rate_bps", terms.rate, RATE_ABSURD_BPS - 1)] if terms.rate is not None else []
    bounds += [("/budget_minor", terms.budget, INT63_MAX)] if terms.budget is not None else []
    for pointer, value, most in bounds:
        if not 1 <= value <= most:
            raise ProgrammeInvalid(f"{pointer} must be between 1 and {most}", pointer=pointer)
    if not terms.name.isprintable():
        raise ProgrammeInvalid("the name must be printable", pointer="/name")
    if (terms.rate is None) != (terms.budget is None):
        raise ProgrammeInvalid("a rate goes with a budget, and a budget with a rate", pointer="/budget_minor")
    _check_conditions(terms.conditions, currency)
    check_room(terms.budget or Minor(0), terms.token_rate, currency, Commitments())
    _check_rate(terms.token_rate)
    return currency


def known_currency(code: str, *, pointer: str) -> Currency:
    """Return a currency in use.

    Raises:
        CurrencyWithdrawn: it was in use once.
        CurrencyUnknown: it never was one.
    """
    if (month := withdrawn_in(code)) is not None and currency_of(code) is None:
        raise CurrencyWithdrawn(f"{code} was withdrawn in {month}", pointer=pointer)
    currency = currency_of(code)
    if currency is None:
        raise CurrencyUnknown("the currency is no code of ISO 4217", pointer=pointer)
    return currency


def check_room(
    budget: Minor, rate: TokenRate, currency: Currency, before: Commitments, *, pointer: str = "/budget_minor"
) -> None:
    """Return when all budgets ever, this one included, stay within 63 bits, in their money and in tokens.

    Every balance and every sum of the books is a part of one of the two, so none can outgrow its column: what users
    hold adds up over programmes, and so does the supply. A budget counts whole, spent or not.

    Raises:
        ProgrammeInvalid: with a pointer to the budget.
    """
    tokens = to_token(budget, exponent=currency.exponent, rate=rate)
    if before.budget + budget > INT63_MAX or before.token_units + tokens > INT63_MAX:
        raise ProgrammeInvalid(
            "all budgets together must stay below 2^63, in minor units and in base units of the token", pointer=pointer
        )


def _check_conditions(conditions: Conditions, currency: Currency) -> None:
    """Return when the conditions are within their bounds.

    Raises:
        TimeZoneUnknown, CurrencyUnknown, CurrencyWithdrawn, ProgrammeInvalid: with a pointer to the first that is not.
    """
    if not is_zone(conditions.time_zone):
        raise TimeZoneUnknown("the IANA database has no zone of this name", pointer="/time_zone")
    if conditions.refund_policy not in REFUND_POLICIES:
        raise ProgrammeInvalid(f"the policy is one of {', '.join(REFUND_POLICIES)}", pointer="/refund_policy")
    bounded = (
        ("/hold_days", conditions.hold_days, 0, 365),
        ("/expire_after_days", conditions.expire_after_days, 1, 3_650),
        ("/write_off_after_days", conditions.write_off_after_days, 1, 3_650),
        ("/users_per_wallet", conditions.users_per_wallet, 1, USERS_PER_WALLET_MAX),
    )
    for pointer, value, least, most in bounded:
        if value is not None and not least <= value <= most:
            raise ProgrammeInvalid(f"{pointer} must be between {least} and {most}", pointer=pointer)
    _check_reviews(conditions)
    if len(conditions.accepts) > ACCEPTS_MAX:
        raise ProgrammeInvalid(f"at most {ACCEPTS_MAX} currencies are accepted", pointer="/accepts")
    for place, code in enumerate(conditions.accepts):
        known_currency(code, pointer=f"/accepts/{place}")
        if code in (currency.code, *conditions.accepts[:place]):
            raise ProgrammeInvalid(
                "a currency is named once; its own a programme takes anyway", pointer=f"/accepts/{place}"
            )


def _check_reviews(conditions: Conditions) -> None:
    """Return when the amounts above which people review are amounts, the second not below the first.

    Raises:
        ProgrammeInvalid: with a pointer to the first that is not.
    """
    first, second = conditions.review_above, conditions.second_above
    for pointer, amount in (("/review_above_minor", first), ("/second_above_minor", second)):
        if amount is not None and not 0 <= amount <= INT63_MAX:
            raise ProgrammeInvalid(f"{pointer} must be between 0 and {INT63_MAX}", pointer=pointer)
    if first is not None and second is not None and second < first:
        raise ProgrammeInvalid(
            "a second person is asked above the amount of the first, or above a larger one",
            pointer="/second_above_minor",
        )


def _check_rate(rate: TokenRate) -> None:
    """Return when a unit of money is worth between a millionth of a token and a million tokens.

    Raises:
        TokenRateAbsurd: it is not; somebody has mistyped, or turned the ratio round.
    """
    if not rate.denominator <= rate.numerator * RATIO_MAX <= rate.denominator * RATIO_MAX**2:
        raise TokenRateAbsurd(
            f"a unit of money is worth 1/{RATIO_MAX} to {RATIO_MAX} tokens", pointer="/token_rate/numerator"
        )


def bare_percentage(campaign_id: str, rate: Bps) -> bytes:
    """Return the document of a ruleset that is one percentage of everything, paid by one campaign."""
    rule = Rule(id="base", campaign=campaign_id, earns=Percent(rate_bps=rate))
    return _encoder.encode(Rules(rules=(rule,)))


def facts_of(programme: Programme) -> ProgrammeFacts:
    """Return what a ruleset is checked against of a programme: its money and its time."""
    return ProgrammeFacts(id=programme.id, funding=programme.currency, time_zone=programme.conditions.time_zone)


def check_limit(terms: NewProgramme, currency: Currency, limit: TokenUnits) -> None:
    """Return when the largest grant of a programme to be is no more than `limit`, the most that is minted at once.

    Raises:
        GrantAboveLimit: it is more; it says what to do.
    """
    if terms.rate is None or terms.budget is None:
        return
    earned = min(share(Minor(INT63_MAX), terms.rate), terms.budget)
    most = to_token(Minor(earned), exponent=currency.exponent, rate=terms.token_rate)
    if most > limit:
        raise GrantAboveLimit(
            f"one purchase can earn {most} base units in the programme {terms.name!r}, and the minter mints at most "
            f"{limit} at once, so that mint would wait for ever: have the minter's admin call setLimit with a capacity "
            "of at least that, or start the programme with a smaller budget"
        )
