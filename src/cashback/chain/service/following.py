"""Following the chain: every block from the start to the head, in order, and back when it is no longer canonical.

    tip ──new head──▶ headers link to the tip? ──yes──▶ logs of exactly these blocks ──▶ taken in ──▶ new tip
                                               └─no───▶ fork point among the stored headers ──▶ unwound ──▶ tip = fork

Only another hash at the height of one of our blocks proves that it was replaced. A node that has no block there may be
stale or still syncing: then the next turn asks again, and nothing is unwound.

Far behind the final block, ranges of blocks are read at once: nothing there can move any more.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
from prometheus_client import Counter

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.model import Address, ChainDiverged, ChainUnavailable, Hash, Header, Heads, Network, SeenLog
from cashback.chain.rules import following as rules
from cashback.chain.service.halting import Halting
from cashback.chain.service.inspection import Inspection
from cashback.chain.service.pulse import Pulse, first_of
from cashback.chain.service.sighting import OUTCOMES_PER_TRANSACTION_MAX, Sighted, Sighting
from cashback.chain.service.tenure import Tenure
from cashback.chain.store import blocks as store
from cashback.chain.store import network, sightings
from cashback.kernel.db import Database
from cashback.kernel.errors import Unavailable
from cashback.kernel.failpoints import reach
from cashback.kernel.telemetry import logger

HEADERS_PER_TURN_MAX: Final = 16
RANGE_BLOCKS_MAX: Final = 1_000
RANGE_FROM_BLOCKS: Final = 64
"""How far behind the final block the reading of ranges begins."""
HEADERS_COMPARED_MAX: Final = 1_024
_TROUBLE_S: Final = 0.5

REORGANISATIONS: Final = Counter("cashback_chain_reorganisations_total", "Times that followed blocks were replaced.")

log = logger(__name__)


class FollowerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where following begins in an empty database, how often the head is asked for, and what is called final."""

    start_block: int
    poll_ms: int
    finality: str


class Pulses(msgspec.Struct, frozen=True, kw_only=True):
    """What wakes the follower, a head that was announced, and what it beats: slots became free, outcomes written."""

    hinted: Pulse
    freed: Pulse
    written: Pulse


class Follower:
    """Follows the chain while it holds its lease: one at a time over all processes."""

    def __init__(
        self,
        database: Database,
        *,
        source: Blocks,
        tenure: Tenure,
        sighting: Sighting,
        inspection: Inspection,
        halting: Halting,
        settings: FollowerSettings,
        pulses: Pulses,
    ) -> None:
        """Follow `source`, woken by one of `pulses` and beating the others."""
        self._database = database
        self._source = source
        self._tenure = tenure
        self._sighting = sighting
        self._inspection = inspection
        self._halting = halting
        self._settings = settings
        self._pulses = pulses

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop` is set, whatever the world does; then give the lease back."""
        while not stop.is_set():
            ticket = self._pulses.hinted.ticket()
            rest_s = await self._turn()
            if rest_s > 0:
                await first_of(stop, ticket, timeout_s=rest_s)
        try:
            await self._tenure.release()
        except Unavailable as failure:
            log.warning("lease.kept", problem=failure.detail)

    async def _turn(self) -> float:
        """Take in what is new; return for how many seconds to rest."""
        try:
            if not await self._tenure.hold():
                return _TROUBLE_S
            return 0.0 if await self.advance() else self._settings.poll_ms / 1_000
        except Unavailable as failure:
            log.warning("follower.interrupted", problem=failure.detail, code=failure.code)
            return _TROUBLE_S
        except ChainDiverged as divergence:
            return await self._halt(divergence)

    async def advance(self) -> bool:
        """Take in the next blocks, or unwind what is gone; return whether there may be more to do at once.

        Raises:
            ChainUnavailable, DatabaseUnavailable, LeaseLost: nothing was stored; ask again.
            ChainDiverged: blocks that are final were replaced, or a nonce was used by a stranger.
        """
        async with self._database.transaction() as tx:
            tip = await store.tip(tx)
            known = await network.network(tx)
        heads = await self._source.heads()
        latest = heads.latest
        if tip is not None and latest.hash == tip.hash:
            # What is final moves by itself, also while no block comes.
            await self._settle(heads, tip, known)
            return False
        first = self._settings.start_block if tip is None else tip.number + 1
        final = rules.final_number(heads, self._settings.finality)
        is_far = first + RANGE_FROM_BLOCKS <= final
        headers = await (self._far(first, final, tip, latest) if is_far else self._near(first, latest, tip))
        if not headers:
            return await self._unwind_if_replaced(tip, latest)
        if is_far:
            headers, logs = await self._range(first, headers[-1], latest, minters=known.minters)
        else:
            logs = await self._source.logs_of(headers, minters=known.minters)
        await self._take(headers, logs, heads)
        return headers[-1].number < latest.number

    async def _far(self, first: int, final: int, tip: Header | None, latest: Header) -> list[Header]:
        """Return the header that ends the next range of final blocks; nothing when the tip was replaced."""
        if tip is not None and (await self._source.header_at(tip.number, under=latest)).hash != tip.hash:
            return []
        return [await self._source.header_at(min(first + RANGE_BLOCKS_MAX - 1, final), under=latest)]

    async def _near(self, first: int, latest: Header, tip: Header | None) -> list[Header]:
        """Return the headers that follow the tip; nothing when they do not link up with it."""
        last = min(first + HEADERS_PER_TURN_MAX - 1, latest.number)
        # How far all is final was told with `latest`: it holds on that branch, and blocks of another are not taken in.
        headers = [latest] if first == latest.number else await self._source.headers(first, last, under=latest)
        return headers if rules.is_chain(headers, None if tip is None else tip.hash) else []

    async def _range(
        self, first: int, last: Header, latest: Header, *, minters: Sequence[Address]
    ) -> tuple[list[Header], list[SeenLog]]:
        """Return the logs from block `first` to `last`, or as far as the node answers at once, and the header there."""
        reached, logs = await self._source.logs_from(first, last.number, under=latest, minters=minters)
        return [last if reached == last.number else await self._source.header_at(reached, under=latest)], logs

    async def _unwind_if_replaced(self, tip: Header | None, latest: Header) -> bool:
        """Go back to the fork point if the tip is on another branch than the node's `latest`; return whether it was.

        Raises:
            ChainUnavailable: the node tells nothing at a height that we have followed, so it proves nothing.
        """
        return tip is not None and await self._is_replaced(tip, latest) and await self._unwind()

    async def _is_replaced(self, tip: Header, latest: Header) -> bool:
        """Tell whether the node has another block than ours at the tip's height, or at its own head when that is lower.

        Raises:
            ChainUnavailable: it has none at the tip's height, or is so far behind that ours is not stored any more.
        """
        if latest.number >= tip.number:
            return (await self._source.header_at(tip.number, under=latest)).hash != tip.hash
        async with self._database.transaction() as tx:
            ours = await store.hash_at(tx, latest.number)
        if ours is None:
            raise ChainUnavailable(f"the node is at block {latest.number}, far behind {tip.number} that was followed")
        return ours != latest.hash

    async def _settle(self, heads: Heads, tip: Header, known: Network) -> None:
        """Write the outcomes that became due since the tip was taken in, if the node calls more of our blocks final.

        Raises:
            ChainUnavailable: as `_take`.
        """
        safe, final = self._depths(heads, tip.number)
        if safe <= known.safe_block and final <= known.final_block:
            return
        await self._agree(rules.final_header(heads, self._settings.finality), [tip])
        await self._finalise(safe=safe, final=final)
        if await self._inspection.turn(tip.number):
            self._pulses.freed.beat()

    def _depths(self, heads: Heads, tip: int) -> tuple[int, int]:
        """Return how far our blocks up to `tip` are safe and final; -1 where none is yet."""
        final = min(rules.final_number(heads, self._settings.finality), tip)
        return max(final, -1 if heads.safe is None else min(heads.safe.number, tip)), final

    async def _take(self, headers: Sequence[Header], logs: Sequence[SeenLog], heads: Heads) -> None:
        """Take blocks in, write the outcomes that became due, look into unexplained nonces, and wake who waits.

        Raises:
            ChainUnavailable: what the node calls final is on another branch than ours; nothing was stored.
        """
        tip = headers[-1].number
        await self._agree(rules.final_header(heads, self._settings.finality), headers)
        safe, final = self._depths(heads, tip)
        if logs:
            reach("logs.seen")
        is_at_head = tip == heads.latest.number
        sighted = await self._sighting.take(headers, logs, safe=safe, final=final, is_at_head=is_at_head)
        self._wake(sighted)
        if sighted.outcomes == OUTCOMES_PER_TRANSACTION_MAX:
            await self._finalise(safe=safe, final=final)
        # Far behind the head a node may no longer have the state that the inspection asks for.
        if is_at_head and await self._inspection.turn(tip):
            self._pulses.freed.beat()

    async def _finalise(self, *, safe: int, final: int) -> None:
        """Write the outcomes up to block `final`, as many transactions as that takes."""
        while True:
            sighted = await self._sighting.finalise(safe=safe, final=final)
            self._wake(sighted)
            if sighted.outcomes < OUTCOMES_PER_TRANSACTION_MAX:
                return

    async def _agree(self, final: Header | None, headers: Sequence[Header]) -> None:
        """Raise `ChainUnavailable` when the node's final block is not the one that we have followed at that height."""
        if final is None:
            return
        async with self._database.transaction() as tx:
            stored = await store.hash_at(tx, final.number)
        fresh = next((header.hash for header in headers if header.number == final.number), None)
        if (fresh or stored or final.hash) != final.hash:
            raise ChainUnavailable(f"the node's final block {final.number} is not the one that was followed")

    def _wake(self, sighted: Sighted) -> None:
        """Wake the lanes when slots became free, and the watchers when outcomes were written."""
        if sighted.slots:
            self._pulses.freed.beat()
        if sighted.outcomes:
            self._pulses.written.beat()

    async def _unwind(self) -> bool:
        """Go back to the last block that is still canonical; return whether that is another one than the tip.

        Raises:
            ChainDiverged: another block stands where the last final one was.
            ChainUnavailable: the node does not show how far down our blocks were replaced, or is alone in saying that a
                final one was; nothing was changed.
        """
        async with self._database.transaction() as tx:
            final_block = (await network.network(tx)).final_block
            newest = await store.hashes(tx, limit=HEADERS_COMPARED_MAX)
        stored = {number: hash_ for number, hash_ in newest.items() if number >= final_block}
        if not stored:
            return False  # a recovery has just gone back to before the first one
        fork = await self._fork(stored)
        if fork is None:
            raise ChainUnavailable("the node has another block than ours, but does not show since when")
        if fork < final_block:
            if not await self._source.is_replaced(final_block, stored[final_block]):
                raise ChainUnavailable(
                    f"one endpoint has another block {final_block} than the final one, most have not"
                )
            raise ChainDiverged("reorganised_below_final", final_block=final_block)
        depth = max(stored) - fork
        if depth == 0:
            return False
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            await sightings.revoke(tx)
            moved = await store.unwind(tx, above=fork)
            reach("chain.unwinding")
        reach("chain.unwound")
        REORGANISATIONS.inc()
        log.warning("chain.reorganised", fork=fork, depth=depth, mints=moved)
        self._pulses.freed.beat()
        return True

    async def _fork(self, stored: dict[int, Hash]) -> int | None:
        """Return the number above which our blocks were replaced, looking downwards; None when that is not shown."""
        numbers = sorted(stored, reverse=True)
        canonical: list[Header] = []
        for start in range(0, len(numbers), HEADERS_PER_TURN_MAX):
            some = numbers[start : start + HEADERS_PER_TURN_MAX]
            canonical += await self._source.headers(some[-1], some[0])
            if any(stored.get(header.number) == header.hash for header in canonical):
                break
        return rules.fork_point(stored, canonical)

    async def _halt(self, divergence: ChainDiverged) -> float:
        """Halt minting; following goes on trying, so that a chain that comes back needs no restart."""
        try:
            await self._halting.halt(divergence.detail)
        except Unavailable as failure:
            log.warning("follower.interrupted", problem=failure.detail, code=failure.code)
        return _TROUBLE_S
