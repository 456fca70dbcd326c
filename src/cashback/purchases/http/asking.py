"""What questions over REST share: what is to be told with a purchase."""

from collections.abc import Sequence
from typing import Final

from cashback.kernel.http import Principal, expanded

WITH_PURCHASES: Final = ("cashback", "refunds")
"""What is told with a purchase when it is asked for; a single one tells its cashback in any case."""


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
