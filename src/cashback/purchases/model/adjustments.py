"""Cashback that an operator gives or takes back by hand: commands like any other."""

from cashback.kernel.errors import Conflict
from cashback.purchases.model import Command


class CreditByHand(Command, frozen=True, kw_only=True):
    """Cashback to be given that no purchase earned; without a campaign the programme itself pays."""

    user_id: str
    programme_id: str
    amount_minor: int
    person: str
    reason: str
    campaign_id: str | None = None


class DebitByHand(Command, frozen=True, kw_only=True):
    """So much of a cashback to be taken back, in minor units of its currency."""

    cashback_id: str
    amount_minor: int
    person: str
    reason: str


class UserBlocked(Conflict):
    """The user earns no cashback at present, from nobody."""

    code = "user_blocked"
