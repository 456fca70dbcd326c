"""A programme's terms for what it has granted, until that is requested."""

import msgspec

from cashback.kernel.money import Minor


class LifeTerms(msgspec.Struct, frozen=True, kw_only=True):
    """A programme's terms for what it grants: how long it is held, and what people look at before.

    Grants above `review_above` are reviewed, and what is above `second_above` by two; None is never.
    """

    hold_days: int = 0
    review_above: Minor | None = None
    second_above: Minor | None = None
    is_paused: bool = False
