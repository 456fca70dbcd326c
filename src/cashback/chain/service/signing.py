"""Having a lane's transactions signed, all of them at the same time: a key in a service far away takes its time."""

import asyncio
from collections.abc import Sequence

from cashback.chain.gateway.keys import Signer
from cashback.chain.model import Attempt, Transaction
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
