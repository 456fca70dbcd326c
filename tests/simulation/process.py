"""One adapter process: the real parts, wired as in production, on simulated endpoints and a real database.

It dies where the schedule says: at any named point of its code, and before or after it asks or commits.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from psycopg_pool import AsyncConnectionPool

from cashback.chain.gateway.contracts import Contracts
from cashback.chain.gateway.keys import Signer
from cashback.chain.gateway.node import Node
from cashback.chain.model import KeyUnavailable, Signature
from cashback.kernel.db import Database, DatabaseUnavailable, Tx
from cashback.processes import adapter, signing
from tests.simulation.chain import Chain
from tests.simulation.endpoint import SimulatedEndpoint, Site, Surroundings
from tests.simulation.faults import Faults
from tests.simulation.life import Killed, Life

_ADVANCES_MAX = 16


class MortalDatabase(Database):
    """The database as a process sees it that may die, or lose the answer, at every commit."""

    def __init__(self, pool: AsyncConnectionPool[Tx], *, faults: Faults, life: Life) -> None:
        """Use the connections of `pool`, as every process of a world does."""
        super().__init__(pool)
        self._faults = faults
        self._life = life

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Yield a connection inside a transaction, which may fail before it began or after it ended."""
        self._life.end_by("killed_between")
        if self._faults.strikes("database_down"):
            raise DatabaseUnavailable("the database did not answer: simulated")
        async with super().transaction() as tx:
            yield tx
            self._life.end_by("killed_before_commit")
        self._life.end_by("killed_after_commit")
        if self._faults.strikes("commit_answer_lost"):
            raise DatabaseUnavailable("the answer to COMMIT was lost: simulated")


class SlowSigner:
    """A key in a service far away: the process may stand still while it signs.

    What is to be signed at the same time is signed one after the other, so that a seed always tells the same story.
    """

    def __init__(self, signer: Signer, *, faults: Faults, life: Life, stall: Callable[[], Awaitable[None]]) -> None:
        """Sign as `signer`."""
        self.address = signer.address
        self._signer = signer
        self._faults = faults
        self._life = life
        self._stall = stall
        self._turns = asyncio.Lock()

    async def sign(self, digest: bytes) -> Signature:
        """Return the signature, late or never.

        Raises:
            KeyUnavailable: not now.
        """
        async with self._turns:
            if self._life.is_over:
                raise Killed
            if self._faults.strikes("stalled_signing"):
                await self._stall()
            if self._faults.strikes("key_away"):
                raise KeyUnavailable("the key service did not answer: simulated")
            return await self._signer.sign(digest)


class Process:
    """One adapter, whose loops are turned from outside."""

    def __init__(
        self,
        name: str,
        *,
        settings: adapter.Settings,
        signer: Signer,
        pool: AsyncConnectionPool[Tx],
        chain: Chain,
        sites: Sequence[Site],
        around: Surroundings,
        stall: Callable[["Process"], Awaitable[None]],
        life: Life,
    ) -> None:
        """Wire one process of a deployment; it begins without any memory but the database."""
        self.name = name
        self.life = life

        async def stand_still() -> None:
            """Let the world go on without this process."""
            await stall(self)

        self.database = MortalDatabase(pool, faults=around.faults, life=life)
        node = Node(
            [
                SimulatedEndpoint(chain, site, place=place, around=around, life=life, stall=stand_still)
                for place, site in enumerate(sites)
            ]
        )
        token, minter = signing.address(settings.token_address), signing.address(settings.minter_address)
        self.parts = adapter.assemble(
            settings,
            self.database,
            node=node,
            contracts=Contracts(node, token=token, minter=minter),
            signers=(SlowSigner(signer, faults=around.faults, life=life, stall=stand_still),),
        )

    async def turn_lane(self) -> None:
        """Give its lane one turn."""
        await self.parts.lanes[0]._turn()

    async def turn_follower(self) -> None:
        """Give its follower turns until it would rest."""
        for _ in range(_ADVANCES_MAX):
            if await self.parts.follower._turn() > 0:
                return
