"""Keeping our own calls from minting what is to be retired again: their nonces are to be filled by no-ops.

    numbers to retire again ──▶ which open calls carry one? ──▶ slots of kind `void`, their other mints wait for a call

The cashback of such a number may have another one by now. What was signed is public and can be sent by anybody; a void
slot only sees to it that we do not, and that something else takes the nonce.
"""

from collections.abc import Collection

from cashback.chain.model import Exposed
from cashback.chain.rules.packing import numbers_in
from cashback.chain.store import recoveries, voiding
from cashback.kernel.db import Tx


async def void_calls(tx: Tx, numbers: Collection[int]) -> tuple[list[Exposed], int]:
    """Void every open call that carries one of the numbers.

    Return the first of them that such calls carry, at most 1,000 in order, each with its nonce, and the count.
    """
    if not numbers:
        return [], 0
    found: list[tuple[int, int, int]] = []
    after = (-1, -1)
    while calls := await voiding.open_calls(tx, after=after):
        after = calls[-1][:2]
        found += [
            (number, lane, nonce)
            for lane, nonce, calldata in calls
            for number in numbers_in(calldata)
            if number in numbers
        ]
    await voiding.void(tx, {(lane, nonce) for _, lane, nonce in found})
    return await voiding.exposed(tx, sorted(found)[: recoveries.LISTED_MAX]), len(found)
