"""What the terms of a programme must be like, alone and beside all programmes before it."""

from typing import Final

import msgspec

from cashback.kernel.money import BPS_IN_WHOLE, INT63_MAX, Bps, Currency, Minor, TokenRate, TokenUnits, share, to_token
from cashback.ledger.model import Commitments, GrantAboveLimit, NewProgramme, Programme, ProgrammeInvalid
from cashback.ledger.model.rulesets import Gates, Percent, Rule, Rules
from cashback.ledger.rules.currencies import currency_of

NAME_LENGTH_MAX: Final = 200
_encoder: Final = msgspec.json.Encoder(order="deterministic")


def check_terms(terms: NewProgramme) -> Currency:
    """Return the currency of sound terms.

    Raises:
        ProgrammeInvalid: with a pointer to the first term that is not.
    """
    currency = currency_of(terms.currency)
    if currency is None:
        raise ProgrammeInvalid("the currency is no code of ISO 4217", pointer="/currency")
    bounds = (
        ("/name", len(terms.name), NAME_LENGTH_MAX),
        ("/rate_bps", terms.rate, BPS_IN_WHOLE),
        ("/budget_minor", terms.budget, INT63_MAX),
        ("/token_rate/numerator", terms.token_rate.numerator, INT63_MAX),
        ("/token_rate/denominator", terms.token_rate.denominator, INT63_MAX),
    )
    for pointer, value, most in bounds:
        if not 1 <= value <= most:
            raise ProgrammeInvalid(f"{pointer} must be between 1 and {most}", pointer=pointer)
    if not terms.name.isprintable():
        raise ProgrammeInvalid("the name must be printable", pointer="/name")
    check_room(terms, currency, Commitments())
    return currency


def check_room(terms: NewProgramme, currency: Currency, before: Commitments) -> None:
    """Return when all budgets ever, this one included, stay within 63 bits, in their money and in tokens.

    Every balance and every sum of the books is a part of one of the two, so none can outgrow its column: what users
    hold adds up over programmes, and so does the supply. A budget counts whole, spent or not.

    Raises:
        ProgrammeInvalid: with a pointer to the budget.
    """
    tokens = to_token(terms.budget, exponent=currency.exponent, rate=terms.token_rate)
    if before.budget + terms.budget > INT63_MAX or before.token_units + tokens > INT63_MAX:
        raise ProgrammeInvalid(
            "all budgets together must stay below 2^63, in minor units and in base units of the token",
            pointer="/budget_minor",
        )


def bare_percentage(campaign_id: str, rate: Bps, currency: str) -> bytes:
    """Return the document of a ruleset that is one percentage of everything in one currency, paid by one campaign."""
    rule = Rule(id="base", campaign=campaign_id, earns=Percent(rate_bps=rate))
    return _encoder.encode(Rules(rules=(rule,), gates=Gates(currencies=(currency,))))


def largest_grant(programme: Programme) -> TokenUnits:
    """Return the most that one purchase can still earn: what the largest purchase there is earns, or all that is left.

    The minter must be able to mint that at once, or the mint waits for ever: a grant is never split.
    """
    rules = programme.ruleset
    return _largest(rules.rate, programme.budget_left, rules.currency, programme.conversion.rate)


def fitting(programme: Programme, limit: TokenUnits) -> TokenUnits:
    """Return the largest grant of a programme in force, which is no more than `limit`, the most that is minted at once.

    Raises:
        GrantAboveLimit: it is more; it says what to do.
    """
    remedy = "or end the programme and start one with a smaller budget"
    return _within(limit, largest_grant(programme), name=programme.name, remedy=remedy)


def check_limit(terms: NewProgramme, currency: Currency, limit: TokenUnits) -> None:
    """Return when the largest grant of a programme to be is no more than `limit`, the most that is minted at once.

    Raises:
        GrantAboveLimit: it is more; it says what to do.
    """
    most = _largest(terms.rate, terms.budget, currency, terms.token_rate)
    _within(limit, most, name=terms.name, remedy="or start the programme with a smaller budget")


def _largest(rate: Bps, budget: Minor, currency: Currency, token_rate: TokenRate) -> TokenUnits:
    """Return the most that one purchase earns out of a budget."""
    earned = min(share(Minor(INT63_MAX), rate), budget)
    return to_token(Minor(earned), exponent=currency.exponent, rate=token_rate)


def _within(limit: TokenUnits, most: TokenUnits, *, name: str, remedy: str) -> TokenUnits:
    """Return `most` if it is within the limit.

    Raises:
        GrantAboveLimit: it is not.
    """
    if most > limit:
        raise GrantAboveLimit(
            f"one purchase can earn {most} base units in the programme {name!r}, and the minter mints at most {limit} "
            "at once, so that mint would wait for ever: have the minter's admin call setLimit with a capacity of at "
            f"least that, {remedy}"
        )
    return most
