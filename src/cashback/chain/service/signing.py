"""Having a lane's transactions signed, all of them at the same time: a key in a service far away takes its time."""

import asyncio
from collections.abc import Sequence

from cashback.chain.gateway.keys import Signer
from cashback.chain.model import Attempt, Fees, Slot, Transaction
from cashback.chain.rules import transaction


async def signed(signer: Signer, unsigned: Sequence[tuple[int, Transaction]]) -> list[Attempt]:
    """Return the attempts of lanes and their transactions, in that order: all of them, or none.

    Nothing is reserved or stored here, and what was signed beside a failure is forgotten.

    Raises:
        KeyUnavailable: one was not signed; the others are no longer waited for.
    """
    signing = [asyncio.ensure_future(signer.sign(transaction.digest(one))) for _, one in unsigned]
    try:
        signatures = await asyncio.gather(*signing)
    finally:
        for one in signing:
            one.cancel()
        await asyncio.gather(*signing, return_exceptions=True)
    return [
        transaction.attempt(one, signature, lane=lane)
        for (lane, one), signature in zip(unsigned, signatures, strict=True)
    ]


async def first_attempts(signer: Signer, slots: Sequence[Slot], *, bid: Fees, chain_id: int) -> list[Attempt]:
    """Return the first attempt of each slot at the price `bid`; all of them, or none.

    Raises:
        KeyUnavailable: as `signed`.
    """
    return await signed(signer, [(slot.lane, _unsigned(slot, bid=bid, chain_id=chain_id)) for slot in slots])


def _unsigned(slot: Slot, *, bid: Fees, chain_id: int) -> Transaction:
    """Return the first attempt of a slot, to be signed."""
    return Transaction(
        chain_id=chain_id,
        nonce=slot.nonce,
        fees=bid,
        gas=slot.call.gas,
        target=slot.target,
        calldata=slot.call.calldata,
    )
