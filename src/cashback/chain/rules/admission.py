"""Whether an entry can ever be minted; asked before anything is stored."""

from typing import Final

from cashback.chain.model import ZERO_ADDRESS, Address, Mint, Unmintable
from cashback.kernel.money import INT63_MAX

_ADDRESS_BYTES: Final = 20
_CASHBACK_ID_CHARACTERS_MAX: Final = 64


def refusal(mint: Mint, *, reserved: frozenset[Address]) -> Unmintable | None:
    """Return why `mint` can never be minted, or None when it can; `reserved` are the token and the minter.

    The contract skips a zero or reserved recipient; refusing it here saves the gas and tells the caller at once.
    """
    reason = _malformation(mint) or _unpayable(mint, reserved)
    return None if reason is None else Unmintable(mint.number, reason)


def uncancellable(mint: Mint) -> Unmintable | None:
    """Return why `mint` cannot even be stored to be cancelled, or None when it can.

    What must not be minted because of its recipient may be retired all the same: that mints nothing.
    """
    reason = _malformation(mint)
    return None if reason is None else Unmintable(mint.number, reason)


def _malformation(mint: Mint) -> str | None:
    """Return the stable code of the first thing that no mint may be."""
    if not 0 < mint.number <= INT63_MAX:
        return "number_out_of_range"
    if not 0 < mint.amount <= INT63_MAX:
        return "amount_out_of_range"
    if not 0 < len(mint.cashback_id) <= _CASHBACK_ID_CHARACTERS_MAX:
        return "cashback_id_invalid"
    if len(mint.recipient) != _ADDRESS_BYTES:
        return "recipient_invalid"
    return None


def _unpayable(mint: Mint, reserved: frozenset[Address]) -> str | None:
    """Return the stable code of why nothing may be paid to the recipient."""
    if mint.recipient == ZERO_ADDRESS:
        return "recipient_zero"
    return "recipient_reserved" if mint.recipient in reserved else None
