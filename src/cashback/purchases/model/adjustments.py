"""Cashback that an operator gives or takes back by hand: commands like any other."""

from cashback.kernel.errors import Conflict
from cashback.purchases.model import Signed


class CreditByHand(Signed, frozen=True, kw_only=True):
    """Cashback to be given that no purchase earned; without a campaign the programme itself pays."""

    user_id: str
    programme_id: str
    amount_minor: int
    campaign_id: str | None = None


class DebitByHand(Signed, frozen=True, kw_only=True):
    """So much of a cashback to be taken back, in minor units of its currency."""

    cashback_id: str
    amount_minor: int


class UserBlocked(Conflict):
    """The user earns no cashback at present, from nobody."""

    code = "user_blocked"
