"""What the terms of a programme must be like, alone and beside all programmes before it."""

from collections.abc import Iterator
from typing import Final

import msgspec

from cashback.kernel.errors import Rejected
from cashback.kernel.mistakes import first_of
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
        ProgrammeInvalid: with pointers to all terms that are not.
        CurrencyUnknown, CurrencyWithdrawn, TimeZoneUnknown, TokenRateAbsurd: likewise, for what has a code of its own.
    """
    problem = first_of(
        problem_of_currency(terms.currency, pointer="/currency"),
        *_problems_of_bounds(terms),
        *_problems_of_conditions(terms.conditions, terms.currency),
        *_problems_of_worth(terms),
    )
    if problem is not None:
        raise problem
    return known_currency(terms.currency, pointer="/currency")


def problem_of_currency(code: str, *, pointer: str) -> Rejected | None:
    """Return what is wrong with a currency, None with one that is in use."""
    return None if currency_of(code) is not None else _not_in_use(code, pointer)


def known_currency(code: str, *, pointer: str) -> Currency:
    """Return a currency in use.

    Raises:
        CurrencyWithdrawn: it was in use once.
        CurrencyUnknown: it never was one.
    """
    currency = currency_of(code)
    if currency is None:
        raise _not_in_use(code, pointer)
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
    problem = _problem_of_room(budget, rate, currency, before, pointer)
    if problem is not None:
        raise problem


def _not_in_use(code: str, pointer: str) -> Rejected:
    """Return what is wrong with a currency that is not in use: it never was, or no more."""
    if (month := withdrawn_in(code)) is not None:
        return CurrencyWithdrawn(f"{code} was withdrawn in {month}", pointer=pointer)
    return CurrencyUnknown("the currency is no code of ISO 4217", pointer=pointer)


def _problem_of_room(
    budget: Minor, rate: TokenRate, currency: Currency, before: Commitments, pointer: str
) -> Rejected | None:
    """Return what is wrong with a budget that outgrows the books."""
    tokens = to_token(budget, exponent=currency.exponent, rate=rate)
    if before.budget + budget <= INT63_MAX and before.token_units + tokens <= INT63_MAX:
        return None
    return ProgrammeInvalid(
        "all budgets together must stay below 2^63, in minor units and in base units of the token", pointer=pointer
    )


def _problems_of_bounds(terms: NewProgramme) -> Iterator[Rejected]:
    """Yield what is wrong with the name, the rates and the budget of a programme, each by itself."""
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
            yield ProgrammeInvalid(f"{pointer} must be between 1 and {most}", pointer=pointer)
    if not terms.name.isprintable():
        yield ProgrammeInvalid("the name must be printable", pointer="/name")
    if (terms.rate is None) != (terms.budget is None):
        yield ProgrammeInvalid("a rate goes with a budget, and a budget with a rate", pointer="/budget_minor")


def _problems_of_conditions(conditions: Conditions, funding: str) -> Iterator[Rejected]:
    """Yield what is wrong with the conditions of a programme that is funded in this currency."""
    if not is_zone(conditions.time_zone):
        yield TimeZoneUnknown("the IANA database has no zone of this name", pointer="/time_zone")
    if conditions.refund_policy not in REFUND_POLICIES:
        yield ProgrammeInvalid(f"the policy is one of {', '.join(REFUND_POLICIES)}", pointer="/refund_policy")
    bounded = (
        ("/hold_days", conditions.hold_days, 0, 365),
        ("/expire_after_days", conditions.expire_after_days, 1, 3_650),
        ("/write_off_after_days", conditions.write_off_after_days, 1, 3_650),
        ("/users_per_wallet", conditions.users_per_wallet, 1, USERS_PER_WALLET_MAX),
    )
    for pointer, value, least, most in bounded:
        if value is not None and not least <= value <= most:
            yield ProgrammeInvalid(f"{pointer} must be between {least} and {most}", pointer=pointer)
    yield from _problems_of_reviews(conditions)
    yield from _problems_of_accepts(conditions.accepts, funding)


def _problems_of_accepts(accepts: tuple[str, ...], funding: str) -> Iterator[Rejected]:
    """Yield what is wrong with the currencies that a programme takes beside its own."""
    if len(accepts) > ACCEPTS_MAX:
        yield ProgrammeInvalid(f"at most {ACCEPTS_MAX} currencies are accepted", pointer="/accepts")
        return
    for place, code in enumerate(accepts):
        pointer = f"/accepts/{place}"
        if (problem := problem_of_currency(code, pointer=pointer)) is not None:
            yield problem
        elif code in (funding, *accepts[:place]):
            yield ProgrammeInvalid("a currency is named once; its own a programme takes anyway", pointer=pointer)


def _problems_of_reviews(conditions: Conditions) -> Iterator[Rejected]:
    """Yield what is wrong with the amounts above which people review: each is one, the second not below the first."""
    first, second = conditions.review_above, conditions.second_above
    for pointer, amount in (("/review_above_minor", first), ("/second_above_minor", second)):
        if amount is not None and not 0 <= amount <= INT63_MAX:
            yield ProgrammeInvalid(f"{pointer} must be between 0 and {INT63_MAX}", pointer=pointer)
    if first is not None and second is not None and second < first:
        yield ProgrammeInvalid(
            "a second person is asked above the amount of the first, or above a larger one",
            pointer="/second_above_minor",
        )


def _problems_of_worth(terms: NewProgramme) -> Iterator[Rejected]:
    """Yield what is wrong with what a programme's money is worth in tokens, if each number of it is one by itself.

    A unit of money is worth between a millionth of a token and a million tokens: else somebody has mistyped, or turned
    the ratio round.
    """
    rate, budget, currency = terms.token_rate, terms.budget or Minor(0), currency_of(terms.currency)
    if min(rate.numerator, rate.denominator) < 1:
        return
    if currency is not None and 0 <= budget <= INT63_MAX:
        problem = _problem_of_room(budget, rate, currency, Commitments(), "/budget_minor")
        if problem is not None:
            yield problem
    if not rate.denominator <= rate.numerator * RATIO_MAX <= rate.denominator * RATIO_MAX**2:
        yield TokenRateAbsurd(
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
