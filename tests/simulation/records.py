"""The adapter's records of a world: which chain they are about, and whether anything is left to do in them."""

from collections.abc import Sequence
from typing import Final

import psycopg
from psycopg_pool import AsyncConnectionPool

from cashback.chain.model import Address
from cashback.chain.store import network
from cashback.kernel.db import Database, Tx
from tests.simulation import scene

EPOCH: Final = "epo_simulated"

_OPEN: Final = """
select (select count(*) from chain.mints where state not in ('final', 'refused') and recipient <> all (%s::bytea[]))
     + (select count(*) from chain.slots where state <> 'final')
     + (select count(*) from chain.anchors where state not in ('final', 'superseded'))
     + %s - (select count(*) from chain.mints)
"""


async def establish(pool: AsyncConnectionPool[Tx]) -> None:
    """Say in the database which chain it is about."""
    async with Database(pool).transaction() as tx:
        token, minter = Address(scene.TOKEN), Address(scene.MINTER)
        await network.establish(tx, epoch=EPOCH, chain_id=scene.CHAIN_ID, token=token, minter=minter)


def is_at_rest(witness: psycopg.Connection, *, but_for: Sequence[Address], wanted: int) -> bool:
    """Tell whether nothing is left to do but mints to some recipients, once so many mints are known."""
    return witness.execute(_OPEN, (list(but_for), wanted)).fetchone() == (0,)
