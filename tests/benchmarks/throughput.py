"""How many mints a second go through the adapter onto a chain with 1 s blocks.

Blocks of 60M gas, all wallets fresh, in one run on one machine, each on a chain of its own that was started in
the same way:

    web3.py 30 s ──▶ raw batches 30 s ──▶ the adapter 60 s ──▶ raw batches 30 s ──▶ web3.py 30 s

so that whatever changes on the machine meanwhile weighs on both sides of the adapter. Each is counted by the logs in
the blocks of its spell (`spell.py`). The adapter is the real `cashback adapter` with its database (fsync on), fed over
gRPC in batches of 500 as the mint worker does, with 20,000 mints under way at most. Raw batches are the limit: signed
ahead, with nothing stored or followed, of the size that fills such a block best (`peers/raw_batches.py`). The peer is
what people write (`peers/web3_single.py`).

Then 10,000 mints into blocks that have room for everything, where the adapter and the node are the limit: from the
first acceptance to the moment the adapter saw the last one in a block. Every log and the supply are compared at the end
of each.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from cashback.chain.gateway.decoding import MINTED
from cashback.chain.gateway.filters import TRANSFER
from tests.benchmarks.adapter import Serving, serving
from tests.benchmarks.bare import BareToken
from tests.benchmarks.chain import Chain, fresh_mints, open_chain
from tests.benchmarks.checks import Check, at_least, exactly, reported
from tests.benchmarks.feed import Feed
from tests.benchmarks.payer import Payer
from tests.benchmarks.peers.raw_batches import RawBatches
from tests.benchmarks.peers.web3_single import Web3Single
from tests.benchmarks.spell import Spell, logs_in, spell

OF_LIMIT_MIN: Final = 0.85
GAS_LIMIT: Final = 60_000_000
ROOM_FOR_ALL: Final = 1_000_000_000
MINTS_WITH_ROOM: Final = 10_000
SIGNED_AHEAD_PER_S: Final = 15
"""Transactions: half as many again as blocks take."""
_OWNER: Final = 3


class Minted(msgspec.Struct, frozen=True):
    """What one contender did in a spell: mints a second, the mints of a median block, and how many logs were wrong."""

    rate: float
    per_block: float
    astray: int


async def measure(folder: Path, *, spell_s: float) -> list[Check]:
    """Return the figures."""
    half_s = spell_s / 2
    peer = [await _peer(folder / "peer-1", half_s)]
    limit = [await _limit(folder / "limit-1", half_s)]
    ours, figures = await _ours(folder / "ours", spell_s)
    limit.append(await _limit(folder / "limit-2", half_s))
    peer.append(await _peer(folder / "peer-2", half_s))
    limit_rate, peer_rate = _mean(limit), _mean(peer)
    room = await _with_room(folder / "room")
    astray = ours.astray + sum(one.astray for one in limit + peer)
    return [
        at_least(f"the adapter, of the limit, for {spell_s:g} s", ours.rate / limit_rate, "", bound=OF_LIMIT_MIN),
        reported("the adapter into blocks of 60M gas", ours.rate, "mints/s"),
        reported("raw batches without any adapter: the limit", limit_rate, "mints/s"),
        reported("web3.py, one transaction per mint", peer_rate, "mints/s"),
        reported("the adapter, times web3.py", ours.rate / peer_rate, ""),
        reported("mints in a median block, the adapter", ours.per_block, "mints"),
        reported("mints in a median block, raw batches", median(one.per_block for one in limit), "mints"),
        *figures,
        *room,
        exactly("mint logs lost, doubled or wrong", astray, "logs", expected=0),
    ]


async def _ours(folder: Path, duration_s: float) -> tuple[Minted, list[Check]]:
    """Return what the adapter did, and what its records say of how."""
    async with open_chain(folder, gas_limit=GAS_LIMIT) as chain, serving(folder, chain) as adapter:
        feed = Feed(adapter, fresh_mints())
        async with feed.running(feed.full):
            of = await spell(chain, duration_s=duration_s)
        unsettled = len(feed.asked.keys() - feed.settled)
        minted = await _minted(chain, of, astray=await chain.astray(feed.asked))
        figures = [
            *await _per_transaction(adapter),
            exactly("mints without a final outcome", unsettled, "mints", expected=0),
        ]
        return minted, figures


async def _limit(folder: Path, duration_s: float) -> Minted:
    """Return what raw batches did."""
    async with open_chain(folder, gas_limit=GAS_LIMIT) as chain:
        raw = RawBatches(chain, fresh_mints())
        await raw.sign_ahead(int((duration_s + 15) * SIGNED_AHEAD_PER_S))
        of = await _spell_of(chain, duration_s, raw.run)
        return await _minted(chain, of, astray=await chain.astray(raw.asked))


async def _peer(folder: Path, duration_s: float) -> Minted:
    """Return what web3.py did, one transaction per mint."""
    async with open_chain(folder, gas_limit=GAS_LIMIT) as chain:
        bare = await BareToken.deploy(Payer(chain, index=_OWNER))
        peer, mints = Web3Single(chain.anvil.url, bare.token, account=_OWNER, nonce=1), fresh_mints()
        async with aclosing(peer):
            of = await _spell_of(chain, duration_s, lambda stop: peer.run(mints, stop))
        logs = await logs_in(chain, of, contract=bare.token, topic=TRANSFER)
        return Minted(sum(logs) / of.duration_s, median(logs), peer.failed)


async def _spell_of(chain: Chain, duration_s: float, run: Callable[[asyncio.Event], Awaitable[None]]) -> Spell:
    """Return a spell while `run` mints, once it has ended."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        minting = tasks.create_task(_awaited(run(stop)))
        of = await spell(chain, duration_s=duration_s)
        stop.set()
        await minting
    return of


async def _awaited(work: Awaitable[None]) -> None:
    """Await; a task wants a coroutine."""
    await work


async def _minted(chain: Chain, of: Spell, *, astray: int) -> Minted:
    """Return what the token's logs say of a spell."""
    logs = await logs_in(chain, of, contract=chain.token, topic=MINTED)
    return Minted(sum(logs) / of.duration_s, median(logs), astray)


async def _with_room(folder: Path) -> list[Check]:
    """Return how fast it goes where no block is ever full."""
    async with open_chain(folder, gas_limit=ROOM_FOR_ALL) as chain, serving(folder, chain) as adapter:
        feed = Feed(adapter, fresh_mints())
        async with feed.running(feed.so_many(MINTS_WITH_ROOM)):
            pass
        [(accepted_s, included_s)] = await adapter.rows(
            """
            select extract(epoch from max(accepted_at) - min(accepted_at))::float8,
                   extract(epoch from max(included_at) - min(accepted_at))::float8
            from chain.mints
            """
        )
        astray = await chain.astray(feed.asked)
    return [
        reported("room for all: mints into blocks", MINTS_WITH_ROOM / included_s, "mints/s"),
        reported("room for all: mints accepted over gRPC", MINTS_WITH_ROOM / accepted_s, "mints/s"),
        exactly("room for all: mint logs lost, doubled or wrong", astray, "logs", expected=0),
    ]


async def _per_transaction(adapter: Serving) -> list[Check]:
    """Return how the adapter's records say that the mints were carried."""
    [(mints, slots, attempts, sends)] = await adapter.rows(
        """
        select (select count(*) from chain.mints),
               (select count(*) from chain.slots),
               count(*),
               sum(sends)
        from chain.blockchain_transactions
        """
    )
    return [
        reported("mints per transaction", mints / slots, "mints"),
        reported("attempts per transaction", attempts / slots, "attempts"),
        reported("sends per attempt", float(sends / attempts), "sends"),
    ]


def _mean(spells: list[Minted]) -> float:
    """Return the rate over spells of the same length."""
    return sum(one.rate for one in spells) / len(spells)
