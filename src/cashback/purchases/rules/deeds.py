"""What a command is called in the log of who did what, and what it was about."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from cashback.kernel.instants import as_told, is_in_range
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

RATE: Final = "put_rate"
"""What puts an exchange rate, which has no id: it goes by its pair and instant."""

RECORDING: Final = "create_purchase"
"""What a purchase is recorded by: it stands beside no key, since the purchase's id says it."""

_RATE: Final = re.compile(r"([A-Z]+/[A-Z]+) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d))")
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


class RateNamed(msgspec.Struct, frozen=True):
    """An exchange rate as the log knows it."""

    pair: str
    as_of: datetime


def rate_named(resource: str) -> RateNamed | None:
    """Return the exchange rate that a text names, None where it names none, whichever clock tells its instant.

    >>> rate_named("EUR/USD 2026-02-28T02:00:00+02:00") == rate_named("EUR/USD 2026-02-28T00:00:00Z")
    True
    """
    found = _RATE.fullmatch(resource)
    try:
        as_of = None if found is None else datetime.fromisoformat(found[2])
    except ValueError:
        return None
    return None if found is None or as_of is None or not is_in_range(as_of) else RateNamed(found[1], as_of)


def told_resource(what: str | None, resource: str | None) -> str | None:
    """Return what a command was about; the instant of a rate was once written as whoever put it told it.

    >>> told_resource("put_rate", "EUR/USD 2026-02-28T02:00:00+02:00")
    'EUR/USD 2026-02-28T00:00:00Z'
    """
    rate = rate_named(resource) if what == RATE and resource is not None else None
    return resource if rate is None else f"{rate.pair} {as_told(rate.as_of)}"
