"""What questions over REST share: whose things are asked for, and what is to be told with a purchase."""

from collections.abc import Sequence
from typing import Final

from cashback.kernel.http import Principal, expanded
from cashback.purchases.model import MerchantUnknown

WITH_PURCHASES: Final = ("cashback", "refunds")
"""What a list tells with each purchase when it is asked to."""

WITH_ONE: Final = ("refunds",)
"""The same of a single purchase, whose cashback is told in any case."""


def merchant_seen(principal: Principal, named: str | None) -> str | None:
    """Return whose things a list is of: a merchant's own, else those of the merchant named, or everybody's (None).

    Raises:
        MerchantUnknown: a merchant names another one.
    """
    if named is not None and not principal.may_see(named):
        # In the very words of what does not exist, or they would tell that it does.
        raise MerchantUnknown("there is no such merchant", parameter="merchant_id")
    return principal.merchant_id if named is None else named


def expansion(principal: Principal, text: str | None, *, known: Sequence[str]) -> frozenset[str]:
    """Return what is to be told with a purchase, of what the caller's key was made for.

    Raises:
        ParameterInvalid: there is nothing of this name.
        ScopeMissing: the key was not made to read refunds.
    """
    wanted = expanded(text, known=known)
    if "refunds" in wanted:
        principal.require("refunds:read")
    return wanted
