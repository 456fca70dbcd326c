"""Exact figures as people read them."""

from typing import Final

from cashback.kernel.money import TOKEN_DECIMALS, TOKEN_SYMBOL, Currency

_PERCENT_DIGITS: Final = 2


def decimal(units: int, digits: int) -> str:
    """Return `units` of 10^-digits as a decimal number, exactly.

    >>> decimal(1_999, 2)
    '19.99'
    """
    if digits == 0:
        return str(units)
    return f"{units // 10**digits}.{units % 10**digits:0{digits}}"


def money(amount: int, currency: Currency) -> str:
    """Return an amount of money, as `19.99 USD`."""
    return f"{decimal(amount, currency.exponent)} {currency.code}"


def tokens(units: int) -> str:
    """Return an amount of tokens, as `0.290000 CBK`."""
    return f"{decimal(units, TOKEN_DECIMALS)} {TOKEN_SYMBOL}"


def percent(rate: int) -> str:
    """Return basis points as `1.5 %`."""
    return decimal(rate, _PERCENT_DIGITS).rstrip("0").rstrip(".") + " %"


def times(multiplier: int) -> str:
    """Return a multiplier in basis points as `1.5`."""
    return decimal(multiplier, 4).rstrip("0").rstrip(".")
