"""Retiring a number: what a cancelled mint's order comes to, when a lane may sign for it, and the call.

The contract decides between a mint and a retirement of one number, by the one bit that each of them sets: whichever a
block carries first wins, and the other is skipped with an event. So nothing here has to know what pools hold.
"""

from typing import Final

from cashback.chain.model import NUMBER_RETIRED, Call, CancelAnswer, Cancellation, Cancelling, Policy, Progress, Settled
from cashback.chain.rules.fees import Waits

SELECTOR_RETIRE: Final = bytes.fromhex("f49d0638")
"""Of `retire(uint64)`."""
GAS_RETIRE: Final = 90_000
"""The most gas that a retirement can use, measured as 78,424 with both words of the bitmaps untouched; a test on a real
chain keeps it true."""
MINT_SETTLED: Final = "mint_settled"
TOO_LATE: Final = "too_late"

_WORD_BYTES: Final = 32


def call(number: int, *, amount: int) -> Call:
    """Return the call that uses `number` up; `amount` is what is not minted by it."""
    return Call(
        calldata=SELECTOR_RETIRE + number.to_bytes(_WORD_BYTES), numbers=(number,), amount=amount, gas=GAS_RETIRE
    )


def obstacle(policy: Policy) -> Waits | None:
    """Return why nothing can be retired now, None when it can; the minter's limit is none, since nothing is created."""
    if policy.is_paused:
        return Waits("minter_paused")
    if not policy.is_operator or not policy.is_minter:
        return Waits("role_missing")
    return None


def progress(mint: Cancellation) -> Progress:
    """Return how far a cancellation is; `too_late` where nothing can be cancelled, also when nobody has ordered it."""
    if mint.verdict is None:
        return "retiring" if mint.has_slot else "ordered"
    if mint.verdict == "minted" or mint.reason != NUMBER_RETIRED:
        return "too_late"
    return "retired" if mint.is_final else "retiring"


def answer(mint: Cancellation) -> CancelAnswer:
    """Return what is told to whoever ordered the cancellation of a stored mint, for the first time or again."""
    found = progress(mint)
    if found == "too_late":
        return Settled(mint.number, TOO_LATE if mint.is_ordered else MINT_SETTLED)
    return Cancelling(mint.number, found)
