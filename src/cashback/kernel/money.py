"""Money and tokens as exact integers: minor units of a currency, base units of the token, basis points.

There is no float here and no rounding but down, at the places the design states.
"""

from typing import Annotated, Final, NewType, TypeAlias

import msgspec

Minor = NewType("Minor", int)
"""An amount of fiat money in the currency's minor unit (ISO 4217), for example cents."""

TokenUnits = NewType("TokenUnits", int)
"""An amount of the token in its base unit, 10^-6 of one token."""

Bps = NewType("Bps", int)
"""A rate in basis points: 10,000 are the whole."""

# The last group of each keeps out what `$` lets in: one line feed at the end.
AMOUNT_PATTERN: Final = r"^(0|[1-9][0-9]{0,18})$(?!\n)"
CURRENCY_PATTERN: Final = r"^[A-Z]{3}$(?!\n)"
WANTED: Final = {
    AMOUNT_PATTERN: "a whole number of minor units of at most 19 digits, such as 2973 for 29.73",
    CURRENCY_PATTERN: "a code of ISO 4217 in capital letters",
}
"""What each pattern wants, in the words of somebody who never saw it."""

Amount: TypeAlias = Annotated[str, msgspec.Meta(pattern=AMOUNT_PATTERN, description="An integer as a decimal string.")]
"""An amount as text, in minor units or base units: no JSON reader rounds a string."""

BPS_IN_WHOLE: Final = 10_000
TOKEN_DECIMALS: Final = 6
TOKEN_SYMBOL: Final = "CBK"  # noqa: S105  # a ticker, not a password
INT63_MAX: Final = 2**63 - 1
MINT_NUMBER_MAX: Final = 2**62
"""No ledger ever gives out a higher mint number; one that is seen on a chain stands there by somebody else's hand."""
"""Largest amount, number or supply that is stored, sent or minted; everything above is refused at the edge."""


class Currency(msgspec.Struct, frozen=True):
    """A currency in use: its ISO 4217 alphabetic code and the exponent of its minor unit."""

    code: str
    exponent: int


class TokenRate(msgspec.Struct, frozen=True):
    """Whole tokens per whole unit of currency, as the exact rational `numerator / denominator`."""

    numerator: int
    denominator: int


def share(amount: Minor, rate: Bps) -> Minor:
    """Return `rate` of `amount` in minor units, rounded down: the programme never pays a unit nobody earned.

    >>> share(Minor(1_999), Bps(150))
    29
    """
    return Minor(amount * rate // BPS_IN_WHOLE)


def to_token(amount: Minor, *, exponent: int, rate: TokenRate) -> TokenUnits:
    """Return the base units that `amount` buys at `rate`, rounded down once, at the very end.

    >>> to_token(Minor(29), exponent=2, rate=TokenRate(1, 1))
    290000
    """
    return TokenUnits(amount * 10**TOKEN_DECIMALS * rate.numerator // (10**exponent * rate.denominator))
