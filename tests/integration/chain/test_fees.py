"""What is paid for gas: what others pay, within the operator's bounds, through spikes and back, and never twice."""

from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
import pytest
import structlog

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.node import Node
from cashback.processes import adapter, signing
from tests.integration.chain.levers import ACCOUNTS
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.support import CHAIN_ID, Bench, assembled, mint, running, serving

SEND: Final = "eth_sendRawTransaction"
GWEI: Final = signing.GWEI
SOMEBODY: Final = signing.address(ACCOUNTS[3])


@pytest.fixture
async def proxy(settings: adapter.Settings) -> AsyncIterator[Proxy]:
    """Give a proxy in front of the node."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        yield proxy


async def base_fee(bench: Bench, gwei: int) -> None:
    """Mine a block with this base fee; the next one has nearly the same."""
    await bench.lever.call("anvil_setNextBlockBaseFeePerGas", hex(gwei * GWEI))
    await bench.lever.mine()
    await bench.followed()


async def prices_paid(bench: Bench) -> list[tuple[int, int]]:
    """Return the two prices of every attempt."""
    rows = await bench.rows("select max_fee_wei, tip_wei from chain.blockchain_transactions order by place")
    return [(int(row[0]), int(row[1])) for row in rows]


async def tips_of_others(bench: Bench, gwei: int, *, blocks: int) -> None:
    """Have somebody else pay this tip in so many blocks."""
    for _ in range(blocks):
        price = {"maxPriorityFeePerGas": hex(gwei * GWEI), "maxFeePerGas": hex((gwei + 100) * GWEI)}
        await bench.lever.call("eth_sendTransaction", {"from": ACCOUNTS[3], "to": ACCOUNTS[0], **price})


@pytest.mark.parametrize("paid_gwei,tip_gwei", [(7, 7), (60, 40)], ids=["the market's", "the cap"])
async def test_the_tip_is_what_others_pay_within_its_cap(
    settings: adapter.Settings, paid_gwei: int, tip_gwei: int
) -> None:
    """Not a fixed one, and none that a library makes up; the base fee has room to double."""
    async with serving(msgspec.structs.replace(settings, tip_cap_wei=40 * GWEI)) as bench:
        await tips_of_others(bench, paid_gwei, blocks=5)
        latest = await bench.lever.call("eth_getBlockByNumber", "latest", False)
        await bench.submit(mint(1))
        await bench.reached([1], "included", "safe")
        [(max_fee_wei, tip_wei)] = await prices_paid(bench)
        assert tip_wei == tip_gwei * GWEI
        # After a block that is nearly empty the base fee falls by up to an eighth.
        base_fee_wei = int(latest["baseFeePerGas"], 16)
        assert 2 * base_fee_wei * 7 // 8 <= max_fee_wei - tip_wei <= 2 * base_fee_wei


async def test_where_nobody_tips_the_floor_is_paid(settings: adapter.Settings) -> None:
    """Blocks that nobody paid for say nothing."""
    async with serving(settings) as bench:
        await bench.lever.mine(25)
        await bench.submit(mint(1))
        await bench.settled([1])
        [(_, tip_wei)] = await prices_paid(bench)
        assert tip_wei == settings.tip_floor_wei


@pytest.mark.invariant("I4", "I9")
async def test_a_spike_above_the_cap_with_a_slot_in_flight_is_waited_for_and_passes(settings: adapter.Settings) -> None:
    """A gas cap and a spike left a transaction stuck for ever.

    https://github.com/OpenZeppelin/openzeppelin-relayer/issues/808

    Here the lane says what it waits for, keeps the same bytes on offer, and they are mined when fees have fallen, with
    what came meanwhile: nobody needs to do anything.
    """
    capped = msgspec.structs.replace(settings, resend_ms=100, fee_cap_wei=20 * GWEI)
    async with serving(capped) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1))
        await bench.reached([1], "submitted")
        await bench.sent()
        await base_fee(bench, 50)
        await bench.waits_for("fee_above_cap")
        await bench.submit(mint(2))
        assert len(await bench.attempts()) == 1
        await base_fee(bench, 1)
        await bench.lever.automine(is_on=True)
        await bench.settled([1, 2])
        assert {nonce for nonce, _, _, is_mined in await bench.attempts() if is_mined} == {0, 1}
        assert all(max_fee_wei <= 20 * GWEI for max_fee_wei, _ in await prices_paid(bench))
        status = await bench.adapter.reading.status()
        assert (status.network.halted_reason, status.lanes[0].lane.waits_for) == (None, None)


async def test_a_lane_with_nothing_in_flight_goes_on_saying_that_gas_costs_too_much(settings: adapter.Settings) -> None:
    """Turn after turn it waits for the same and says so once; with prices down nothing is left of it."""
    capped = msgspec.structs.replace(settings, fee_cap_wei=20 * GWEI)
    async with assembled(capped) as bench, running(bench.adapter.follower.run):
        [lane] = bench.adapter.lanes
        assert await lane._tenure.hold()
        await base_fee(bench, 50)
        await bench.submit(mint(1))
        await bench.ripe()
        with structlog.testing.capture_logs() as lines:
            for _ in range(3):
                await lane._serve()
                [row] = await bench.rows("select waits_for from chain.lanes")
                assert row == ("fee_above_cap",)
        assert [line["reason"] for line in lines if line["event"] == "lane.waited"] == ["fee_above_cap"]
        await base_fee(bench, 0)
        await lane._serve()
        assert await bench.rows("select waits_for from chain.lanes") == [(None,)]


@pytest.mark.invariant("I2", "I9")
async def test_a_transaction_that_was_replaced_and_is_mined_itself_is_known(
    settings: adapter.Settings, proxy: Proxy
) -> None:
    """The replacement was watched, the replaced one was mined (https://github.com/Layr-Labs/eigenda/issues/228).

    There the sender waited for a hash that never came. Here every attempt at a nonce is stored, and the log in the
    block tells whichever carried the mint.
    """
    async with (
        Node.open(settings.rpc_urls, chain_id=CHAIN_ID, timeout_s=5) as pool,
        serving(msgspec.structs.replace(settings, rpc_urls=(proxy.url,), resend_ms=200)) as bench,
    ):
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1))
        [first] = await bench.reached([1], "submitted")
        await bench.sent()
        # From now on the endpoint takes what it is sent, and loses it.
        proxy.always(SEND, {"result": f"0x{'ab' * 32}"})
        await base_fee(bench, 50)
        await bench.replaced()
        await base_fee(bench, 0)
        # Some pool still had the first one.
        [(raw,), *_] = await bench.rows("select raw from chain.blockchain_transactions order by place")
        await pool.send(raw)
        [outcome] = await bench.settled([1])
        assert outcome.place.transaction_hash == first.transaction_hash
        mined = [is_mined for nonce, _, _, is_mined in await bench.attempts() if nonce == 0]
        assert mined[0]
        assert not any(mined[1:])
        assert await bench.logs_of(1) == 1


async def test_tips_that_endpoints_count_differently_are_the_lowest_of_a_quorum(settings: adapter.Settings) -> None:
    """One that lies about tips makes nobody pay more; one that lies about the base fee is outvoted."""

    def inflated(history: dict[str, Any]) -> dict[str, Any]:
        """Return a history of a hundredfold tips."""
        return {**history, "reward": [[hex(100 * int(one[0], 16))] for one in history["reward"]]}

    def free(history: dict[str, Any]) -> dict[str, Any]:
        """Return a history after which gas costs nothing."""
        return {**history, "baseFeePerGas": [*history["baseFeePerGas"][:-1], "0x0"]}

    async with (
        Proxy.before(settings.rpc_urls[0]) as liar,
        serving(settings) as bench,
        Node.open([liar.url, *settings.rpc_urls * 2], chain_id=CHAIN_ID, timeout_s=5, quorum=2) as node,
    ):
        await tips_of_others(bench, 3, blocks=3)
        blocks = Blocks(node, token=SOMEBODY)
        head = await blocks.latest()
        honest = await blocks.prices(head)
        assert honest.rewards_wei[-3:] == (3 * GWEI,) * 3
        for lie in (inflated, free):
            liar.lie("eth_feeHistory", lie)
            assert await blocks.prices(head) == honest


async def test_without_a_history_what_is_in_flight_is_offered_all_the_same(
    settings: adapter.Settings, proxy: Proxy
) -> None:
    """Its price is then held against the base fee of the block that was followed."""
    async with serving(msgspec.structs.replace(settings, rpc_urls=(proxy.url,), resend_ms=100)) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1))
        [view] = await bench.reached([1], "submitted")
        await bench.sent()
        proxy.always("eth_feeHistory", {"error": {"code": -32_000, "message": "pruned"}})
        await bench.lever.call("anvil_dropTransaction", f"0x{view.transaction_hash.hex()}")
        await bench.lever.automine(is_on=True)
        [outcome] = await bench.settled([1])
        assert outcome.place.transaction_hash == view.transaction_hash
