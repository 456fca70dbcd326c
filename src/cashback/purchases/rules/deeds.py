"""What a command is called in the log of who did what."""

from collections.abc import Mapping
from typing import Final

from cashback.purchases.model import (
    STREAM_TO_COME,
    Command,
    NewBulk,
    NewMerchant,
    NewPurchase,
    NewUser,
    NewWallet,
    Order,
    ProgrammeStart,
)
from cashback.purchases.model.adjustments import CreditByHand, DebitByHand
from cashback.purchases.model.ownership import ChangeCancellation, NewChallenge, NewProof
from cashback.purchases.model.privacy import Erasure
from cashback.purchases.model.refunds import DebtWriteOff, NewRefund
from cashback.purchases.model.standing import MerchantActivity, UserBlock
from cashback.purchases.model.verdicts import ProgrammePause, ReviewSaid

RECORDING: Final = "create_purchase"
"""What a purchase is recorded by: it stands beside no key, since the purchase's id says it."""

_MADE_BY: Final[Mapping[str, str]] = {"pur": RECORDING, "rfd": "create_refund", "usr": "create_user"}
"""What makes such things, by what their ids begin with."""

_DEEDS: Final[Mapping[type[Command], str]] = {
    NewRefund: "create_refund",
    NewUser: "create_user",
    NewWallet: "set_wallet",
    NewMerchant: "create_merchant",
    ProgrammeStart: "create_programme",
    CreditByHand: "create_adjustment",
    DebitByHand: "create_adjustment",
    DebtWriteOff: "write_off_debt",
    ReviewSaid: "review_cashback",
    NewChallenge: "create_wallet_challenge",
    NewProof: "create_wallet_proof",
    ChangeCancellation: "cancel_wallet_change",
    Erasure: "erase_user",
}


def deed_of(command: Command) -> str | None:
    """Return what a command is called, None for a purchase: that is written for nothing, as its id says it."""
    match command:
        case NewPurchase():
            deed = None
        case Order(what=what):
            deed = what or None
        case NewBulk(contents=contents):
            deed = "stream_purchases" if contents == STREAM_TO_COME else "create_purchases"
        case UserBlock(is_blocked=is_blocked):
            deed = "block_user" if is_blocked else "unblock_user"
        case MerchantActivity(is_active=is_active):
            deed = "activate_merchant" if is_active else "deactivate_merchant"
        case ProgrammePause(is_paused=is_paused):
            deed = "pause_programme" if is_paused else "resume_programme"
        case _:
            deed = _DEEDS[type(command)]
    return deed


def rebuilt_as(what: str | None, resource: str | None) -> str | None:
    """Return as which command what came of one is told again; of before that was written down, as its id says it.

    What was done to a user of then is told as the user, whatever it was: it is the answer to each of these.

    >>> rebuilt_as(None, "usr_01m8cckwm1f739v2sfck6mpq3e"), rebuilt_as("set_wallet", "usr_01m8cckwm1f739v2sfck6mpq3e")
    ('create_user', 'set_wallet')
    """
    return what or _MADE_BY.get((resource or "").partition("_")[0])


def told_deed(what: str | None, resource: str | None) -> str | None:
    """Return what a command was called, None for one of before that was written down.

    >>> told_deed(None, "pur_01m8cckwm1f739v2sfck6mpq3e")
    'create_purchase'
    """
    return RECORDING if what is None and resource is not None and resource.startswith("pur_") else what
