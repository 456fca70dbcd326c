"""What the adapter tells its operator of itself and its chain, over gRPC, and what is left of it without nodes."""

import msgspec

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.rules.attention import worries
from cashback.chain.service.auditing import Audit
from cashback.processes import adapter
from tests.integration.chain.listening import listening_at
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.support import assembled, mint, serving

CAPACITY = 10_000_000_000_000
WINDOW_S = 86_400


async def test_the_operator_sees_lanes_fees_limits_and_supply(settings: adapter.Settings) -> None:
    """After one mint every figure is the chain's own."""
    async with serving(settings) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        await bench.submit(mint(1, amount=7))
        await bench.settled([1])
        view = await caller.status()
        [lane] = view.lanes
        assert (lane.next_nonce, lane.pending_nonce, lane.latest_nonce, lane.gap) == (1, 1, 1, 0)
        assert (lane.open_slots, lane.waits_for) == (0, "")
        assert lane.gas_money_wei is not None
        assert 0 < lane.gas_money_wei < 10_000 * 10**18
        assert view.allowance is not None
        assert (view.allowance.capacity, view.allowance.window_s) == (CAPACITY, WINDOW_S)
        assert view.allowance.available in {CAPACITY - 7, CAPACITY}
        assert view.allowance.base_fee_wei > 0
        assert view.total_supply == 7 < view.allowance.supply_cap
        assert (view.tip_floor_wei, view.tip_cap_wei) == (settings.tip_floor_wei, settings.tip_cap_wei)
        assert view.fee_cap_wei == settings.fee_cap_wei
        assert view.final <= view.safe <= view.head
        assert worries(view) == []


async def test_a_signed_nonce_that_no_pool_holds_is_a_gap(settings: adapter.Settings) -> None:
    """It is stored and was never sent: the chain knows nothing of it."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        proxy.always("eth_sendRawTransaction", "refuse")
        through = msgspec.structs.replace(settings, rpc_urls=(proxy.url,))
        async with serving(through) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
            await bench.submit(mint(1))
            await bench.reached([1], "submitted")
            [lane] = (await caller.status()).lanes
            assert (lane.next_nonce, lane.pending_nonce, lane.gap, lane.open_slots) == (1, 0, 1, 1)


async def test_a_pause_and_a_lagging_or_silent_endpoint_need_a_person(settings: adapter.Settings) -> None:
    """The answer comes all the same, and says what it could not find out."""
    async with Proxy.before(settings.rpc_urls[0]) as slow, Proxy.before(settings.rpc_urls[0]) as dead:
        urls = (dead.url, slow.url, settings.rpc_urls[0])
        several = msgspec.structs.replace(settings, rpc_urls=urls)
        async with assembled(several) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
            await bench.people.pause()
            dead.always("*", "refuse")
            slow.always("eth_blockNumber", {"result": "0x1"})
            await bench.lever.mine(10)
            view = await caller.status()
            assert [one.is_healthy for one in view.endpoints] == [False, True, True]
            assert [one.lag for one in view.endpoints] == [0, view.head - 1, 0]
            found = " / ".join(worries(view))
            assert "blocks behind" in found
            assert "does not answer" in found
            assert "the minter is paused" in found


async def test_with_no_node_at_all_the_adapter_still_says_how_it_stands(settings: adapter.Settings) -> None:
    """What the chain alone knows is missing, and said to be."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        through = msgspec.structs.replace(settings, rpc_urls=(proxy.url,))
        async with serving(through) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
            await bench.submit(mint(1))
            await bench.settled([1])
            proxy.always("*", "refuse")
            view = await caller.status()
            [lane] = view.lanes
            assert (lane.next_nonce, lane.latest_nonce, lane.pending_nonce, lane.gap) == (1, None, None, None)
            assert (view.allowance, view.total_supply) == (None, None)
            assert len(worries(view)) == 3


async def test_a_mint_is_shown_with_each_attempt_that_carried_it(settings: adapter.Settings) -> None:
    """The replacement stands after the first one, dearer, and exactly one of them is in a block."""
    quick = msgspec.structs.replace(settings, bump_ms=1)
    async with serving(quick) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1))
        await bench.replaced()
        await bench.settled([1])
        story = await Audit(bench.database).mint(1)
        assert story is not None
        assert story.mint == (await bench.views([1]))[0]
        first, second = story.attempts[:2]
        assert (first.nonce, first.answer, second.nonce) == (0, "accepted", 0)
        assert first.max_fee_wei < second.max_fee_wei
        assert first.stored_at < second.stored_at
        assert first.sent_at is not None
        [mined] = [one for one in story.attempts if one.block_number is not None]
        assert (mined.hash, mined.block_number) == (story.mint.transaction_hash, story.mint.block_number)
        assert await Audit(bench.database).mint(2) is None
