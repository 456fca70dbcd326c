"""Blocks that are replaced: mints move back and out again by themselves, and what is final never moves."""

from contextlib import AsyncExitStack
from typing import Final

import msgspec
import pytest

from cashback.chain.model import ChainUnavailable
from cashback.processes import adapter
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.support import assembled, mint, running, serving
from tests.integration.chain.waiting import eventually

FINAL_BELOW: Final = 4
"""The development chain calls a block final when so many are on top of it: twice its slots in an epoch."""
DEEP: Final = "depth:30"
"""More than the headers that are asked for at once."""


@pytest.mark.invariant("I2", "I9")
@pytest.mark.parametrize(
    "finality,depth",
    [*(("finalized", depth) for depth in range(1, FINAL_BELOW + 1)), *((DEEP, depth) for depth in (5, 16, 17, 30))],
)
async def test_a_reorganisation_moves_mints_back_and_out_again(
    settings: adapter.Settings, finality: str, depth: int
) -> None:
    """At every depth down to the last final block, be it deeper than one question shows.

    The dropped transaction is offered again, the same bytes; there is one outcome, with the new block.
    """
    async with serving(msgspec.structs.replace(settings, finality=finality)) as bench:
        await bench.lever.mine(FINAL_BELOW)
        await bench.submit(mint(1), mint(2))
        before = await bench.reached([1, 2], "included", "safe")
        await bench.lever.mine(depth - 1)
        await bench.followed()
        await bench.lever.automine(is_on=False)
        await bench.lever.reorganise(depth)
        await bench.reached([1, 2], "submitted")
        await bench.lever.automine(is_on=True)
        await bench.lever.mine()
        outcomes = await bench.settled([1, 2])
        assert [outcome.kind for outcome in outcomes] == ["minted", "minted"]
        assert {one.place.transaction_hash for one in outcomes} == {view.transaction_hash for view in before}
        assert {one.place.block_hash for one in outcomes}.isdisjoint({view.block_hash for view in before})
        assert [await bench.logs_of(1), await bench.logs_of(2)] == [1, 1]


@pytest.mark.invariant("I2")
async def test_a_reorganisation_that_a_quorum_has_seen_is_followed_though_one_endpoint_has_not(
    settings: adapter.Settings,
) -> None:
    """It stays on the branch that is gone, and is outvoted."""
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(Proxy.before(settings.rpc_urls[0])) for _ in range(3)]
        through = msgspec.structs.replace(settings, rpc_urls=tuple(proxy.url for proxy in proxies))
        bench = await stack.enter_async_context(serving(through))
        await bench.submit(mint(1))
        [view] = await bench.reached([1], "included", "safe")
        gone = await bench.lever.call("eth_getBlockByNumber", hex(view.block_number), False)
        proxies[0].lie("eth_getBlockByNumber", lambda now: gone if now["number"] == gone["number"] else now)
        await bench.lever.automine(is_on=False)
        await bench.lever.reorganise(1)
        await bench.reached([1], "submitted")

        async def look() -> bool | None:
            # Whoever was asked while it happened is forgiven after a few right answers.
            endpoints = (await bench.adapter.reading.status()).endpoints
            is_named = "contradicts the others" in endpoints[0].problem
            return True if is_named and [one.is_healthy for one in endpoints] == [False, True, True] else None

        await eventually(look)
        await bench.lever.automine(is_on=True)
        [outcome] = await bench.settled([1])
        assert outcome.place.block_hash != view.block_hash
        assert await bench.logs_of(1) == 1


async def test_a_reorganisation_one_block_below_the_final_one_halts_minting(settings: adapter.Settings) -> None:
    """The depths above move mints; the next one is the first that must not."""
    async with serving(settings) as bench:
        await bench.lever.mine(2 * FINAL_BELOW)
        await bench.followed()
        head = await bench.lever.head()

        async def look() -> bool | None:
            return True if (await bench.adapter.reading.status()).network.final_block == head - FINAL_BELOW else None

        await eventually(look)
        await bench.lever.reorganise(FINAL_BELOW + 1)
        await bench.lever.mine()
        assert await bench.halted() == "reorganised_below_final"


async def test_a_reorganisation_below_the_final_block_halts_minting(settings: adapter.Settings) -> None:
    """What was final must not move: an operator looks."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        await bench.settled([1])
        await bench.lever.mine(3)
        await bench.followed()
        await bench.lever.reorganise(9)
        await bench.lever.mine()
        assert await bench.halted() == "reorganised_below_final"
        assert [view.state for view in await bench.views([1])] == ["final"]


@pytest.mark.parametrize("at", [6, 390], ids=["far below the stored blocks", "among the stored blocks"])
async def test_a_node_that_lags_behind_proves_nothing(settings: adapter.Settings, at: int) -> None:
    """Behind a load balancer the next answer may come from one that is still syncing: nothing is unwound nor halted."""
    async with (
        Proxy.before(settings.rpc_urls[0]) as proxy,
        serving(msgspec.structs.replace(settings, rpc_urls=(proxy.url,))) as bench,
    ):
        await bench.lever.mine(400)
        await bench.submit(mint(1))
        await bench.reached([1], "included", "safe")
        await bench.followed()
        followed = await bench.rows("select max(number), min(number), count(*) from chain.blocks")
        proxy.stale(at)
        await asked(proxy, turns=3)
        assert await bench.rows("select max(number), min(number), count(*) from chain.blocks") == followed
        assert (await bench.adapter.reading.status()).network.halted_reason is None
        assert [view.state in {"included", "safe"} for view in await bench.views([1])] == [True]
        proxy.stale(None)
        await bench.settled([1])


async def test_a_node_that_loses_its_newest_blocks_between_two_answers_proves_nothing(
    settings: adapter.Settings,
) -> None:
    """The newest block is from one node and does not link up; the one asked about our tip has no such block."""
    async with (
        Proxy.before(settings.rpc_urls[0]) as proxy,
        serving(msgspec.structs.replace(settings, rpc_urls=(proxy.url,))) as bench,
    ):
        await bench.lever.mine(40)
        await bench.followed()
        head = await bench.lever.head()
        newest = await bench.lever.call("eth_getBlockByNumber", hex(head), False)
        strange = {"number": hex(head + 1), "hash": f"0x{'ab' * 32}", "parentHash": f"0x{'cd' * 32}"}
        proxy.tag("latest", {**newest, **strange})
        proxy.stale(head - 30)
        await asked(proxy, turns=3)
        assert await bench.rows("select max(number) from chain.blocks") == [(head,)]
        assert (await bench.adapter.reading.status()).network.halted_reason is None
        proxy.tag("latest", None)
        proxy.stale(None)
        await bench.submit(mint(1))
        await bench.settled([1])


async def test_a_branch_that_is_shorter_than_ours_is_followed_at_once(settings: adapter.Settings) -> None:
    """Its head is another block than ours at the same height: that is proof, however high our own tip was."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        await bench.reached([1], "included", "safe")
        await bench.lever.mine(2)
        await bench.followed()
        await bench.lever.automine(is_on=False)
        await bench.lever.call("anvil_rollback", 3)
        await bench.lever.mine()
        await bench.reached([1], "submitted")
        await bench.lever.automine(is_on=True)
        await bench.settled([1])
        assert await bench.logs_of(1) == 1


async def test_a_block_that_the_node_does_not_have_is_no_answer(settings: adapter.Settings) -> None:
    """Its own final block may be missing on the next node behind the same address."""
    async with (
        Proxy.before(settings.rpc_urls[0]) as proxy,
        serving(msgspec.structs.replace(settings, rpc_urls=(proxy.url,))) as bench,
    ):
        await bench.followed()
        missing = await bench.lever.call("eth_getBlockByNumber", "0x1", False)
        proxy.tag("finalized", {**missing, "number": hex(10_000)})
        with pytest.raises(ChainUnavailable, match="no such block"):
            await bench.adapter.reading.mint_logs(from_block=0, to_block=0)
        await bench.lever.mine()
        await proxy.met("finalized")
        proxy.tag("finalized", None)
        await bench.submit(mint(1))
        await bench.settled([1])


async def asked(proxy: Proxy, *, turns: int) -> None:
    """Return once the follower has asked for so many blocks more, and so has acted on some of the answers."""
    before = proxy.asked.count("eth_getBlockByNumber")

    async def look() -> bool | None:
        return True if proxy.asked.count("eth_getBlockByNumber") >= before + 4 * turns else None

    await eventually(look)


async def test_a_node_that_calls_another_branch_final_is_not_believed(settings: adapter.Settings) -> None:
    """Nothing becomes final on its word; once it agrees again, everything goes on."""
    async with (
        Proxy.before(settings.rpc_urls[0]) as proxy,
        serving(msgspec.structs.replace(settings, rpc_urls=(proxy.url,))) as bench,
    ):
        await bench.submit(mint(1))
        await bench.reached([1], "included")
        stray = await bench.lever.call("eth_getBlockByNumber", "0x2", False)
        proxy.tag("finalized", {**stray, "hash": f"0x{'ab' * 32}"})
        await bench.lever.mine(6)
        await proxy.met("finalized")
        assert [view.state for view in await bench.views([1])] == ["included"]
        proxy.tag("finalized", None)
        await bench.settled([1])


async def test_sightings_of_strangers_numbers_are_forgotten_with_their_blocks(settings: adapter.Settings) -> None:
    """A number that was used only in a block that is gone is free again; seen while a database is built, it is past."""
    async with assembled(settings) as bench, running(bench.adapter.follower.run):
        elsewhere = mint(5, amount=77)
        await bench.people.mint_elsewhere(elsewhere)
        await bench.followed()
        assert await bench.rows("select number from chain.used_numbers") == [(5,)]
        await bench.lever.reorganise(1)
        await bench.lever.mine()
        await bench.followed()
        await bench.submit(mint(5, amount=78))
        async with running(bench.adapter.lanes[0].run):
            [outcome] = await bench.settled([5])
        assert (outcome.kind, outcome.mint.amount) == ("minted", 78)


async def test_nothing_is_unwound_when_all_headers_were_booked_back_meanwhile(settings: adapter.Settings) -> None:
    """Between a follower's looks a recovery may go back to before the first block; following begins anew."""
    async with assembled(settings) as bench:
        assert not await bench.adapter.follower._unwind()
