"""Recovering by a person's order, while minting is halted: the records brought back in line with the chain.

    halted? ──▶ which of the blocks that the records know still stand? ──final ones were replaced──▶ booked back
                                                    └─all of them──▶ nonces adopted (`adopting`), a new epoch

Booking back is one transaction: outcomes above the fork become void and are told as `reverted`, slots open again with
their stored attempts, headers and finality go back to the fork. It takes the follower's lease away first and holds the
halt switch, so that nobody follows, signs or resumes under it. The halt stays: whoever ordered it reads the list first.
Killed before its commit it has changed nothing, and after it the next one finds nothing to book back.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.model import ChainUnavailable, Hash, Header, Network, NotHalted, Person, RaceLost, Recovered
from cashback.chain.rules.forking import Fork, Search
from cashback.chain.service.adopting import Adopting
from cashback.chain.service.halting import check_order
from cashback.chain.service.pulse import Pulse
from cashback.chain.service.voiding import void_calls
from cashback.chain.store import adoption, anchor_logs, blocks, booking, halts, lanes, network, recoveries, sightings
from cashback.chain.store.network import SCHEMA
from cashback.kernel import lease
from cashback.kernel.db import Database, Tx, long_statements
from cashback.kernel.ids import new_id
from cashback.kernel.telemetry import logger

FOLLOWER: Final = "follower"
"""The name of the lease under which blocks are followed."""
STATEMENT_S_MAX: Final = 240
"""How long one statement may take: booking back is one for all outcomes that are void."""

log = logger(__name__)


class _Undone(Exception):
    """Rolls back what was only to be shown."""


class _Order(msgspec.Struct, frozen=True):
    """Who orders it, why, and whether it is only to be shown."""

    by: Person
    because: str
    is_dry_run: bool


class Recovering:
    """Brings the records in line with the chain; may be repeated, and killed at any time."""

    def __init__(self, database: Database, *, source: Blocks, start_block: int, written: Pulse) -> None:
        """Hold these records against `source`; nothing is known of blocks before `start_block`."""
        self._database = database
        self._source = source
        self._adopting = Adopting(database, source=source)
        self._start_block = start_block
        self._written = written

    async def recover(self, *, by: Person, because: str, is_dry_run: bool) -> Recovered:
        """Bring the records in line with the chain in the name of a person, and return what that changed.

        A dry run does the same and rolls it back.

        Raises:
            Invalid: who or why is empty or too long.
            NotHalted: minting is not halted.
            NotFinalYet: a signer has transactions under way that the records do not know; nothing was changed.
            ChainUnavailable: the nodes do not show how far down blocks were replaced; nothing was changed.
            RaceLost: the records moved meanwhile; nothing was changed, run it again.
        """
        check_order(by, because)
        async with self._database.transaction() as tx, long_statements(tx, within_s=STATEMENT_S_MAX):
            known = _halted(await network.network(tx))
            places = await booking.places(tx)
        fork = await self._fork(places)
        order = _Order(by, because, is_dry_run)
        if fork.replaced is None or fork.standing >= known.final_block:
            recovered = await self._adopt(known, order)
        else:
            await self._confirm(fork.replaced, places[fork.replaced])
            recovered = await self._book_back(fork, places, order)
        if not is_dry_run:
            self._tell(recovered, by=by, because=because)
        return recovered

    async def _fork(self, places: dict[int, Hash]) -> Fork:
        """Return down to where the blocks that the records know were replaced.

        What stands above the nodes' own head shows nothing, and is left to what stands below.
        """
        latest = await self._source.latest()
        known = {number: hash_ for number, hash_ in places.items() if number <= latest.number}
        search = Search(known, floor=self._start_block - 1)
        while (number := search.probe) is not None:
            search.judge(is_canonical=(await self._source.header_at(number)).hash == known[number])
        return search.fork

    async def _confirm(self, number: int, known: Hash) -> None:
        """Return when more than half of all endpoints have another block there: outcomes are not void on less.

        Raises:
            ChainUnavailable: they have not.
        """
        if not await self._source.is_replaced(number, known):
            raise ChainUnavailable(f"too few endpoints have another block {number} than the one that was followed")

    async def _standing(self, number: int, places: dict[int, Hash]) -> Header | None:
        """Return the header from which blocks are followed again, None when that is from the start.

        Raises:
            RaceLost: it was replaced just now.
        """
        if number not in places:
            return None
        header = await self._source.header_at(number)
        if header.hash != places[number]:
            raise RaceLost(f"block {number} was replaced while it was looked at; run it again")
        return header

    async def _adopt(self, known: Network, order: _Order) -> Recovered:
        """Adopt what the chain has used and the records do not know, in a new epoch; return what that changed."""
        plans = await self._adopting.plan(known.final_block)
        async with self._transaction(order) as tx:
            before = await network.network(tx)
            done, waiting = await self._adopting.apply(tx, plans, final_block=known.final_block)
            epoch = new_id("epo")
            await adoption.begin_epoch(tx, epoch)
            await network.know_no_mints(tx)
            unknown, unknown_count = await recoveries.unknown_mints(tx)
            recovered = Recovered(
                reorganised_above=None,
                taken_back=[],
                taken_back_count=0,
                unknown=unknown,
                unknown_count=unknown_count,
                lanes=list(done.values()),
                exposed=[],
                exposed_count=0,
                waiting_again=waiting,
                epoch_before=before.epoch,
                epoch=epoch,
            )
            entry = await self._note(tx, recovered, order)
            for lane, adopted in done.items():
                await recoveries.note_lane(tx, recovery=entry, lane=lane, adopted=adopted)
        return recovered

    async def _book_back(self, fork: Fork, places: dict[int, Hash], order: _Order) -> Recovered:
        """Take everything back that stands above the fork; return what that was."""
        header = await self._standing(fork.standing, places)
        async with self._transaction(order) as tx:
            recovered = await self._take_back(tx, fork, header, places)
            await self._note(tx, recovered, order)
        return recovered

    async def _take_back(self, tx: Tx, fork: Fork, header: Header | None, places: dict[int, Hash]) -> Recovered:
        """Take everything back that stands above the fork, with `tx`; return what that was.

        Raises:
            RaceLost: the records moved since they were read.
        """
        before = await network.network(tx)
        replaced = fork.replaced
        if replaced is None or not await booking.is_known(tx, replaced, places[replaced]):
            raise RaceLost("the records moved while the chain was looked at; run it again")
        await booking.reopen_slots(tx, above=fork.standing)
        exposed, exposed_count = await void_calls(tx, await booking.retire_again(tx, above=fork.standing))
        moved, taken_back = await booking.take_back(tx, above=fork.standing)
        await anchor_logs.unwind(tx, above=fork.standing)
        await anchor_logs.void_left(tx)
        await blocks.forget(tx, above=fork.standing)
        if header is not None and await blocks.hash_at(tx, header.number) is None:
            await blocks.append(tx, [header])
        await booking.lower_heads(tx, block=fork.standing)
        await network.know_no_mints(tx)
        unknown, unknown_count = await recoveries.unknown_mints(tx)
        return Recovered(
            reorganised_above=fork.standing,
            taken_back=await recoveries.taken_back_after(tx, sequence=before.last_sequence),
            taken_back_count=taken_back,
            unknown=unknown,
            unknown_count=unknown_count,
            lanes=[],
            exposed=exposed,
            exposed_count=exposed_count,
            waiting_again=moved,
            epoch_before=before.epoch,
            epoch=before.epoch,
        )

    @asynccontextmanager
    async def _transaction(self, order: _Order) -> AsyncIterator[Tx]:
        """Give a transaction in which nobody else follows, accepts, signs or resumes; a dry run is rolled back.

        Raises:
            NotHalted: somebody has resumed.
        """
        try:
            async with self._database.transaction() as tx, long_statements(tx, within_s=STATEMENT_S_MAX):
                await lease.depose(tx, schema=SCHEMA, name=FOLLOWER)
                # In the order in which everybody else takes them, and all before anything is changed.
                await sightings.revoke(tx)
                await lanes.lock_all(tx)
                await halts.lock(tx)
                _halted(await network.network(tx))
                yield tx
                _undo(is_dry_run=order.is_dry_run)
        except _Undone:
            return

    async def _note(self, tx: Tx, recovered: Recovered, order: _Order) -> int:
        """Keep who had what changed and why; return the entry's number."""
        last = (await network.network(tx)).last_sequence
        return await recoveries.note(tx, recovered, last_sequence=last, by=order.by, because=order.because)

    def _tell(self, recovered: Recovered, *, by: Person, because: str) -> None:
        """Log what was changed, and wake those who watch outcomes."""
        figures = {
            name: value
            for name, value in msgspec.structs.asdict(recovered).items()
            if name not in {"taken_back", "unknown", "lanes", "exposed"}
        }
        log.warning("records.recovered", by=by.name, why=because, lanes=len(recovered.lanes), **figures)
        self._written.beat()


def _undo(*, is_dry_run: bool) -> None:
    """Raise `_Undone` in a dry run."""
    if is_dry_run:
        raise _Undone


def _halted(known: Network) -> Network:
    """Return the network when minting is halted on it.

    Raises:
        NotHalted: it is not.
    """
    if known.halted_reason is None:
        raise NotHalted("minting is not halted; halt it first, so that nothing is signed meanwhile")
    return known
