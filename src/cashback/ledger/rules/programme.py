"""What the terms of a programme must be like."""

from typing import Final

from cashback.kernel.money import BPS_IN_WHOLE, INT63_MAX, Currency
from cashback.ledger.model import NewProgramme, ProgrammeInvalid
from cashback.ledger.rules.currencies import currency_of

NAME_LENGTH_MAX: Final = 200


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
    return currency
