"""Which commands are sound: everything that can be said of one without looking anything up."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cashback.kernel.errors import Rejected
from cashback.kernel.ids import is_id
from cashback.kernel.keys import problem_of_key_text
from cashback.kernel.mistakes import first_of
from cashback.purchases.model import (
    OPERATOR,
    Command,
    FieldInvalid,
    MerchantUnknown,
    NewMerchant,
    NewPurchase,
    NewUser,
    NewWallet,
    NotYours,
    UserUnknown,
    WalletInvalid,
)
from cashback.purchases.model.ownership import NewChallenge
from cashback.purchases.rules.checks import REASON_LENGTH_MAX, problem_of_amount, problem_of_text
from cashback.purchases.rules.lines import problem_of_lines
from cashback.purchases.rules.wallets import is_wallet

_MCC: Final = re.compile(r"[0-9]{4}")
_TIER: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_AHEAD: Final = timedelta(days=1)
"""How far a merchant's clock may run ahead of ours."""


def problem_of_key(command: Command) -> Rejected | None:
    """Return what is wrong with a command's idempotency key, or None."""
    return problem_of_key_text(command.key)


def problem_of_purchase(purchase: NewPurchase, *, now: datetime) -> Rejected | None:
    """Return what is wrong with a purchase, or None; whether user and merchant exist is not asked."""
    if purchase.owner not in (OPERATOR, purchase.merchant_id):
        return NotYours("a merchant records its own purchases only", pointer="/merchant_id")
    return first_of(
        None if is_id(purchase.merchant_id, "mer") else _no_merchant(),
        None if is_id(purchase.user_id, "usr") else UserUnknown("there is no such user", pointer="/user_id"),
        problem_of_amount(purchase.amount_minor, "/amount_minor"),
        problem_of_lines(purchase),
        _problem_of_time(purchase.occurred_at, now),
        problem_of_text(purchase.reference, "/reference"),
    )


def problem_of_user(user: NewUser) -> Rejected | None:
    """Return what is wrong with a user to be, or None."""
    return first_of(
        _problem_of_address(user.wallet), problem_of_text(user.reference, "/reference"), _problem_of_tier(user.tier)
    )


def problem_of_wallet(wallet: NewWallet) -> Rejected | None:
    """Return what is wrong with a wallet to be set, or None."""
    if not is_id(wallet.user_id, "usr"):
        return UserUnknown("there is no such user", parameter="user_id")
    return first_of(_problem_of_address(wallet.wallet), _problem_of_person(wallet))


def problem_of_challenge(challenge: NewChallenge) -> Rejected | None:
    """Return what is wrong with a challenge to be, or None."""
    if not is_id(challenge.user_id, "usr"):
        return UserUnknown("there is no such user", parameter="user_id")
    return _problem_of_address(challenge.wallet)


def problem_of_merchant(merchant: NewMerchant) -> Rejected | None:
    """Return what is wrong with a merchant to be, or None."""
    is_category = merchant.mcc is None or _MCC.fullmatch(merchant.mcc)
    return first_of(
        None if is_category else FieldInvalid("a merchant category code has four digits", pointer="/mcc"),
        *(_problem_of_owner(merchant.owners, place) for place in range(len(merchant.owners))),
        problem_of_text(merchant.name, "/name"),
    )


def _no_merchant() -> MerchantUnknown:
    """Return what is wrong with an id that no merchant can have."""
    return MerchantUnknown("there is no such merchant", pointer="/merchant_id")


def _problem_of_owner(owners: Sequence[str], place: int) -> Rejected | None:
    """Return what is wrong with one owner of a merchant."""
    if not is_id(owners[place], "usr"):
        return UserUnknown("there is no such user", pointer=f"/owners/{place}")
    if owners[place] in owners[:place]:
        return FieldInvalid("an owner is named once", pointer=f"/owners/{place}")
    return None


def _problem_of_tier(tier: str | None) -> Rejected | None:
    """Return what is wrong with a tier that may be absent."""
    if tier is None or _TIER.fullmatch(tier):
        return None
    return FieldInvalid("a tier is a name such as gold, in small letters", pointer="/tier")


def _problem_of_time(occurred_at: datetime, now: datetime) -> Rejected | None:
    """Return what is wrong with the time of a purchase."""
    if occurred_at.tzinfo is None:
        return FieldInvalid("the time must name its offset", pointer="/occurred_at")
    if not EARLIEST <= occurred_at <= now + LATEST_AHEAD:
        return FieldInvalid("a purchase lies between 1970 and tomorrow", pointer="/occurred_at")
    return None


def _problem_of_address(wallet: str | None) -> Rejected | None:
    """Return what is wrong with an address that may be absent."""
    if wallet is None or is_wallet(wallet):
        return None
    return WalletInvalid("the wallet must be an address with its EIP-55 checksum, and not zero", pointer="/wallet")


def _problem_of_person(wallet: NewWallet) -> Rejected | None:
    """Return what is wrong with who answers for a wallet, if anybody does; who does says why."""
    person, reason = wallet.person, wallet.reason
    if (person is None) != (reason is None):
        missing = "person" if person is None else "reason"
        return FieldInvalid("who decides it goes with why, and why with who", pointer=f"/{missing}")
    if person is None or reason is None:
        return None
    return first_of(
        problem_of_text(person.strip(), "/person"),
        problem_of_text(reason.strip(), "/reason", longest=REASON_LENGTH_MAX),
    )
