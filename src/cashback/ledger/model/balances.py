"""What cashbacks come to: in sums by state, and as a user's balance."""

import msgspec

from cashback.kernel.money import Minor, TokenUnits


class Sum(msgspec.Struct, frozen=True):
    """How many cashbacks, and how much they are in money and in tokens."""

    cashbacks: int = 0
    amount: Minor = Minor(0)
    token_units: TokenUnits = TokenUnits(0)


class StateSums(msgspec.Struct, frozen=True, kw_only=True):
    """What a user's cashbacks in one state come to: granted, still payable, and of that kept against debt."""

    cashbacks: int
    amount: Minor
    token_units: TokenUnits
    payable: Minor
    payable_units: TokenUnits
    netted_units: TokenUnits


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """A user's cashback in one currency; `granted` is the sum of all the others, in money and in tokens (I1).

    `pending` is held or in review, `waiting` is approved. A cashback that was refunded in part counts where it stands
    with what is left of it, and the rest of it is in `voided`; one of which debt took a part likewise, and the tokens
    of that part are in `netted`.
    """

    currency: str
    granted: Sum
    pending: Sum
    waiting: Sum
    in_flight: Sum
    stuck: Sum
    minted: Sum
    voided: Sum
    netted: Sum
    expired: Sum
